// What `lake health` finds, and that doing what it says makes it well.
import { expect, test } from "vitest";
import { makeProject } from "./project.ts";

const skewed = `{{config materialized="table" partition_by="p"}}
select n, case when n < 90 then 0 else n end as p from range(100) as numbers(n)`;

test("rows, files, partitions and skew are those of the table; what is wrong is said with the command that mends it", async () => {
  using here = makeProject({ "models/numbers.sql": skewed });
  expect((await here.cli("health")).stdout).toBe("no table is built yet\n");
  await here.run({});
  const fine = await here.cli("health", "--max-age", "1h");
  expect(fine.stdout).toMatch(/lakehouse\.numbers +100 +11 +\S+ \w+ +\S+ \w+ +11 +90\.0× +1 /);
  expect(fine.stdout).toContain("the largest partition holds 90 times the rows of the median one");
  expect(fine.stdout).toMatch(/p=0 +90 +1 /);
  // Skew is worth knowing, and nothing to wake somebody for.
  expect(fine.code).toBe(0);

  const stale = await here.cli("health", "--max-age", "0s", "--output", "json");
  expect(stale.code).toBe(1);
  expect(JSON.parse(stale.stdout)).toMatchObject([
    {
      rows: 100,
      files: 11,
      partitions: 11,
      snapshots: 1,
      rowsPerPartition: { smallest: 1, median: 1, largest: 90 },
      smallFiles: 0,
      deleteFiles: 0,
      findings: [
        { kind: "skew", level: "note" },
        { kind: "stale", level: "warn", next: "lake build -s numbers" },
      ],
    },
  ]);
});
