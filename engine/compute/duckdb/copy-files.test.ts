// Partition values that the engine's own keys would lose or merge.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PrimitiveType, Value } from "../../iceberg/types.ts";
import type { Compute } from "../compute.ts";
import { openDuckDb } from "./duckdb-compute.ts";

let folder: string;
let compute: Compute;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lake-copy-"));
  compute = await openDuckDb({
    timezone: "Asia/Seoul",
    threads: 1,
    memoryLimitBytes: 300e6,
    tempDirectory: join(folder, "temp"),
    allowedDirectories: [folder],
  });
});
afterAll(async () => {
  await compute.close();
  await rm(folder, { recursive: true, force: true });
});

/** The partition values of the files that hold one row for each of the texts, cast to the type. */
async function partitionValues(type: PrimitiveType, texts: readonly string[]): Promise<readonly Value[]> {
  const engineType = type.replace("string", "varchar");
  const rows = texts.map((text) => `(cast('${text.replaceAll("'", "''")}' as ${engineType}))`);
  const { files } = await compute.write({
    id: "model.test.m",
    sql: `select v from (values ${rows.join(", ")}, (cast(null as ${engineType}))) t(v)`,
    relations: [],
    schema: { type: "struct", "schema-id": 0, fields: [{ id: 1, name: "v", required: false, type }] },
    spec: {
      "spec-id": 0,
      fields: [{ name: "v", transform: "identity", "source-id": 1, "field-id": 1000 }],
    },
    dataLocation: `file://${folder}/table-${(count += 1)}/data`,
    properties: {},
    writeId: `write-${count}`,
  });
  return files.map(({ partition }) => partition[0] ?? null);
}

test.each(["timestamp", "timestamptz"] as const)(
  "infinite values of %s have partitions of their own",
  async (type) => {
    const found = await partitionValues(type, ["infinity", "-infinity", "1969-12-31 23:59:59.999999+00"]);
    expect(new Set(found)).toEqual(
      new Set([9_223_372_036_854_775_807n, -9_223_372_036_854_775_807n, -1n, null]),
    );
  },
);

test.each(["float", "double"] as const)(
  "the two zeros of %s are two partitions, NaN is one",
  async (type) => {
    const found = await partitionValues(type, ["-0.0", "0.0", "nan", "-nan", "inf", "0.1"]);
    const tenth = type === "float" ? Math.fround(0.1) : 0.1;
    expect(found).toHaveLength(6);
    for (const value of [-0, 0, Number.NaN, Infinity, tenth, null]) {
      expect(found.some((candidate) => Object.is(candidate, value))).toBe(true);
    }
  },
);

test("text too long for a folder's name is refused with the way out", async () => {
  await expect(partitionValues("string", ["x".repeat(300)])).rejects.toMatchObject({
    code: "compute/failed",
    hint: expect.stringContaining("truncate("),
  });
});

test("text that means something in paths is a value like any other", async () => {
  const texts = [
    "",
    ".",
    "..",
    "a/b",
    "50%",
    "%2F",
    "__HIVE_DEFAULT_PARTITION__",
    'it\'s "it"',
    "k=v",
    "김치 🍜",
  ];
  expect(new Set(await partitionValues("string", texts))).toEqual(new Set([...texts, null]));
});
