// Tables that were staged before (by the failed run that this one continues, or by this run before another
// engine moved a table) and that a build would only make again.
import type { LandingVersion } from "../../plan/landing-diff.ts";
import { definitionProperty, partialPrefix, summaryKeys } from "../../plan/table-state.ts";
import { ingests } from "../inputs.ts";
import { inputStates } from "../planning/planner.ts";
import type { PlannedNode, Planner } from "../planning/planner.ts";
import type { StagedTable } from "./staged-table.ts";

/** The node as it was planned, or taking over what was staged for it if code, inputs, table and files still stand. */
export function takeOver(
  planner: Planner,
  node: PlannedNode,
  planned: ReadonlyMap<string, PlannedNode>,
): PlannedNode {
  const staged = planner.staged.get(node.step.uniqueId);
  if (staged === undefined || node.step.action !== "build") return node;
  const stands =
    staged.mode === node.step.mode &&
    sameBase(node, staged) &&
    sameCode(planner, node, staged) &&
    sameInputs(planner, node, staged, planned) &&
    sameLanding(node, staged);
  if (!stands) return node;
  const reason = `staged by the run ${staged.runId}`;
  return { ...node, staged, step: { ...node.step, action: "staged", reason } };
}

function sameBase({ base }: PlannedNode, { changes: [change] }: StagedTable): boolean {
  return (change.request.base?.metadataLocation ?? null) === (base?.metadataLocation ?? null);
}

function sameCode(
  { options }: Planner,
  { fingerprint, definition }: PlannedNode,
  { changes }: StagedTable,
): boolean {
  const partial = options.sample !== undefined || options.empty === true;
  const { summary, properties } = changes[0].request;
  const recorded = summary[summaryKeys.fingerprint];
  if (properties[definitionProperty] !== definition) return false;
  return recorded === (partial ? `${partialPrefix}${fingerprint}` : fingerprint);
}

function sameInputs(
  planner: Planner,
  node: PlannedNode,
  { changes }: StagedTable,
  planned: ReadonlyMap<string, PlannedNode>,
): boolean {
  const text = changes[0].request.summary[summaryKeys.inputs] ?? "{}";
  const recorded = JSON.parse(text) as Record<string, string>;
  const states = inputStates(planner, node.inputs, planned);
  const known = states.filter(({ version, uniqueId }) => version !== null && version === recorded[uniqueId]);
  return known.length === states.length && Object.keys(recorded).length === states.length;
}

/** What came to the landing zone since is the next run's affair, unless the model reads the zone as a whole. */
function sameLanding({ node, inputs, landing }: PlannedNode, staged: StagedTable): boolean {
  if (landing === null) return staged.landing.length === 0;
  const here = new Map(landing.files.map((file) => [file.path, file]));
  const ingesting = node.resourceType === "model" && ingests(node, inputs);
  if (!ingesting && here.size !== staged.landing.length) return false;
  return staged.landing.every((read) => isSameFile(read, here.get(read.path)));
}

function isSameFile(read: LandingVersion, found: LandingVersion | undefined): boolean {
  if (found === undefined || found.sizeBytes !== read.sizeBytes) return false;
  return read.etag !== undefined && found.etag !== undefined
    ? read.etag === found.etag
    : read.modifiedMs === found.modifiedMs;
}
