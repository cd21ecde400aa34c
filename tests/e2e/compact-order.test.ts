// Compaction that puts rows in order: the same rows, in files of which a query by the columns needs few.
import { expect, test } from "vitest";
import { boundsOf, type Bounds } from "./file-bounds.ts";
import { makeProject } from "./project.ts";
import type { TestProject } from "./project.ts";

const rows = 60_000;
/** Four appends of the same spread: every file may hold any value. */
const files = (round: number): Record<string, string> => ({
  "models/points.sql": `{{config materialized="incremental" strategy="append" partition_by="side" reuse=false}}
select (hash(n + ${round} * ${rows}) % 100000)::bigint as a, (hash(n * 7 + ${round}) % 100000)::bigint as b, n % 2 as side,
  md5(n::varchar) as text
from range(${rows}) as numbers(n)
`,
  "models/points.yml": `models: [{name: points, config: {properties: {write.target-file-size-bytes: "100000", write.parquet.row-group-limit: "4096"}}}]\n`,
  "models/sums.sql": `{{config materialized="table"}}\nselect count(*) as n from {{ref "points"}}\n`,
});

async function scattered(): Promise<TestProject> {
  const here = makeProject(files(0));
  for (const round of [0, 1, 2, 3]) {
    here.write(files(round));
    expect((await here.run({})).success).toBe(true);
  }
  return here;
}

const sums = (here: TestProject): Promise<unknown[][]> =>
  here.query(`select count(*), sum(a), sum(b), bit_xor(hash(a, b, side, text)) from {{ref "points"}}`);

/** The share of the files that a look for one value of the column must read, on the average of some values. */
function read(bounds: readonly Bounds[], column: string): number {
  const asked = Array.from({ length: 50 }, (_, index) => BigInt(index * 2000 + 999));
  const hits = asked.map(
    (value) =>
      bounds.filter((file) => {
        const [least, most] = file.columns[column] ?? [];
        return least !== undefined && most !== undefined && least <= value && value <= most;
      }).length,
  );
  return hits.reduce((sum, count) => sum + count, 0) / asked.length / bounds.length;
}

const compact = (here: TestProject, ...args: string[]) =>
  here.cli("compact", "-s", "points", "--rewrite-all", ...args);

test("sort: files of a partition follow one another; zorder: few are needed by either column", async () => {
  using here = await scattered();
  const before = await sums(here);
  expect(read(await boundsOf(here, "points"), "a")).toBe(1);
  const sorted = await compact(here, "--strategy", "sort", "--by", "a");
  expect([sorted.code, sorted.stderr]).toEqual([0, expect.anything()]);
  expect(await sums(here)).toEqual(before);
  const inOrder = await boundsOf(here, "points");
  for (const side of [0n, 1n]) {
    const own = inOrder.filter(({ partition }) => BigInt(String(partition[0])) === side);
    expect(own.length).toBeGreaterThan(4);
    const ranges = own.map(({ columns }) => columns["a"]!).sort(([one], [other]) => (one < other ? -1 : 1));
    ranges.forEach(([least], index) => expect(index === 0 || least >= ranges[index - 1]![1]).toBe(true));
  }
  expect(read(inOrder, "a")).toBeLessThan(0.2);
  expect(read(inOrder, "b")).toBe(1);
  const curved = await compact(here, "--strategy", "zorder", "--by", "a,b");
  expect(curved.code).toBe(0);
  expect(await sums(here)).toEqual(before);
  const near = await boundsOf(here, "points");
  expect(read(near, "a")).toBeLessThan(0.5);
  expect(read(near, "b")).toBeLessThan(0.5);
  // The same rows: what reads them is not built again.
  expect((await here.run({ select: ["sums"] })).of("sums")?.status).toBe("reused");
});

test("an order that is none is refused, and nothing is written", async () => {
  using here = makeProject(files(0));
  await here.run({});
  const before = await here.catalog();
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await compact(here, ...args);
    expect(code).toBe(1);
    return stderr;
  };
  expect(await refused("--strategy", "sort")).toMatch(/the table has no sort order/);
  expect(await refused("--strategy", "zorder", "--by", "a")).toMatch(/2 to 4 columns, found 1/);
  expect(await refused("--strategy", "zorder", "--by", "a,bb")).toMatch(
    /has no column bb[^]*did you mean "b"\?/,
  );
  expect(await here.catalog()).toEqual(before);
});

test("lake maintain orders as the config says", async () => {
  using here = makeProject({
    ...files(0),
    "models/points.yml": `models:
  - name: points
    config:
      maintain: {compact: {strategy: sort, by: b desc}, expire_snapshots: false, remove_orphan_files: false}
`,
  });
  for (const round of [0, 1, 2, 3, 4]) {
    here.write({ "models/points.sql": files(round)["models/points.sql"] ?? "" });
    expect((await here.run({ select: ["points"] })).success).toBe(true);
  }
  const { code, stdout } = await here.cli("maintain", "-s", "points");
  expect([code, stdout]).toEqual([0, expect.anything()]);
  const live = await boundsOf(here, "points");
  const sorted = await here.withSession(async (session) => {
    const compute = await session.compute();
    const lies = live.map(
      ({ path }) =>
        `select coalesce(b <= lag(b) over (order by file_row_number), true) as ok
          from read_parquet('${path}', file_row_number = true)`,
    );
    const { rows } = await compute.operate(`select bool_and(ok) from (${lies.join(" union all ")})`, []);
    return [rows[0]?.[0], live.length];
  });
  expect(sorted).toEqual([true, 2]);
});
