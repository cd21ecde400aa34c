// Format v3: a row keeps its id, and the number of the commit that changed it last, in whatever file it comes to lie.
import { beforeEach, describe, expect, test } from "vitest";
import { given, lineage, project } from "./lineage.ts";
import type { Row } from "./lineage.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

async function built(here: TestProject): Promise<void> {
  const outcome = await here.run({});
  expect(outcome.results.flatMap(({ error }) => error ?? [])).toEqual([]);
}

const first: readonly Row[] = [1, 2, 3, 4, 5, 6].map((id) => [id, `2025-07-0${1 + (id % 2)}`, id * 10]);

describe.each(["merge", "delete+insert"])("%s", (strategy) => {
  let here: TestProject;
  beforeEach(async () => {
    here = makeProject({ ...project(strategy), ...given(first) });
    await built(here);
    return () => here[Symbol.dispose]();
  });

  test("rows of rewritten files keep their ids; those that came are new", async () => {
    const before = await lineage(here);
    here.write(
      given([
        [2, "2025-07-01", 21],
        [7, "2025-07-02", 70],
      ]),
    );
    await built(here);
    const after = await lineage(here);
    expect([...after.keys()].sort((one, other) => one - other)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    for (const id of [1, 3, 4, 5, 6]) expect([id, after.get(id)]).toEqual([id, before.get(id)]);
    for (const id of [2, 7]) expect(after.get(id)?.updated).toBe(2);
    // Merge changes a row; the other takes one away and brings a new one.
    const isSame = after.get(2)?.row === before.get(2)?.row;
    expect(isSame).toBe(strategy === "merge");
  });

  test("compaction, in any order, and rewritten manifests change none", async () => {
    for (const id of [10, 11, 12]) {
      here.write(given([[id, "2025-07-01", 1]]));
      await built(here);
    }
    const before = await lineage(here);
    for (const args of [
      ["compact", "-s", "orders", "--rewrite-all"],
      ["compact", "-s", "orders", "--rewrite-all", "--strategy", "sort", "--by", "amount desc"],
      ["rewrite-manifests", "-s", "orders"],
    ]) {
      const { code, stderr } = await here.cli(...args);
      expect([code, stderr]).toEqual([0, expect.anything()]);
      expect(await lineage(here)).toEqual(before);
    }
    here.write(given([[1, "2025-07-02", 11]]));
    await built(here);
    const after = await lineage(here);
    for (const id of [2, 3, 10, 11, 12]) expect([id, after.get(id)]).toEqual([id, before.get(id)]);
  });
});

test("a table that becomes v3 gives ids to the rows that it holds, and they stay", async () => {
  const v2 = {
    "models/orders.sql": project("merge")["models/orders.sql"]!.toString().replace("format_version=3", ""),
  };
  using here = makeProject({ ...project("merge"), ...v2, ...given(first) });
  await built(here);
  here.write({ ...project("merge"), ...given([[7, "2025-07-02", 70]]) });
  await built(here);
  const before = await lineage(here);
  expect(before.size).toBe(7);
  here.write(given([[1, "2025-07-02", 12]]));
  await built(here);
  const after = await lineage(here);
  for (const id of [2, 3, 4, 5, 6, 7]) expect([id, after.get(id)]).toEqual([id, before.get(id)]);
});
