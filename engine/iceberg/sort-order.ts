// Sort orders (specification, "Sorting"): from a model's `sorted_by` to the table's metadata.
import { lakeError } from "../common/errors.ts";
import { parseTerm } from "./partition.ts";
import type { Schema, SortField, SortOrder } from "./types.ts";

export const unsorted: SortOrder = { "order-id": 0, fields: [] };

/**
 * `country`, `day(at) desc`, `name nulls last`: the order of that meaning that the table has already, else a new
 * one. Nulls come first in ascending and last in descending order unless it is said, as iceberg-java has it.
 * Errors: `iceberg/sort-syntax` and those of a partition term.
 */
export function parseSortedBy(
  texts: readonly string[],
  schema: Schema,
  existing: readonly SortOrder[],
): SortOrder {
  if (texts.length === 0) return unsorted;
  const fields = texts.map((text) => parseField(text, schema));
  const same = existing.find((order) => sameOrder(order, { "order-id": 0, fields }));
  const orderId = same?.["order-id"] ?? Math.max(0, ...existing.map((order) => order["order-id"])) + 1;
  return { "order-id": orderId, fields };
}

function parseField(text: string, schema: Schema): SortField {
  const [, term = "", direction = "asc", nulls] =
    /^(.*?)(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?$/is.exec(text.trim()) ?? [];
  if (term === "") throw lakeError("iceberg/sort-syntax", { text });
  const { transform, "source-id": sourceId } = parseTerm(term, schema);
  const order = direction.toLowerCase() === "desc" ? "desc" : "asc";
  const usual = order === "asc" ? "first" : "last";
  return {
    transform,
    "source-id": sourceId,
    direction: order,
    "null-order": (nulls ?? usual).toLowerCase() === "first" ? "nulls-first" : "nulls-last",
  };
}

/** Whether two orders sort alike, whatever their ids. */
export function sameOrder(a: SortOrder, b: SortOrder): boolean {
  return (
    a.fields.length === b.fields.length &&
    a.fields.every((field, index) => {
      const other = b.fields[index];
      return (
        other !== undefined &&
        field.transform === other.transform &&
        field["source-id"] === other["source-id"] &&
        field.direction === other.direction &&
        field["null-order"] === other["null-order"]
      );
    })
  );
}
