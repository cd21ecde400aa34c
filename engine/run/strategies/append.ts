// append: the model's rows come to those that are there.
import { lakeError } from "../../common/errors.ts";
import { changedSets, checkFollowed } from "./changed-sets.ts";
import { replacedFileRows } from "./replaced-files.ts";
import { rewriteRows } from "./rewrite-keys.ts";
import type { Strategy, TableWrite } from "./strategy.ts";
import { writeWhole } from "./strategy.ts";
import { findTouched, keyCondition } from "./touched-files.ts";

export const append: Strategy = {
  ingests: true,
  check() {},
  checkColumns: checkFollowed,
  async write(table) {
    await refuseKnownKeys(table);
    const toGo = await replacedFileRows(table);
    return toGo.sets.length === 0 ? writeWhole(table) : rewriteRows(table, toGo);
  },
};

/** What changed must be new to the table: nothing that it holds can be taken away, and nothing may come twice. */
async function refuseKnownKeys(table: TableWrite): Promise<void> {
  const { changed, model } = table;
  const [first] = changed;
  if (first === undefined) return;
  const { rows } = await findTouched(table, await keyCondition(table, await changedSets(table)));
  if (rows === 0) return;
  const by = first.call.keys.map(({ name }) => name).join(", ");
  throw lakeError(
    "run/append-changed",
    { model: model.name, count: rows, input: first.node.name, by },
    {
      at: first.call.at,
      hint: 'use strategy="delete+insert", or rebuild the table once with --full-refresh',
    },
  );
}
