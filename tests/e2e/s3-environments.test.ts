// An environment over production on S3 and Hive Metastore: clone, build, compare, drop; production is as it was.
import { afterAll, beforeAll, expect, test } from "vitest";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { lakehouseUnavailable, startLakehouse, type RunningLakehouse } from "../services/lakehouse.ts";
import { describeWith } from "../services/skip.ts";
import { eventsProject, goodLines } from "./events-project.ts";
import { makeProject } from "./project.ts";

describeWith(lakehouseUnavailable(), "an environment on S3 and Hive Metastore", () => {
  let lakehouse: RunningLakehouse;
  let storage: Storage;
  beforeAll(async () => {
    lakehouse = await startLakehouse();
    storage = openS3Storage({ storage: lakehouse.s3.storage });
  });
  afterAll(() => lakehouse.stop());

  const objects = async (below: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const { path, etag } of storage.list(`${lakehouse.warehouse}/${below}`))
      found.push(`${path} ${etag}`);
    return found.sort();
  };
  const land = (name: string, text: string): Promise<void> =>
    storage.write(`${lakehouse.landing}/events/${name}`, new TextEncoder().encode(text));

  test("production stays as it was, byte for byte", async () => {
    const outputs = { prod: lakehouse.target(), "pr_*": { from: "prod" } };
    using here = makeProject({
      ...eventsProject,
      "profiles.yml": JSON.stringify({ shop: { target: "prod", outputs } }),
    });
    await land("f1.jsonl", goodLines(3));
    expect((await here.run({ target: "prod" })).success).toBe(true);
    const before = [await objects("lakehouse.db/"), await objects("_lake/prod/")];

    await land("f2.jsonl", goodLines(2, 4));
    here.write({
      "models/daily.sql": `{{config materialized="table" unique_key="kind"}}\nselect kind, count(*) as n, 1 as extra from {{ref "events"}} group by 1\n`,
    });
    const changed = await here.cli("ls", "-t", "pr_42", "-s", "state:modified", "--output", "name");
    expect([changed.code, changed.stdout]).toEqual([0, "daily\n"]);
    const outcome = await here.run({ target: "pr_42" });
    expect(outcome.results.flatMap(({ error }) => error?.message ?? [])).toEqual([]);
    expect(outcome.of("events")?.message).toMatch(/2 rows/);
    const count = `select count(*) from {{ref "events"}}`;
    expect(await here.query(count, "pr_42")).toEqual([[5]]);
    expect(await here.query(count, "prod")).toEqual([[3]]);
    expect((await objects("pr_42.db/events/")).filter((path) => path.includes(".parquet"))).toHaveLength(1);

    const diff = await here.cli("diff", "-t", "pr_42", "--output", "json");
    expect([diff.code, JSON.parse(diff.stdout)]).toMatchObject([
      0,
      [
        { node: "events", rows: { added: 2 }, files: { read: 1, shared: 1 } },
        {
          node: "daily",
          rows: { changed: 1 },
          columns: [{ name: "n", rows: 1, examples: [["view", "3", "5"]] }],
        },
      ],
    ]);
    expect((await here.cli("env", "ls", "-t", "prod")).stdout).toMatch(/pr_42 +prod +2 +1/);
    const drop = await here.cli("env", "drop", "pr_42", "--yes");
    expect([drop.code, drop.stderr]).toEqual([0, ""]);
    expect([await objects("pr_42.db/"), await objects("_lake/pr_42/")]).toEqual([[], []]);
    expect((await here.cli("env", "ls", "-t", "prod")).stdout).toBe("no environment\n");
    expect([await objects("lakehouse.db/"), await objects("_lake/prod/")]).toEqual(before);
    expect(await here.query(count, "prod")).toEqual([[3]]);
  });
});
