// What planning a table of very many files may cost, counted: time and memory are `npm run bench -- reading`'s.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AvroReader } from "../../engine/iceberg/avro-encoding.ts";
import { type Predicate } from "../../engine/iceberg/predicate.ts";
import { planScan } from "../../engine/iceberg/scan.ts";
import type { TableMetadata } from "../../engine/iceberg/types.ts";
import { openLocalStorage } from "../../engine/storage/local/local-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { filesPerManifest, firstDay, writeManyFilesTable } from "../bench/many-files-table.ts";

const files = 3 * filesPerManifest;
let folder: string;
let metadata: TableMetadata;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lake-many-files-"));
  ({ metadata } = writeManyFilesTable(folder, files));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Plans and counts the manifests read, and the bounds, counts and texts that were decoded from them. */
async function plan(filter?: Predicate): Promise<{ found: number; manifests: number; values: number }> {
  const local = openLocalStorage();
  let reads = 0;
  const storage: Storage = {
    ...local,
    read: (path) => {
      reads += 1;
      return local.read(path);
    },
  };
  let values = 0;
  // oxlint-disable-next-line typescript/unbound-method -- called with the reader as `this`
  const { readLong, readBytes, readString } = AvroReader.prototype;
  const counted = <T>(read: (this: AvroReader) => T) =>
    function (this: AvroReader): T {
      values += 1;
      return read.call(this);
    };
  Object.assign(AvroReader.prototype, {
    readLong: counted(readLong),
    readBytes: counted(readBytes),
    readString: counted(readString),
  });
  try {
    const tasks = await planScan({ storage, metadata, ...(filter && { filter }) });
    return { found: tasks.length, manifests: reads - 1, values };
  } finally {
    Object.assign(AvroReader.prototype, { readLong, readBytes, readString });
  }
}

test("a scan of everything decodes no statistics: path, format, rows, size and snapshot of each file", async () => {
  const { found, manifests, values } = await plan();
  expect({ found, manifests }).toEqual({ found: files, manifests: 3 });
  expect(values).toBeLessThan(5.1 * files);
});

test("one partition: one manifest, and the bounds of the compared columns alone", async () => {
  const compare = (column: string, value: number): Predicate => ({
    kind: "compare",
    column: [column],
    operator: "=",
    value,
  });
  const { found, manifests, values } = await plan({
    kind: "and",
    terms: [compare("day", firstDay + 300), compare("hour", 5)],
  });
  expect({ found, manifests }).toEqual({ found: 1, manifests: 1 });
  expect(values).toBeLessThan((5 + 2 * 4 + 1) * filesPerManifest);
});

test("a column that is no partition: its bounds leave one file of all", async () => {
  const { found, manifests, values } = await plan({
    kind: "compare",
    column: ["id"],
    operator: "=",
    value: 5_000_000n,
  });
  expect({ found, manifests }).toEqual({ found: 1, manifests: 3 });
  expect(values).toBeLessThan((5 + 4 + 1) * files);
});
