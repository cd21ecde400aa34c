// How a compaction orders rows: by the table's sort order, by given columns, or along a Z-order curve of them.
import { lakeError } from "../common/errors.ts";
import { didYouMean } from "../common/suggest.ts";
import { quoteIdentifier } from "../common/sql.ts";
import { currentSchema, defaultSortOrder } from "../iceberg/metadata.ts";
import { parseSortedBy } from "../iceberg/sort-order.ts";
import type { SortOrder, TableMetadata } from "../iceberg/types.ts";
import type { CompactionOrder } from "../project/types.ts";

/** Exactly one of the two. */
export interface RowOrder {
  readonly sortOrder?: SortOrder;
  /** Behind ORDER BY, over the table's columns. */
  readonly sql?: string;
}

/** Ranks of a column: 2^16 of them tell rows apart as finely as files of a table can be. */
const rankBits = 16;
const mostColumns = 4;

/**
 * Null for `binpack`, which takes rows as they come. Errors: `upkeep/bad-order`, and those of `parseSortedBy`.
 */
export function rowOrder(metadata: TableMetadata, { strategy, by }: CompactionOrder): RowOrder | null {
  if (strategy === "binpack") return null;
  return strategy === "sort" ? { sortOrder: sortOrderOf(metadata, by) } : { sql: curveOf(metadata, by) };
}

function sortOrderOf(metadata: TableMetadata, by: readonly string[]): SortOrder {
  const own = defaultSortOrder(metadata);
  if (by.length === 0) {
    if (own.fields.length > 0) return own;
    const problem = "the table has no sort order (`sorted_by` in its config), so columns must be named";
    const hint = "for example --by 'user_id, day desc'";
    throw lakeError("upkeep/bad-order", { strategy: "sort", problem }, { hint });
  }
  const order = parseSortedBy(by, currentSchema(metadata), metadata["sort-orders"]);
  const known = metadata["sort-orders"].some((one) => one["order-id"] === order["order-id"]);
  // Files say only orders that the table knows.
  return known ? order : { ...order, "order-id": 0 };
}

/** Bits of the columns' ranks, in turn: rows that are near each other in any of them lie near each other. */
function curveOf(metadata: TableMetadata, by: readonly string[]): string {
  const { fields } = currentSchema(metadata);
  const columns = by.map((name) => {
    const field = fields.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (field !== undefined && typeof field.type === "string") return field.name;
    const problem =
      field === undefined ? `the table has no column ${name}` : `${name} has parts, which have no one order`;
    const simple = fields.filter(({ type }) => typeof type === "string").map((one) => one.name);
    const hint = didYouMean(name, simple) ?? `the columns it can take: ${simple.join(", ")}`;
    throw lakeError("upkeep/bad-order", { strategy: "zorder", problem }, { hint });
  });
  if (columns.length < 2 || columns.length > mostColumns) {
    const problem = `it needs 2 to ${mostColumns} columns, found ${columns.length}`;
    const hint = "for example --by user_id,recipe_id; for one column, --strategy sort";
    throw lakeError("upkeep/bad-order", { strategy: "zorder", problem }, { hint });
  }
  const bits = columns.flatMap((column, place) => {
    // By rank, not by value: a skewed column is cut as finely as an even one.
    const rank = `(ntile(${2 ** rankBits}) over (order by ${quoteIdentifier(column)} nulls first) - 1)`;
    return Array.from(
      { length: rankBits },
      (_, bit) => `(((${rank} >> ${bit}) & 1) << ${bit * columns.length + place})`,
    );
  });
  return `(${bits.join(" | ")})`;
}
