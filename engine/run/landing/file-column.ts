// The column by which a table says which landing file each of its rows came from.
import type { Location } from "../../common/errors.ts";
import { lakeError } from "../../common/errors.ts";
import type { Schema } from "../../iceberg/types.ts";

/** What it is called unless somebody says otherwise. */
export const defaultFileColumn = "data_source";

/** Errors: `run/ledger-column` when the table has no such column of text. */
export function fileColumnOf(options: {
  readonly schema: Schema;
  readonly table: string;
  readonly column?: string;
  readonly at: Location;
}): string {
  const { schema, table, column = defaultFileColumn, at } = options;
  const texts = schema.fields.filter(({ type }) => type === "string").map(({ name }) => name);
  if (texts.includes(column)) return column;
  const hint =
    "the model must keep the landing source's _file in a column of that name (`lake ledger rebuild --column` takes another), or build the table anew with --full-refresh --allow-loss";
  throw lakeError("run/ledger-column", { table, column, texts }, { at, hint });
}
