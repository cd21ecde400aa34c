// append: the model's rows come to those that are there.
import { replacedFileRows } from "./replaced-files.ts";
import { rewriteRows } from "./rewrite-keys.ts";
import type { Strategy } from "./strategy.ts";
import { writeWhole } from "./strategy.ts";

export const append: Strategy = {
  ingests: true,
  check() {},
  async write(table) {
    const toGo = await replacedFileRows(table);
    return toGo.sets.length === 0 ? writeWhole(table) : rewriteRows(table, toGo);
  },
};
