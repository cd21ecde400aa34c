import type { BatchedModel } from "../run/batched-models.ts";
import type { Style } from "./style.ts";
import { renderTextTable } from "./text-table.ts";

/** Which batches of event time each model's table holds, and which are missing up to now. */
export function renderBatches(models: readonly BatchedModel[], style: Style): string {
  return renderTextTable({
    columns: [{ title: "model" }, { title: "by" }, { title: "built" }, { title: "missing" }],
    rows: models.map(({ name, eventTime, batchSize, builtText, missingText }) => [
      name,
      `${batchSize} of ${eventTime}`,
      builtText,
      missingText,
    ]),
    style,
  });
}
