// `unique_key` of the strategies that go by it.
import { lakeError } from "../../common/errors.ts";
import { didYouMean } from "../../common/suggest.ts";
import type { Schema } from "../../iceberg/types.ts";
import { checkFollowed } from "./changed-sets.ts";
import type { Model } from "../../project/types.ts";

/** Errors: `run/strategy-needs`. */
export function needKey(model: Model): void {
  if ((model.config.uniqueKey ?? []).length > 0) return;
  throw lakeError(
    "run/strategy-needs",
    { model: model.name, strategy: model.config.strategy ?? "", needs: "unique_key" },
    { at: { file: model.path }, hint: 'for example unique_key="order_id" or unique_key="date, user_id"' },
  );
}

/** Errors: `run/unknown-key-column`, and those of `checkFollowed`. */
export function keyColumns(model: Model, schema: Schema): void {
  checkFollowed(model, schema);
  const names = schema.fields.map(({ name }) => name);
  const known = new Set(names.map((name) => name.toLowerCase()));
  const column = (model.config.uniqueKey ?? []).find((key) => !known.has(key.toLowerCase()));
  if (column === undefined) return;
  throw lakeError(
    "run/unknown-key-column",
    { model: model.name, column },
    { at: { file: model.path }, hint: didYouMean(column, names) ?? `it has ${names.join(", ")}` },
  );
}
