// Every kind of file of a table, flipped and cut: a typed error, or the rows as they are.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isLakeError } from "../../engine/common/errors.ts";
import type { Compute } from "../../engine/compute/compute.ts";
import { openDuckDb } from "../../engine/compute/duckdb/duckdb-compute.ts";
import { parseTableMetadata } from "../../engine/iceberg/metadata.ts";
import { asRelation, planScan } from "../../engine/iceberg/scan.ts";
import { openLocalStorage } from "../../engine/storage/local/local-storage.ts";
import { writeHandMadeTable, type HandMadeTable } from "./damaged-table.ts";
import { randomNumbers } from "./damage.ts";

type Kind = keyof HandMadeTable["files"];

let folder: string;
let table: HandMadeTable;
let compute: Compute;
let expected: string;
const storage = openLocalStorage();

/** Footers are remembered for the life of an engine: each reading has its own. */
const open = (): Promise<Compute> =>
  openDuckDb({
    timezone: "UTC",
    threads: 1,
    memoryLimitBytes: 500_000_000,
    tempDirectory: folder,
    allowedDirectories: [folder],
  });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lake-damage-"));
  table = await writeHandMadeTable(folder);
  expected = await rows("metadata");
});
afterAll(() => rmSync(folder, { recursive: true }));

async function rows(kind: Kind): Promise<string> {
  const path = kind === "gzipped metadata" ? table.files[kind] : table.files.metadata;
  compute = await open();
  try {
    const metadata = parseTableMetadata(await storage.read(path), path);
    const tasks = await planScan({ storage, metadata });
    const relation = asRelation({ name: "t", metadata, tasks });
    const result = await compute.query({
      sql: `select count(*), sum(id), sum(hash(id, kind, score)) from "t"`,
      relations: [relation],
    });
    return JSON.stringify(result.rows);
  } finally {
    await compute.close();
  }
}

type Outcome = "same rows" | "other rows" | "refused";

async function withDamage(kind: Kind, damage: (bytes: Buffer) => Uint8Array): Promise<Outcome> {
  const path = table.files[kind];
  const whole = readFileSync(path);
  writeFileSync(path, damage(Buffer.from(whole)));
  try {
    return (await rows(kind)) === expected ? "same rows" : "other rows";
  } catch (error) {
    if (isLakeError(error)) return "refused";
    throw error;
  } finally {
    writeFileSync(path, whole);
  }
}

const kinds: readonly Kind[] = [
  "metadata",
  "gzipped metadata",
  "manifest list",
  "manifest",
  "delete manifest",
  "data",
  "position deletes",
  "equality deletes",
  "deletion vector",
];

test("the undamaged table holds what is not deleted", () => {
  expect(JSON.parse(expected)[0][0]).toBe(900);
});

describe("a file that is cut off is refused, wherever the cut is", () => {
  test.each(kinds)("%s", async (kind) => {
    const random = randomNumbers(1);
    const size = readFileSync(table.files[kind]).length;
    const cuts = [0, 1, size - 1, size - 16, ...Array.from({ length: 16 }, () => random(size))];
    for (const cut of cuts) {
      const outcome = await withDamage(kind, (bytes) => bytes.subarray(0, cut));
      expect.soft(`${cut} of ${size} bytes: ${outcome}`).toBe(`${cut} of ${size} bytes: refused`);
    }
  });
});

describe("a file that is gone, or empty, or another's, is refused", () => {
  test.each(kinds)("%s", async (kind) => {
    const other = readFileSync(table.files[kind === "data" ? "equality deletes" : "data"]);
    expect(await withDamage(kind, () => other)).toBe("refused");
    expect(await withDamage(kind, () => Buffer.alloc(1000))).toBe("refused");
  });
});

/** Where every byte is under a checksum, or the format has one that the reader checks. */
const sealed: readonly Kind[] = ["gzipped metadata", "deletion vector"];

describe("a flipped bit under a checksum never gives other rows", () => {
  test.each(sealed)("%s", async (kind) => {
    const random = randomNumbers(2);
    const counts = await flips(kind, 40, random);
    expect(counts["other rows"]).toBe(0);
    expect(counts.refused).toBeGreaterThan(30);
  });
});

// Plain JSON, deflated Avro and Parquet pages (as DuckDB and PyArrow write them) have no checksum: a bit that turns
// one value into another cannot be told. What can be told is told, and nothing crashes.
describe("a flipped bit where the format has no checksum is an error or a value, never a crash", () => {
  test.each(kinds.filter((kind) => !sealed.includes(kind)))("%s", async (kind) => {
    // Anything but an answer or a typed error is thrown.
    const counts = await flips(kind, 25, randomNumbers(3));
    expect(counts["other rows"] + counts["same rows"] + counts.refused).toBe(25);
  });
});

async function flips(
  kind: Kind,
  times: number,
  random: (below: number) => number,
): Promise<Record<Outcome, number>> {
  const counts = { "same rows": 0, "other rows": 0, refused: 0 };
  for (let index = 0; index < times; index += 1) {
    const outcome = await withDamage(kind, (bytes) => {
      const at = random(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
      return bytes;
    });
    counts[outcome] += 1;
  }
  return counts;
}
