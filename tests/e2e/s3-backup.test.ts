// Backups into another bucket, of tables in a metastore: what changed is copied, the copy stands on its own, and the
// table comes back from it after everything else is lost.
import { afterAll, beforeAll, expect, test } from "vitest";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { rowsOnS3 } from "../interop/pyiceberg-s3.ts";
import { whyNoPyiceberg } from "../interop/pyiceberg.ts";
import { lakehouseUnavailable, startLakehouse, type RunningLakehouse } from "../services/lakehouse.ts";
import { describeWith } from "../services/skip.ts";
import { tableOf } from "./foreign.ts";
import { given, lineage, project, type Row } from "./lineage.ts";
import { makeProject, type TestProject } from "./project.ts";

const rows = (numbers: readonly number[], amount: number): readonly Row[] =>
  numbers.map((id) => [id, `2025-07-0${1 + (id % 3)}`, amount]);

async function built(here: TestProject): Promise<void> {
  const { results } = await here.run({});
  expect(results.flatMap(({ error }) => error ?? [])).toEqual([]);
}

/** Out of the catalog; each is known to be there. */
function dropTables(here: TestProject, ...names: string[]): Promise<void> {
  return here.withSession(async (session) => {
    const catalog = await session.catalog();
    for (const name of names) {
      await tableOf(session, name);
      await catalog.drop({ namespace: "lakehouse", name });
    }
  });
}

interface Report {
  readonly backup: string;
  readonly copiedFiles: number;
  readonly presentFiles: number;
}

describeWith(lakehouseUnavailable() ?? (await whyNoPyiceberg()), "backups into another bucket", () => {
  let lakehouse: RunningLakehouse;
  let storage: Storage;
  beforeAll(async () => {
    lakehouse = await startLakehouse();
    storage = openS3Storage({ storage: lakehouse.s3.storage });
  });
  afterAll(() => lakehouse.stop());

  const objects = async (prefix: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const { path } of storage.list(prefix)) found.push(path);
    return found;
  };
  const backup = async (here: TestProject, ...args: string[]): Promise<Report> => {
    const { code, stdout, stderr } = await here.cli("backup", "-s", "orders", ...args, "--output", "json");
    expect([code, stderr]).toEqual([0, ""]);
    return (JSON.parse(stdout) as Report[])[0] as Report;
  };
  /** What PyIceberg finds in the copy, which no catalog knows. */
  const readBy = async (folder: string): Promise<unknown> => {
    const files = await objects(`${folder}/metadata/`);
    const metadata = files.find((path) => path.endsWith(".metadata.json")) ?? "";
    return rowsOnS3(lakehouse.s3, metadata, [`r["id"]`, `str(r["day"])`, `r["amount"]`]);
  };
  const rowsOf = (here: TestProject): Promise<unknown[][]> =>
    here.query(`select id, day::varchar, amount from {{ref "orders"}} order by all`);

  test.each([2, 3])("format %i, with rows marked as deleted", async (version) => {
    const { "models/orders.sql": model = "", ...files } = project("merge", "merge-on-read");
    using here = makeProject({
      ...files,
      ...given(rows([1, 2, 3, 4, 5, 6, 7, 8, 9], 1)),
      "models/orders.sql": String(model).replace("=3", `=${version}`),
      "profiles.yml": lakehouse.profiles(),
    });
    const to = `s3://${await lakehouse.s3.createBucket()}/nightly/lake`;
    await built(here);
    const first = await backup(here, "--to", to);
    expect(first).toMatchObject({ copiedFiles: 3, presentFiles: 0 });
    const before = await rowsOf(here);

    // Of one partition rows go, to another they come; the third stays as it is.
    here.write(given(rows([3, 10, 11], 2)));
    await built(here);
    // Names carry seconds.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const second = await backup(here, "--to", to);
    expect(second.presentFiles).toBeGreaterThan(0);
    const after = await rowsOf(here);
    expect(after).toHaveLength(11);
    expect(await readBy(first.backup)).toEqual(before);
    // PyIceberg 0.12 reads format 3 where it needs no deletion vector, and a backup has none.
    expect(await readBy(second.backup)).toEqual(after);
    const idsOf = async (): Promise<unknown> => (version === 3 ? lineage(here) : null);
    const ids = await idsOf();

    const asTable = await backup(here);
    expect(asTable.backup).toMatch(/^lakehouse\.orders_backup_\d{8}_\d{6}$/);

    // The bucket is lost, and the metastore forgets.
    await dropTables(here, "given", "orders", asTable.backup.slice("lakehouse.".length));
    await storage.delete(await objects(`s3://${lakehouse.bucket}/`));
    const restored = await here.cli("restore", "orders", "--from", second.backup);
    expect([restored.code, restored.stderr]).toEqual([0, ""]);
    expect(await rowsOf(here)).toEqual(after);
    expect(await idsOf()).toEqual(ids);
    // It goes on from there, and nothing of it stands on the backup.
    await storage.delete(await objects(`${to}/`));
    here.write(given(rows([1, 12], 3)));
    await built(here);
    expect(await rowsOf(here)).toHaveLength(12);
    expect((await here.query(`select amount from {{ref "orders"}} where id in (1, 12)`)).flat()).toEqual([
      3, 3,
    ]);
    await dropTables(here, "given", "orders");
  });
});
