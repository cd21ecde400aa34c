import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { writePuffin } from "../../iceberg/deletion-vector-write.ts";
import { readDeletionVector } from "./deletion-vector.ts";

const folder = await mkdtemp(join(tmpdir(), "lake-vectors-"));
afterAll(() => rm(folder, { recursive: true }));

test("vectors that are written are read, whatever their positions, each from its place in the file", async () => {
  const position = fc.oneof(fc.integer({ min: 0, max: 200_000 }), fc.integer({ min: 0, max: 2 ** 33 }));
  // So many near each other that a container holds bits.
  const dense = fc
    .integer({ min: 0, max: 300_000 })
    .map((start) => Array.from({ length: 9000 }, (_, index) => start + index * 2));
  const positions = fc
    .oneof(
      { weight: 4, arbitrary: fc.uniqueArray(position, { minLength: 1 }) },
      { weight: 1, arbitrary: dense },
    )
    .map((list) => list.toSorted((one, other) => one - other));
  let files = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(positions, { minLength: 1, maxLength: 4 }), async (vectors) => {
      const path = join(folder, `${(files += 1)}.puffin`);
      const { bytes, placed } = writePuffin(
        vectors.map((list, index) => ({ dataFile: `file:///data-${index}`, positions: list })),
      );
      await writeFile(path, bytes);
      const read = await Promise.all(
        placed.map(({ offset, length, cardinality }) =>
          readDeletionVector({
            content: "position-deletes",
            path,
            format: "PUFFIN",
            specId: 0,
            partition: [],
            recordCount: BigInt(cardinality),
            sizeBytes: BigInt(bytes.length),
            contentOffset: BigInt(offset),
            contentSizeBytes: BigInt(length),
          }),
        ),
      );
      expect(read).toEqual(vectors);
    }),
    { numRuns: 60 },
  );
});
