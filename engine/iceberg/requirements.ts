// What must still be true of a table for a change to be published on it.
import { lakeError } from "../common/errors.ts";
import type { TableMetadata, TableRequirement } from "./types.ts";

/**
 * Throws `catalog/conflict` for the first requirement that the table (null: there is none) does not meet.
 * @param table its name, for the message
 */
export function checkRequirements(
  metadata: TableMetadata | null,
  requirements: readonly TableRequirement[],
  table: string,
): void {
  for (const requirement of requirements) {
    const { expected, found } = compare(metadata, requirement);
    if (expected !== found)
      throw lakeError("catalog/conflict", { table, expected, found }, { retryable: true });
  }
}

function compare(
  metadata: TableMetadata | null,
  requirement: TableRequirement,
): { readonly expected: string; readonly found: string } {
  if (requirement.type === "assert-create") {
    return {
      expected: "no table",
      found: metadata === null ? "no table" : `table ${metadata["table-uuid"]}`,
    };
  }
  if (metadata === null) return { expected: "the table it was made on", found: "no table" };
  switch (requirement.type) {
    case "assert-table-uuid":
      return pair("table", requirement.uuid.toLowerCase(), metadata["table-uuid"].toLowerCase());
    case "assert-ref-snapshot-id":
      return pair(
        `${requirement.ref} at snapshot`,
        requirement["snapshot-id"] ?? "none",
        metadata.refs[requirement.ref]?.["snapshot-id"] ?? "none",
      );
    case "assert-last-assigned-field-id":
      return pair("last field id", requirement["last-assigned-field-id"], metadata["last-column-id"]);
    case "assert-current-schema-id":
      return pair("schema", requirement["current-schema-id"], metadata["current-schema-id"]);
    case "assert-last-assigned-partition-id":
      return pair(
        "last partition field id",
        requirement["last-assigned-partition-id"],
        metadata["last-partition-id"],
      );
    case "assert-default-spec-id":
      return pair("partition spec", requirement["default-spec-id"], metadata["default-spec-id"]);
    default:
      requirement satisfies { type: "assert-default-sort-order-id" };
      return pair("sort order", requirement["default-sort-order-id"], metadata["default-sort-order-id"]);
  }
}

function pair(
  what: string,
  expected: string | number | bigint,
  found: string | number | bigint,
): { readonly expected: string; readonly found: string } {
  return { expected: `${what} ${expected}`, found: `${what} ${found}` };
}
