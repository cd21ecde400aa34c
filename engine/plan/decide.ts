// Whether a node must run, and why: one function per materialisation, listed at the end.
import { batchesText } from "./batches.ts";
import type { BatchSize, Interval } from "./batches.ts";
import type { LandingDiff } from "./landing-diff.ts";
import type { IncrementalStrategy, Materialisation } from "../project/types.ts";
import type { TableState } from "./table-state.ts";
import type { PlanStep } from "./types.ts";

export interface DecisionInput {
  readonly state: TableState | null;
  readonly fingerprint: string;
  readonly fullRefresh: boolean;
  readonly noReuse: boolean;
  /** `config.reuse`: a statement with volatile functions may be reused all the same. */
  readonly reuseVolatile: boolean;
  readonly inputs: readonly InputState[];
  /** Only for a model that reads a landing source. */
  readonly landing: LandingDiff | null;
  /** Only for a model that reads a landing source: how many files are there. */
  readonly landingFiles: number;
  /** How many other files lie there, which no pattern of its sources names. */
  readonly landingOthers: number;
  /** An incremental model that takes in landing files one by one. */
  readonly ingests: boolean;
  /** Of an incremental model. */
  readonly strategy: IncrementalStrategy;
  /** Inputs whose changes it follows, with the reason why they cannot be told (`whyLost`), else null; absent
   *  for a model that follows none. */
  readonly follows?: ReadonlyMap<string, string | null>;
  /** See `tableDefinition`. */
  readonly definition: string;
  /** Only for a microbatch model. */
  readonly batches?: BatchState;
}

export interface BatchState {
  readonly size: BatchSize;
  /** Those up to now that were never built. */
  readonly missing: readonly Interval[];
  /** All up to now. */
  readonly all: readonly Interval[];
  /** Those that were asked for, and no others (`--event-time-start`, `lake backfill`). */
  readonly asked: Interval | null;
}

/** An input as the plan sees it: what it will be, and what people call it. */
export interface InputState {
  readonly uniqueId: string;
  readonly name: string;
  /** Null while this run will make a new one. */
  readonly version: string | null;
}

export type Decision = Pick<PlanStep, "action" | "reason"> & {
  readonly mode?: NonNullable<PlanStep["mode"]>;
  /** Batches that were built before count as missing, because more than their input changed. */
  readonly forgets?: boolean;
};

type Decide = (input: DecisionInput) => Decision;

const inline: Decide = () => ({ action: "inline", reason: "view" });

const table: Decide = (input) => {
  const { state } = input;
  if (state === null) return { action: "build", mode: "create", reason: "new" };
  const reason = whyRebuild(input, state);
  return reason === null
    ? { action: "reuse", reason: "unchanged" }
    : { action: "build", mode: "replace", reason };
};

const incremental: Decide = (input) => {
  const { state } = input;
  if (state === null)
    return { action: "build", mode: "create", reason: withBatches(withFiles("new", input), input) };
  if (input.fullRefresh) return replace("full refresh", input);
  if (state.ours?.partial === true) return replace("held only a part", input);
  if (input.ingests) return ingest(input, state);
  if (input.follows !== undefined) return followChanges(input, state, input.follows);
  const reason = whyRebuild(input, state);
  return reason === null
    ? { action: "reuse", reason: "unchanged" }
    : { action: "build", mode: partMode(input), reason: `${reason}${oldRows(input, state)}` };
};

function replace(reason: string, input: DecisionInput): Decision {
  return { action: "build", mode: "replace", reason: withBatches(reason, input) };
}

function withBatches(reason: string, { batches }: DecisionInput): string {
  if (batches === undefined) return reason;
  return `${reason}, ${batchesText(batches.asked === null ? batches.all : [batches.asked], batches.size)}`;
}

function partMode({ strategy }: DecisionInput): "append" | "overwrite" {
  return strategy === "append" ? "append" : "overwrite";
}

/** Changed code applies to new data (rule 18). */
function oldRows(input: DecisionInput, { ours }: TableState): string {
  const oldCode = ours !== null && ours.fingerprint !== input.fingerprint;
  return oldCode ? ": old rows keep the old logic, --full-refresh rebuilds them" : "";
}

/** Only what changed is built again, where that is sure to give the rows of a full build (rule 17). */
function followChanges(
  input: DecisionInput,
  state: TableState,
  follows: ReadonlyMap<string, string | null>,
): Decision {
  const whole = whyWhole(input, state, follows);
  if (input.batches?.asked) return askedBatches(input.batches, input.batches.asked, whole);
  if (whole !== null) return replace(`${whole}: built whole`, input);
  const reason = whyRebuild(input, state);
  const why = [
    ...(reason === null ? [] : [`${reason}: only what changed`]),
    ...missingBatches(input.batches),
  ];
  if (why.length === 0) return { action: "reuse", reason: "unchanged" };
  return { action: "build", mode: partMode(input), reason: why.join("; ") };
}

function missingBatches(batches: BatchState | undefined): string[] {
  if (batches === undefined || batches.missing.length === 0) return [];
  return [`missing ${batchesText(batches.missing, batches.size)}`];
}

function askedBatches({ size }: BatchState, asked: Interval, whole: string | null): Decision {
  const reason = `asked for ${batchesText([asked], size)}`;
  if (whole === null) return { action: "build", mode: "overwrite", reason };
  return {
    action: "build",
    mode: "overwrite",
    reason: `${reason}; ${whole}: all others count as missing`,
    forgets: true,
  };
}

function whyWhole(
  input: DecisionInput,
  { ours, foreignSince }: TableState,
  follows: ReadonlyMap<string, string | null>,
): string | null {
  if (ours === null) return "the table was not built by lake";
  if (foreignSince) return "another engine wrote the table";
  if (ours.fingerprint !== input.fingerprint) return "code changed";
  const others = input.inputs.filter(({ uniqueId }) => !follows.has(uniqueId));
  const recorded = Object.entries(ours.inputs).filter(([uniqueId]) => !follows.has(uniqueId));
  return (
    whichInputMoved({ ...input, inputs: others }, Object.fromEntries(recorded)) ??
    [...follows.values()].find((lost) => lost !== null) ??
    null
  );
}

/** New landing files, and nothing else, make an ingesting model run. */
function ingest(input: DecisionInput, state: TableState): Decision {
  const files = input.landing?.fresh.length ?? 0;
  const replaced = input.landing?.replaced.length ?? 0;
  const old = oldRows(input, state);
  const aside = input.landing?.changed.length ?? 0;
  const note = [
    old === "" ? "" : `; code changed${old}`,
    aside > 0 ? `; ${aside} changed ${plural(aside)} left aside` : "",
    othersNote(input),
  ].join("");
  const what = [
    ...(files > 0 ? [`${files} new landing ${plural(files)}`] : []),
    ...(replaced > 0 ? [`${replaced} changed landing ${plural(replaced)} taken in again`] : []),
  ];
  if (what.length === 0) return { action: "reuse", reason: `no new landing files${note}` };
  const mode = replaced > 0 ? "overwrite" : partMode(input);
  return { action: "build", mode, reason: `${what.join(", ")}${note}` };
}

function withFiles(reason: string, input: DecisionInput): string {
  const { ingests, landingFiles: files } = input;
  return ingests ? `${reason}, ${files} landing ${plural(files)}${othersNote(input)}` : reason;
}

/** A file under another name is easily taken for one that was read. */
function othersNote({ landingOthers: others }: DecisionInput): string {
  return others === 0 ? "" : `; ${others} ${plural(others)} there that no pattern of \`files\` names`;
}

function plural(files: number): string {
  return files === 1 ? "file" : "files";
}

function whyRebuild(input: DecisionInput, state: TableState): string | null {
  if (input.fullRefresh) return "full refresh";
  if (input.noReuse) return "reuse is off";
  if (state.ours === null) return "the table was not built by lake";
  if (state.foreignSince) return "another engine wrote the table";
  if (state.ours.partial) return "held only a part";
  if (state.ours.fingerprint !== input.fingerprint) return "code changed";
  if (state.ours.volatile.length > 0 && !input.reuseVolatile)
    return `${state.ours.volatile[0]}() differs from run to run`;
  return whichInputMoved(input, state.ours.inputs) ?? whichLandingMoved(input.landing);
}

function whichInputMoved(input: DecisionInput, recorded: Readonly<Record<string, string>>): string | null {
  for (const { uniqueId, name, version } of input.inputs) {
    if (version === null) return `${name} changes in this run`;
    const before = recorded[uniqueId];
    if (before === undefined) return `${name} is a new input`;
    if (before !== version)
      return `${name} moved from snapshot ${shortVersion(before)} to ${shortVersion(version)}`;
  }
  const known = new Set(input.inputs.map((entry) => entry.uniqueId));
  const lost = Object.keys(recorded).find((uniqueId) => !known.has(uniqueId));
  return lost === undefined ? null : `${lost.split(".").at(-1)} is no longer an input`;
}

function whichLandingMoved(landing: LandingDiff | null): string | null {
  if (landing === null) return null;
  if (landing.fresh.length > 0) return `${landing.fresh.length} new landing ${plural(landing.fresh.length)}`;
  if (landing.changed.length > 0) return `${landing.changed[0]?.found.path} changed`;
  if (landing.gone.length > 0) return `${landing.gone[0]?.path} is gone from the landing zone`;
  return null;
}

/** The snapshot id of a table version. */
export function shortVersion(version: string): string {
  return version.slice(version.indexOf("@") + 1).replace(/#\d+$/, "");
}

/** A history is never built anew: only what differs from its newest versions comes to it. */
const snapshot: Decide = (input) => {
  const { state } = input;
  if (state === null) return { action: "build", mode: "create", reason: "new" };
  if (state.ours?.partial === true) return { action: "build", mode: "replace", reason: "held only a part" };
  const reason = whyRebuild({ ...input, fullRefresh: false }, state);
  if (reason !== null) return { action: "build", mode: "overwrite", reason };
  const note = input.fullRefresh ? ": a history is never built anew" : "";
  return { action: "reuse", reason: `unchanged${note}` };
};

const seed: Decide = (input) => {
  const decision = table(input);
  return decision.reason === "code changed" ? { ...decision, reason: "the file changed" } : decision;
};

const byMaterialisation: Readonly<Record<Materialisation, Decide>> = {
  view: inline,
  ephemeral: (input) => ({ ...inline(input), reason: "ephemeral" }),
  table,
  incremental,
  snapshot,
  seed,
};

export function decide(materialisation: Materialisation, input: DecisionInput): Decision {
  const decision = byMaterialisation[materialisation](input);
  const before = input.state?.definition ?? null;
  if (decision.action !== "reuse" || before === null || before === input.definition) return decision;
  // No row changes, but names, comments or layout may.
  const note = decision.reason === "unchanged" ? "" : `; ${decision.reason}`;
  return { action: "build", mode: "evolve", reason: `columns or layout are defined otherwise${note}` };
}
