// What a command's selection options come to, with what `state:` compares: a folder of artifacts, what another target
// published, or, in an environment, what the target below did.
import { existsSync } from "node:fs";
import path from "node:path";
import { lakeError } from "../common/errors.ts";
import type { Graph, SelectionRequest, SelectionState } from "../graph/types.ts";
import type { TargetProfile } from "../project/types.ts";
import type { Session } from "../run/session.ts";
import { loadTarget } from "./context.ts";
import type { CliContext } from "./context.ts";
import { selectionOf } from "./options.ts";
import type { ProjectOptions, SelectionOptions } from "./options.ts";
import { readSelectionState } from "./selection-state.ts";

/** Opens the target only where the selection compares with another one. */
export async function resolveSelection(
  context: CliContext,
  options: SelectionOptions & ProjectOptions,
  {
    graph,
    below,
    session,
  }: {
    readonly graph: Graph;
    /** The targets that the selected one stands on. */
    readonly below: readonly TargetProfile[];
    readonly session: () => Promise<Session>;
  },
): Promise<SelectionRequest> {
  const request = selectionOf(options);
  if (options.state !== undefined) {
    const folder = path.resolve(context.cwd, options.state);
    const { root, settings } = graph.project;
    const state = existsSync(folder)
      ? readSelectionState(folder, path.join(root, settings.targetPath))
      : await publishedState(await session(), await stateTarget(context, options, options.state));
    return { ...request, state };
  }
  const [parent] = below;
  if (parent === undefined || !asksForState(graph, request)) return request;
  return { ...request, state: await publishedState(await session(), parent) };
}

/** For a command that has opened its target. */
export function sessionSelection(
  context: CliContext,
  options: SelectionOptions & ProjectOptions,
  session: Session,
): Promise<SelectionRequest> {
  const { graph, below } = session;
  return resolveSelection(context, options, { graph, below, session: () => Promise.resolve(session) });
}

async function stateTarget(
  context: CliContext,
  options: ProjectOptions,
  name: string,
): Promise<TargetProfile> {
  try {
    return await loadTarget(context, options, name);
  } catch (cause) {
    const hint = "give the target/ folder of another run, or the name of a target";
    throw lakeError("cli/no-state", { folder: name }, { cause, hint });
  }
}

async function publishedState(session: Session, target: TargetProfile): Promise<SelectionState> {
  const { readPublished } = await import("../run/publishing/published-manifest.ts");
  const published = await readPublished(await session.storage(), target);
  if (published === null) {
    const hint = `run \`lake build -t ${target.name}\` once, or give --state a folder`;
    throw lakeError("run/no-published-manifest", { target: target.name }, { hint });
  }
  return { manifest: new Map([...published].map(([uniqueId, { state }]) => [uniqueId, state])) };
}

/** By name or in a selector of selectors.yml. */
function asksForState(
  { project }: Graph,
  { select = [], exclude = [], selector }: SelectionRequest,
): boolean {
  if ([...select, ...exclude].some((text) => text.includes("state:"))) return true;
  if (select.length + exclude.length > 0) return false;
  const isUsed = (name: string, preset: boolean): boolean =>
    selector === undefined ? preset : name === selector;
  return project.selectors.some(
    ({ name, default: preset, definition }) =>
      isUsed(name, preset) && JSON.stringify(definition).includes("state"),
  );
}
