import { expect, test } from "vitest";
import { diffLanding } from "./landing-diff.ts";
import type { LedgerFile } from "./landing-diff.ts";

const held = (path: string, changes: Partial<LedgerFile> = {}): [string, LedgerFile] => [
  path,
  { path, sizeBytes: 10, modifiedMs: 100, contentHash: "h", rows: 1, rejected: 0, ...changes },
];

test("a listing is sorted into new, doubtful, changed and gone", () => {
  const ledger = new Map([
    held("same"),
    held("touched"),
    held("longer"),
    held("gone"),
    held("s3", { etag: "e1" }),
    held("s3b", { etag: "e1" }),
  ]);
  const diff = diffLanding(
    [
      { path: "z-new", sizeBytes: 1, modifiedMs: 1 },
      { path: "same", sizeBytes: 10, modifiedMs: 100 },
      { path: "touched", sizeBytes: 10, modifiedMs: 101 },
      { path: "longer", sizeBytes: 11, modifiedMs: 100 },
      { path: "s3", sizeBytes: 10, modifiedMs: 999, etag: "e1" },
      { path: "s3b", sizeBytes: 10, modifiedMs: 100, etag: "e2" },
      { path: "a-new", sizeBytes: 1, modifiedMs: 1 },
    ],
    ledger,
  );
  expect(diff.fresh.map((file) => file.path)).toEqual(["a-new", "z-new"]);
  expect(diff.doubtful.map(({ found }) => found.path)).toEqual(["touched", "s3b"]);
  expect(diff.changed.map(({ found }) => found.path)).toEqual(["longer"]);
  expect(diff.gone.map((file) => file.path)).toEqual(["gone"]);
});
