// One model or seed → its step.
import { lakeError } from "../../common/errors.ts";
import type { CatalogTable } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { decide } from "../../plan/decide.ts";
import type { Decision } from "../../plan/decide.ts";
import { modelCode, modelFingerprint, seedFingerprint, tableDefinition } from "../../plan/fingerprint.ts";
import type { ModelCode } from "../../plan/fingerprint.ts";
import { whyLost } from "../../plan/followed-input.ts";
import { readTableState } from "../../plan/table-state.ts";
import type { TableState } from "../../plan/table-state.ts";
import { changesPart } from "../../plan/types.ts";
import type { PlanStep } from "../../plan/types.ts";
import type { Model, Seed } from "../../project/types.ts";
import type { ChangedCall } from "../../template/types.ts";
import { ingests, landingSources } from "../inputs.ts";
import type { Inputs } from "../inputs.ts";
import { baseAsTable, newestBase } from "../environments/clones.ts";
import { landingState } from "../landing/landing-state.ts";
import { followedInputs } from "../writing/changed-names.ts";
import { hasTable, isInlined, tableIdentifier } from "../names.ts";
import type { Readable } from "../names.ts";
import { batchState, batchedInputs, eventTimeOf, fromNothing, planBatches } from "./plan-batches.ts";
import { inputStates } from "./planner.ts";
import type { PlannedNode, Planner } from "./planner.ts";
import type { SeenTable } from "../environments/seen-tables.ts";
import { strategyOf } from "../strategies/strategies.ts";

export async function planTable(
  planner: Planner,
  node: Model | Seed,
  inputs: Inputs,
  after: readonly string[],
  planned: ReadonlyMap<string, PlannedNode>,
): Promise<PlannedNode> {
  const { session } = planner;
  const { own, inherited } = placeOf(planner, node);
  const code = node.resourceType === "seed" ? null : codeOf(planner, node, inputs);
  const fingerprint =
    code === null
      ? seedFingerprint(node as Seed, planner.fingerprintContext)
      : modelFingerprint(code, planner.normalise);
  const definition = tableDefinition(node, fingerprint);
  const strategy = node.resourceType === "seed" ? null : strategyOf(node);
  if (node.resourceType !== "seed") strategy?.check(node);
  if (node.resourceType !== "seed" && ingests(node, inputs)) checkIngestion(node, inputs);
  if (own !== null) refusePartial(planner, node, readTableState(own));
  const judge = (table: CatalogTable | null): Promise<Judged> =>
    judgeTable({ planner, node, inputs, planned, fingerprint, definition, table });
  const { decision, ...rest } =
    inherited === null
      ? { ...(await judge(own)), base: own, clone: null }
      : await inEnvironment(planner, node, inherited, judge);
  const read = decision.action === "reuse" ? inherited?.table.identifier : undefined;
  const step: PlanStep = {
    uniqueId: node.uniqueId,
    resourceType: node.resourceType,
    after,
    ...withoutMarks(decision),
    ...(strategy !== null && { strategy: node.config.strategy ?? "append" }),
    ...(!isInlined(node) && { table: read ?? tableIdentifier(node, session.profile) }),
  };
  if (changesPart(step) || step.mode === "evolve") refuseEnded(planner, node);
  return { node, step, inputs, fingerprint, definition, code, ...rest };
}

/** What a step shows of it. */
function withoutMarks({ forgets: _forgets, ...decision }: Decision): Omit<Decision, "forgets"> {
  return decision;
}

/** A table that keeps its rows cannot go on without the files that they lie in. Errors: `run/base-expired`. */
function refuseEnded({ seen }: Planner, { uniqueId }: Model | Seed): void {
  const ended = seen.get(uniqueId)?.ended;
  if (ended !== undefined) throw ended;
}

interface Judged extends Pick<PlannedNode, "state" | "landing" | "batches"> {
  readonly decision: Decision;
}

/** What is to be done where the node's table stands as given. */
async function judgeTable(options: {
  readonly planner: Planner;
  readonly node: Model | Seed;
  readonly inputs: Inputs;
  readonly planned: ReadonlyMap<string, PlannedNode>;
  readonly fingerprint: string;
  readonly definition: string;
  readonly table: CatalogTable | null;
}): Promise<Judged> {
  const { planner, node, inputs, planned, fingerprint, definition, table } = options;
  const { session } = planner;
  const { allowLoss = false, noReuse = false, changedFiles = "fail" } = planner.options;
  const state = table === null ? null : readTableState(table);
  const fullRefresh = node.config.fullRefresh ?? planner.options.fullRefresh ?? false;
  const ingesting = node.resourceType !== "seed" && ingests(node, inputs);
  const refresh = { fullRefresh, allowLoss, changedFiles };
  const landing = isInlined(node)
    ? null
    : await landingState({ session, node, inputs, table, ingesting, ...refresh });
  const batches =
    node.resourceType === "model"
      ? batchState({ session, options: planner.options, model: node, state })
      : null;
  const decision = decide(node.config.materialized, {
    state,
    fingerprint,
    fullRefresh,
    noReuse,
    reuseVolatile: node.config.reuse === true,
    inputs: inputStates(planner, inputs, planned),
    landing: landing?.diff ?? null,
    landingFiles: landing?.files.length ?? 0,
    landingOthers: landing?.others ?? 0,
    ingests: ingesting,
    strategy: node.config.strategy ?? "append",
    definition,
    ...(node.resourceType === "model" && strategyOf(node) !== null && followed(planner, node, inputs, state)),
    ...(batches !== null && { batches }),
  });
  refuseWhole(node, decision, state);
  return {
    decision,
    state,
    landing,
    ...(batches !== null &&
      decision.action === "build" && {
        batches: planBatches({ model: node as Model, batches, decision, state }),
      }),
  };
}

/** The target's own table, or the one that an environment shows in its place. A quick look at a part of the rows
 *  (`--sample`, `--empty`) makes a table of its own in any case. */
function placeOf(
  { seen, session, options }: Planner,
  node: Model | Seed,
): { readonly own: CatalogTable | null; readonly inherited: SeenTable | null } {
  const found = seen.get(node.uniqueId) ?? null;
  if (found === null || found.owner === session.profile)
    return { own: found?.table ?? null, inherited: null };
  const partial = options.empty === true || options.sample !== undefined;
  const inherits = session.profile.parent !== undefined && !partial;
  return { own: null, inherited: inherits ? found : null };
}

/** What is unchanged below is read there. What changes is made anew in the environment, or, where it keeps its rows,
 *  on a clone: then the plan is that of the base which the clone begins as. */
async function inEnvironment(
  { session }: Planner,
  node: Model | Seed,
  below: SeenTable,
  judge: (table: CatalogTable) => Promise<Judged>,
): Promise<Judged & Pick<PlannedNode, "base" | "clone">> {
  const { table, owner } = below;
  const standing = await judge(table);
  const { decision } = standing;
  const kept = { ...standing, base: null, clone: null };
  if (decision.action === "reuse")
    return { ...kept, decision: { ...decision, reason: `${decision.reason} in ${owner.name}` } };
  if (decision.action !== "build") return kept;
  const created = {
    ...kept,
    decision: { ...decision, mode: "create" as const },
    ...(kept.batches !== undefined && { batches: fromNothing(kept.batches) }),
  };
  if (!keepsRows(node, decision)) return created;
  const origin = newestBase(below);
  const base = baseAsTable(session, node, table, origin);
  const onBase = await judge(base);
  if (onBase.decision.action !== "build" || !keepsRows(node, onBase.decision)) return created;
  const reason = `${onBase.decision.reason}, on a clone of ${owner.name}'s ${origin.tag}`;
  const clone = { source: table, owner, base: origin };
  return { ...onBase, decision: { ...onBase.decision, reason }, base, clone };
}

/** Whether the rows of an incremental model's table stay. */
function keepsRows({ config }: Model | Seed, decision: Decision): boolean {
  return changesPart(decision) || (decision.mode === "evolve" && config.materialized === "incremental");
}

/** `full_refresh: false`: the table holds what no build could give again. */
function refuseWhole(node: Model | Seed, { mode, reason }: Decision, state: TableState | null): void {
  if (node.config.materialized !== "incremental" || node.config.fullRefresh !== false) return;
  if (mode !== "replace" || state?.ours?.partial === true) return;
  const hint = "take full_refresh=false out of its config, or undo what the reason says";
  throw lakeError("run/whole-build-refused", { model: node.name, reason }, { at: { file: node.path }, hint });
}

/** The inputs that an incremental model follows with `{{changed …}}`. */
function followed(
  { renderer, session, tables, sourceTables }: Planner,
  model: Model,
  inputs: Inputs,
  state: TableState | null,
): { readonly follows?: ReadonlyMap<string, string | null> } {
  const isBatched = model.config.strategy === "microbatch";
  const found = isBatched
    ? batchedInputs(model, inputs, session)
    : followedInputs(renderer.names, model, session.profile);
  if (isBatched && found.length === 0) {
    throw lakeError(
      "run/no-batched-input",
      { model: model.name },
      {
        at: { file: model.path },
        hint: "config: {event_time: …} of the table that it reads names the column",
      },
    );
  }
  if (found.length === 0) return {};
  const follows = new Map<string, string | null>();
  for (const { call, node } of found) {
    if (!hasTable(node) && !(node.resourceType === "source" && node.type === "iceberg"))
      throw notFollowed(model, node, call, "which is no table");
    if (landingSources(inputs).length > 0)
      throw notFollowed(model, node, call, "and takes in landing files, which it follows by itself");
    const { uniqueId, name } = node;
    const metadata = tables.get(uniqueId)?.metadata ?? sourceTables.get(uniqueId);
    follows.set(uniqueId, whyLost({ name, recorded: state?.ours?.inputs[uniqueId], metadata }));
  }
  return { follows };
}

function notFollowed(model: Model, node: Readable, { at }: ChangedCall, problem: string): Error {
  const hint = isInlined(node) ? `follow the table that ${node.name} reads` : undefined;
  return lakeError("run/cannot-follow", { model: model.name, input: node.name, problem }, { at, hint });
}

/** `--sample` and `--empty` make tables with a part of the rows: never over a whole one. */
function refusePartial(planner: Planner, node: Model | Seed, state: TableState | null): void {
  const { options, session } = planner;
  const flag = options.empty === true ? "--empty" : options.sample !== undefined ? "--sample" : null;
  if (flag === null || state === null || state.ours?.partial === true) return;
  throw lakeError(
    "run/partial-over-whole",
    { table: tableName(tableIdentifier(node, session.profile)), flag },
    { hint: "use another target or schema for a quick look" },
  );
}

function checkIngestion(model: Model, inputs: Inputs): void {
  const sources = landingSources(inputs).map((source) => `${source.sourceName}.${source.name}`);
  if (strategyOf(model)?.ingests === false) {
    throw lakeError(
      "run/strategy-with-landing",
      { model: model.name, strategy: model.config.strategy ?? "", source: sources[0] ?? "" },
      {
        at: { file: model.path },
        hint: "append the landing files in one model, and build this one on it",
      },
    );
  }
  if (sources.length > 1) {
    const hint = "make one incremental model for each source, and bring them together in the next";
    throw lakeError(
      "run/one-landing-source",
      { model: model.name, sources },
      { at: { file: model.path }, hint },
    );
  }
}

/** With names of nodes: an environment's code is that of what it stands on. */
function codeOf(planner: Planner, model: Model, inputs: Inputs): ModelCode {
  const { renderer, fingerprintContext: context } = planner;
  const { sql } = renderer.model(model, false, true);
  // Only an incremental model is ever rendered the other way.
  const later = model.config.materialized === "incremental" ? renderer.model(model, true, true).sql : sql;
  return modelCode({
    model,
    sql,
    ...(later !== sql && { incrementalSql: later }),
    inlined: Object.fromEntries(
      inputs.inlined.map((view) => [view.uniqueId, renderer.model(view, false, true).sql]),
    ),
    landing: landingSources(inputs),
    ...(model.config.strategy === "microbatch" && {
      batchedBy: Object.fromEntries(
        batchedInputs(model, inputs, planner.session).map(({ node }) => [node.uniqueId, eventTimeOf(node)]),
      ),
    }),
    context,
  });
}
