import { expect, test } from "vitest";
import type { TableMetadata } from "../iceberg/types.ts";
import { basesOf, changeBases } from "./base-tags.ts";

const dayMs = 86_400_000;
const keepMs = 7 * dayMs;
const at = (text: string): number => Date.parse(`${text}Z`);

function withRefs(...tags: readonly string[]): TableMetadata {
  const refs = Object.fromEntries(
    tags.map((tag, index) => [tag, { type: "tag" as const, "snapshot-id": BigInt(index + 1) }]),
  );
  return { refs: { main: { type: "branch", "snapshot-id": 9n }, ...refs } } as unknown as TableMetadata;
}

test("bases are the tags of that form, oldest first", () => {
  const metadata = withRefs("lake_base_20250702", "release", "lake_base_2025070", "lake_base_20250630");
  expect(basesOf(metadata).map(({ tag }) => tag)).toEqual(["lake_base_20250630", "lake_base_20250702"]);
});

test("the first commit of a day makes a base; later ones leave it where clones may stand on it", () => {
  expect(changeBases(null, keepMs, at("2025-07-01T23:59:59"))).toEqual({
    tag: "lake_base_20250701",
    remove: [],
  });
  const metadata = withRefs("lake_base_20250701");
  expect(changeBases(metadata, keepMs, at("2025-07-01T23:59:59"))).toEqual({ remove: [] });
  expect(changeBases(metadata, keepMs, at("2025-07-02T00:00:00")).tag).toBe("lake_base_20250702");
});

test("a base outlives the last clone that could be made of it by the whole time, and the newest never goes", () => {
  const metadata = withRefs("lake_base_20250701", "lake_base_20250710");
  // Until the end of the 10th the 1st may have been the newest.
  expect(changeBases(metadata, keepMs, at("2025-07-17T23:59:59")).remove).toEqual([]);
  expect(changeBases(metadata, keepMs, at("2025-07-18T00:00:01")).remove).toEqual(["lake_base_20250701"]);
  expect(changeBases(withRefs("lake_base_20240101"), keepMs, at("2025-07-18T00:00:00")).remove).toEqual([]);
});
