import type { IncrementalStrategy, Model } from "../../project/types.ts";
import { append } from "./append.ts";
import { deleteInsert } from "./delete-insert.ts";
import { merge } from "./merge.ts";
import { microbatch } from "./microbatch.ts";
import { replacePartitions } from "./replace-partitions.ts";
import { snapshot } from "./snapshot.ts";
import type { Strategy } from "./strategy.ts";

const strategies: Readonly<Record<IncrementalStrategy, Strategy>> = {
  append,
  merge,
  "delete+insert": deleteInsert,
  replace_partitions: replacePartitions,
  microbatch,
};

/** Null for a model that is always made as a whole. */
export function strategyOf(model: Model): Strategy | null {
  if (model.config.snapshot !== undefined) return snapshot;
  return model.config.materialized === "incremental" ? strategies[model.config.strategy ?? "append"] : null;
}
