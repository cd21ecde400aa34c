import { lakeError } from "../../common/errors.ts";
import type { IncrementalStrategy, Model } from "../../project/types.ts";
import { append } from "./append.ts";
import { deleteInsert } from "./delete-insert.ts";
import { merge } from "./merge.ts";
import { replacePartitions } from "./replace-partitions.ts";
import type { Strategy } from "./strategy.ts";

const strategies: Readonly<Record<IncrementalStrategy, Strategy>> = {
  append,
  merge,
  "delete+insert": deleteInsert,
  replace_partitions: replacePartitions,
  microbatch: { ...append, check: notYet },
};

function notYet(model: Model): void {
  throw lakeError(
    "run/strategy-not-available",
    { model: model.name, strategy: model.config.strategy ?? "" },
    { at: { file: model.path }, hint: 'use strategy="delete+insert" with the day as its unique_key' },
  );
}

/** Null for a model that is always made as a whole. */
export function strategyOf(model: Model): Strategy | null {
  return model.config.materialized === "incremental" ? strategies[model.config.strategy ?? "append"] : null;
}
