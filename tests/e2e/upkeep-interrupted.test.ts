// Upkeep that is killed at any of its steps leaves every row where it was and every snapshot whole, and the next one
// ends what it began; two at once beside builds lose and double nothing.
import { cpSync, rmSync, utimesSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { pathKey } from "../../engine/iceberg/path-key.ts";
import { reachableFiles } from "../../engine/iceberg/reachable-files.ts";
import { eventsProject, goodLines } from "./events-project.ts";
import { deletePositions, tableOf } from "./foreign.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";
import { startAtStep, stepsOf } from "./steps.ts";

const landing = (file: number): Record<string, string> => ({
  [`landing-zone/events/${file}.jsonl`]: goodLines(10, file * 10 + 1),
});
const orphan = "warehouse/lakehouse.db/events/data/nobody.parquet";

/** Six small files, one of them with deleted rows, a file that belongs to nothing, and snapshots to expire. */
async function used(): Promise<TestProject> {
  const here = makeProject(eventsProject);
  for (let file = 0; file < 6; file += 1) {
    here.write(landing(file));
    expect((await here.run({ select: ["events"] })).success).toBe(true);
  }
  await deletePositions(here, "events", "id in (3, 4)");
  here.write({ [orphan]: "nothing of the table" });
  const old = new Date(Date.now() - 3 * 86_400_000);
  utimesSync(path.join(here.root, orphan), old, old);
  return here;
}

const rows = (here: TestProject): Promise<unknown[][]> =>
  here.query(`select count(*), count(distinct id), sum(id) from {{ref "events"}}`);

/** Files that the table needs and that are not there. */
const missing = (here: TestProject): Promise<string[]> =>
  here.withSession(async (session) => {
    const storage = await session.storage();
    const { metadata, metadataLocation } = await tableOf(session, "events");
    const there = new Set<string>();
    for await (const { path: found } of storage.list(metadata.location)) there.add(pathKey(found));
    const needed = await reachableFiles(storage, metadata, metadataLocation);
    return [...needed].filter((file) => !there.has(file));
  });

test("killed at each step, the rows stay, every snapshot is whole, and the next upkeep ends it", async () => {
  using here = await used();
  const before = await rows(here);
  expect(before).toEqual([[58, 58, 1830 - 7]]);
  const aside = `${here.root}-aside`;
  cpSync(here.root, aside, { recursive: true, preserveTimestamps: true });
  try {
    expect(await startAtStep({ root: here.root, maintain: "events", at: 0 }).ended).toMatchObject({
      code: 0,
    });
    const points = stepsOf(here.root).flatMap((step, index) =>
      step.startsWith("before ") ? [index + 1] : [],
    );
    // Compaction, manifests or deletes, expiry and orphans each change something.
    expect(points.length).toBeGreaterThan(8);
    expect(await rows(here)).toEqual(before);
    for (const at of points) {
      rmSync(here.root, { recursive: true });
      cpSync(aside, here.root, { recursive: true, preserveTimestamps: true });
      const killed = await startAtStep({ root: here.root, maintain: "events", at, signal: "SIGKILL" }).ended;
      const label = `${at} ${stepsOf(here.root).at(-1)}`;
      expect([label, killed.signal]).toEqual([label, "SIGKILL"]);
      expect([label, await rows(here), await missing(here)]).toEqual([label, before, []]);
      const again = await startAtStep({ root: here.root, maintain: "events", at: 0 }).ended;
      expect([label, again.output, again.code]).toEqual([label, "", 0]);
      expect([label, await rows(here), await missing(here)]).toEqual([label, before, []]);
      expect([label, here.files("warehouse/lakehouse.db/events/data").includes("nobody.parquet")]).toEqual([
        label,
        false,
      ]);
      const built = await here.run({ select: ["events"] });
      expect([label, built.of("events")?.status]).toEqual([label, "reused"]);
    }
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}, 600_000);

test("two maintainers and builds at once: no row is lost or there twice", async () => {
  using here = await used();
  for (let round = 0; round < 3; round += 1) {
    here.write(landing(6 + round));
    const maintainers = [1, 2].map(() => startAtStep({ root: here.root, maintain: "events", at: 0 }).ended);
    const build = here.cli("build", "-s", "events");
    const ended = await Promise.all(maintainers);
    // One may give way to the other, with a word.
    for (const { code, output } of ended)
      expect([
        code === 0 || /catalog\/conflict|cannot-restage|missing-data-file/.test(output),
        output,
      ]).toEqual([true, output]);
    await build;
    expect((await here.run({ select: ["events"] })).success).toBe(true);
    const all = 60 + 10 * (round + 1);
    expect(await rows(here)).toEqual([[all - 2, all - 2, (all * (all + 1)) / 2 - 7]]);
    expect(await missing(here)).toEqual([]);
  }
}, 300_000);
