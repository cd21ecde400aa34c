// Format v3: every row keeps an id, and the number of the commit that changed it last, wherever it is written
// (specification, "Row Lineage"). Files that hold rows from elsewhere carry both as columns.
import type { NestedField, Schema, TableMetadata } from "./types.ts";

/** Reserved fields, null for rows that are new in their file: these are known by file and place. */
export const rowIdField: NestedField = { id: 2147483540, name: "_row_id", required: false, type: "long" };
export const lastUpdatedField: NestedField = {
  id: 2147483539,
  name: "_last_updated_sequence_number",
  required: false,
  type: "long",
};
export const lineageFields = [rowIdField, lastUpdatedField] as const;

export function keepsLineage(metadata: TableMetadata): boolean {
  return metadata["format-version"] >= 3;
}

/** What is written where rows come from other files of the table. */
export function withLineage(schema: Schema): Schema {
  return { ...schema, fields: [...schema.fields, ...lineageFields] };
}
