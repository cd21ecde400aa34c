// append: the model's rows come to those that are there.
import type { Strategy } from "./strategy.ts";
import { writeWhole } from "./strategy.ts";

export const append: Strategy = {
  ingests: true,
  check() {},
  write: writeWhole,
};
