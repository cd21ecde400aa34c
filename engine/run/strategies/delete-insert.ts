// delete+insert: all rows of a key give way to those that the model has for it; a key may have many rows.
import { rewriteKeys } from "./rewrite-keys.ts";
import type { Strategy } from "./strategy.ts";
import { writeWhole } from "./strategy.ts";
import { keyColumns, needKey } from "./unique-key.ts";

export const deleteInsert: Strategy = {
  ingests: true,
  check: needKey,
  checkColumns: keyColumns,
  write: (table) => (table.base === null ? writeWhole(table) : rewriteKeys(table)),
};
