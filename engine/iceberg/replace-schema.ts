// The schema of a table whose rows are all replaced: nothing old needs to fit, but what keeps its meaning
// keeps its field id, so that older snapshots and other engines still see one column.
import { LakeError } from "../common/errors.ts";
import { evolveSchema } from "./schema.ts";
import type { Schema } from "./types.ts";

/** Columns come out as in `incoming`; a column whose type cannot be widened gets a new field id. */
export function replaceSchema(options: {
  readonly current: Schema;
  readonly incoming: Schema;
  readonly lastColumnId: number;
}): { readonly schema: Schema; readonly lastColumnId: number } {
  const { current, incoming, lastColumnId } = options;
  const fitting = current.fields.filter((field) => {
    const partner = incoming.fields.find((one) => one.name.toLowerCase() === field.name.toLowerCase());
    if (partner === undefined) return true;
    try {
      const [before, after] = [field, partner].map((one) => ({ ...current, fields: [one] }));
      evolveSchema({ current: before as Schema, incoming: after as Schema, lastColumnId, mode: "sync_all_columns" });
      return true;
    } catch (error) {
      if (error instanceof LakeError) return false;
      throw error;
    }
  });
  return evolveSchema({ current: { ...current, fields: fitting }, incoming, lastColumnId, mode: "sync_all_columns" });
}
