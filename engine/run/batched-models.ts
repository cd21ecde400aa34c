// What `lake backfill --list` shows: the batches that microbatch models hold.
import { selectNodes } from "../graph/select.ts";
import type { SelectionRequest } from "../graph/types.ts";
import { batchesText, clockText } from "../plan/batches.ts";
import type { Interval } from "../plan/batches.ts";
import { readTableState } from "../plan/table-state.ts";
import type { Model } from "../project/types.ts";
import { batchState } from "./planning/plan-batches.ts";
import { seenTables } from "./environments/seen-tables.ts";
import type { Session } from "./session.ts";
import { strategyOf } from "./strategies/strategies.ts";

export interface BatchedModel {
  readonly name: string;
  readonly eventTime: string;
  readonly batchSize: string;
  /** First time and end, which is not in it, of each stretch of batches; wall-clock time. */
  readonly built: readonly (readonly [string, string])[];
  readonly missing: readonly (readonly [string, string])[];
  /** For people. */
  readonly builtText: string;
  readonly missingText: string;
}

/** The microbatch models of the selection. */
export async function batchedModels(
  session: Session,
  selection: SelectionRequest,
): Promise<readonly BatchedModel[]> {
  const models = selectNodes(session.graph, selection)
    .map((id) => session.graph.nodes.get(id))
    .filter((node): node is Model => node?.resourceType === "model" && node.config.strategy === "microbatch");
  const seen = await seenTables(session, models);
  return models.flatMap((model) => {
    strategyOf(model)?.check(model);
    const table = seen.get(model.uniqueId)?.table;
    const state = table === undefined ? null : readTableState(table);
    const batches = batchState({ session, options: { command: "build" }, model, state });
    if (batches === null) return [];
    const built = state?.ours?.intervals ?? [];
    const text = (intervals: readonly Interval[]): string =>
      intervals.length === 0 ? "none" : batchesText(intervals, batches.size);
    const pairs = (intervals: readonly Interval[]) =>
      intervals.map(({ start, end }) => [clockText(start), clockText(end)] as const);
    return [
      {
        name: model.name,
        eventTime: model.config.eventTime ?? "",
        batchSize: batches.size,
        built: pairs(built),
        missing: pairs(batches.missing),
        builtText: text(built),
        missingText: text(batches.missing),
      },
    ];
  });
}
