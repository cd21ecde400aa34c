// Metadata, manifest lists and manifests that are not what they should be: a typed error or a plan, never a crash,
// never a hang. `LAKE_FUZZ_CASES` says how many of each kind (`npm run fuzz` has 100,000 in all).
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isLakeError, lakeError } from "../../engine/common/errors.ts";
import { toColumns } from "../../engine/compute/duckdb/types.ts";
import { parseTableMetadata } from "../../engine/iceberg/metadata.ts";
import type { Predicate } from "../../engine/iceberg/predicate.ts";
import { asRelation, planScan } from "../../engine/iceberg/scan.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { writeHandMadeTable, type HandMadeTable } from "./damaged-table.ts";
import { alterBytes, alterJson, randomNumbers } from "./damage.ts";

const cases = Number(process.env["LAKE_FUZZ_CASES"] ?? 1000);
const seed = Number(process.env["LAKE_FUZZ_SEED"] ?? 20_250_701);
const longestMs = 5000;

let folder: string;
let table: HandMadeTable;
const whole = new Map<string, Uint8Array>();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lake-fuzz-"));
  table = await writeHandMadeTable(folder);
  for (const path of Object.values(table.files)) whole.set(path, readFileSync(path));
});
afterAll(() => rmSync(folder, { recursive: true }));

const filter: Predicate = { kind: "compare", column: ["id"], operator: ">", value: 600n };

/** What reading the table comes to when one file holds other bytes: a plan, or the code of an error. */
async function outcome(kind: keyof HandMadeTable["files"], bytes: Uint8Array): Promise<string> {
  const damaged = table.files[kind];
  const storage = {
    read: (path: string) => {
      const found = path === damaged ? bytes : whole.get(path);
      return found
        ? Promise.resolve(found)
        : Promise.reject(lakeError("storage/not-found", { path: path.slice(0, 300) }));
    },
  } as unknown as Storage;
  const start = kind === "gzipped metadata" ? table.files[kind] : table.files.metadata;
  try {
    const metadata = parseTableMetadata(await storage.read(start), start);
    const tasks = await planScan({ storage, metadata, filter });
    toColumns(asRelation({ name: "t", metadata, tasks }).schema);
    return "read";
  } catch (error) {
    return isLakeError(error) ? "refused" : `crashed: ${(error as Error).stack ?? String(error)}`;
  }
}

async function fuzz(
  kind: keyof HandMadeTable["files"],
  alter: (bytes: Uint8Array, random: (below: number) => number) => Uint8Array,
): Promise<Record<string, number>> {
  const random = randomNumbers(seed);
  const counts: Record<string, number> = { read: 0, refused: 0 };
  const original = whole.get(table.files[kind]) as Uint8Array;
  for (let index = 0; index < cases; index += 1) {
    const bytes = alter(original, random);
    const begun = performance.now();
    const what = await outcome(kind, bytes);
    if (performance.now() - begun > longestMs || what.startsWith("crashed")) {
      throw new Error(`case ${index} of seed ${seed}: ${what}\n${Buffer.from(bytes).toString("base64")}`);
    }
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

// Damage that is hardly ever refused would mean that the cases do not reach the reader.

test.each(["metadata", "gzipped metadata", "manifest list", "manifest", "delete manifest"] as const)(
  "%s with flipped, lost and added bytes",
  async (kind) => expect((await fuzz(kind, alterBytes))["refused"]).toBeGreaterThan(cases / 10),
);
test("metadata whose JSON has other values", async () =>
  expect((await fuzz("metadata", alterJson))["refused"]).toBeGreaterThan(cases / 10));
