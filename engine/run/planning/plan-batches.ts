// Which batches of event time a microbatch model builds: those that are missing, those that were asked for, and
// those whose rows changed in an input.
import { lakeError } from "../../common/errors.ts";
import {
  batchStart,
  mergeIntervals,
  nextBatch,
  parseClock,
  wallClock,
  wholeBatches,
  withoutIntervals,
} from "../../plan/batches.ts";
import type { BatchSize, Interval } from "../../plan/batches.ts";
import type { BatchState, Decision } from "../../plan/decide.ts";
import type { TableState } from "../../plan/table-state.ts";
import type { Model } from "../../project/types.ts";
import { changedKeysOf } from "../writing/changed-names.ts";
import type { FollowedInput } from "../writing/changed-names.ts";
import type { Inputs } from "../inputs.ts";
import { hasTable } from "../names.ts";
import type { Readable } from "../names.ts";
import type { Session } from "../session.ts";
import type { RunOptions } from "../types.ts";

export interface BatchPlan {
  readonly size: BatchSize;
  /** Built in any case. */
  readonly run: readonly Interval[];
  /** Whether those whose rows changed in an input are built, too; if not, an input's change stays to be seen. */
  readonly follows: boolean;
  /** From the first batch to the one that is going on. */
  readonly all: Interval;
  /** Built before, and still to be believed. */
  readonly kept: readonly Interval[];
}

/** Null for a model of another kind. Errors: `run/bad-event-time`. */
export function batchState(options: {
  readonly session: Session;
  readonly options: RunOptions;
  readonly model: Model;
  readonly state: TableState | null;
}): BatchState | null {
  const { session, model, state } = options;
  const { strategy, batchSize: size } = model.config;
  if (model.config.materialized !== "incremental" || strategy !== "microbatch" || size === undefined)
    return null;
  const { timezone } = session.graph.project.settings;
  const begin = batchStart(clock(model.config.begin ?? "", `begin of ${model.name}`), size);
  const now = batchStart(wallClock(session.now(), timezone), size);
  const all = { start: begin, end: Math.max(begin, nextBatch(now, size)) };
  return {
    size,
    all: mergeIntervals([all]),
    missing: withoutIntervals(all, state?.ours?.intervals ?? []),
    asked: askedFor(options.options, size),
  };
}

function askedFor({ eventTime }: RunOptions, size: BatchSize): Interval | null {
  if (eventTime === undefined) return null;
  const start = clock(eventTime.start, "the start of the event time");
  const end = clock(eventTime.end, "the end of the event time");
  if (start < end) return wholeBatches({ start, end }, size);
  throw lakeError("run/bad-event-time", {
    what: "the end of the event time",
    text: eventTime.end,
    expected: `a time after the start, ${eventTime.start}`,
  });
}

export function clock(text: string, what: string): number {
  const found = parseClock(text);
  if (found !== null) return found;
  const expected = "a date or time such as 2025-07-01 or 2025-07-01 10:00";
  throw lakeError("run/bad-event-time", { what, text, expected });
}

export function planBatches(options: {
  readonly model: Model;
  readonly batches: BatchState;
  readonly decision: Decision;
  readonly state: TableState | null;
}): BatchPlan {
  const { model, batches, decision, state } = options;
  const { size, asked, missing } = batches;
  const [all = { start: 0, end: 0 }] = batches.all;
  const kept =
    decision.mode === "overwrite" && decision.forgets !== true ? (state?.ours?.intervals ?? []) : [];
  if (asked !== null) return { size, run: [asked], follows: false, all, kept };
  if (decision.mode !== "overwrite") return { size, run: batches.all, follows: false, all, kept };
  const back = model.config.lookback ?? 0;
  const recent =
    back === 0 ? [] : [{ start: Math.max(all.start, nextBatch(all.end, size, -1 - back)), end: all.end }];
  return { size, run: mergeIntervals([...missing, ...recent]), follows: true, all, kept };
}

/** The same where the table turns out to be made anew: what was to be built in any case and more, or what was asked. */
export function fromNothing(plan: BatchPlan): BatchPlan {
  return { ...plan, run: plan.follows ? [plan.all] : plan.run, follows: false, kept: [] };
}

/** The tables that the model reads batch by batch, each followed by the batches that changed in it. */
export function batchedInputs(model: Model, inputs: Inputs, session: Session): readonly FollowedInput[] {
  const size = model.config.batchSize ?? "day";
  return inputs.leaves.filter(isBatched).map((node) =>
    changedKeysOf(node, session.profile, {
      input: { name: node.name },
      keys: [{ name: "batch", expression: `date_trunc('${size}', ${wallTime(eventTimeOf(node))})` }],
      on: [],
      at: { file: model.path },
    }),
  );
}

function isBatched(node: Readable): boolean {
  return (
    eventTimeOf(node) !== "" &&
    (hasTable(node) || (node.resourceType === "source" && node.type === "iceberg"))
  );
}

export function eventTimeOf(node: Readable): string {
  return node.resourceType === "pinned" ? "" : (node.config.eventTime ?? "");
}

/** Of a column, as SQL: what clocks of the project's time zone showed. */
export function wallTime(column: string): string {
  return `cast("${column.replaceAll('"', '""')}" as timestamp)`;
}
