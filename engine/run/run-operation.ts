// `lake run-operation`: a macro of the project as statements, run outside the gate that models run behind.
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { LakeError, lakeError } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import { suggest } from "../common/suggest.ts";
import type { QueryResult } from "../compute/compute.ts";
import { located } from "./binding/bind-nodes.ts";
import type { Rendered } from "../template/types.ts";
import { Renderer } from "./render-node.ts";
import type { Session } from "./session.ts";

export interface OperationResult {
  readonly result: QueryResult;
  /** The file whose presence made the operation unnecessary (`{{config creates="…"}}`), else null. */
  readonly skippedFor: string | null;
}

/**
 * A macro with `{{config creates="path"}}` (relative to the landing zone) writes that file last: if it is
 * there, the operation is done and not run again. Errors: `run/unknown-macro`; those of the statements, at the
 * macro's line.
 */
export async function runOperation(
  session: Session,
  options: { readonly name: string; readonly args?: Readonly<Record<string, Json>> },
): Promise<OperationResult> {
  const { name, args = {} } = options;
  const { macros } = session.graph.project;
  if (!macros.has(name)) {
    const near = suggest(name, [...macros.keys()]);
    throw lakeError("run/unknown-macro", { macro: name }, { hint: near && `did you mean "${near}"?` });
  }
  const call = Object.keys(args).map((key) => `${key}=${key}`);
  const file = `run-operation ${name}`;
  const rendered = new Renderer(session).text({
    text: `{{> ${[name, ...call].join(" ")}}}`,
    file,
    locals: args,
  });
  const created = await createdFile(session, rendered);
  if (created?.exists === true) return { result: { columns: [], rows: [] }, skippedFor: created.path };
  const compute = await session.compute();
  try {
    return { result: await compute.operate(rendered.sql, []), skippedFor: null };
  } catch (error) {
    if (!(error instanceof LakeError) || error.at !== undefined) throw error;
    throw located(error, { ...rendered, at: { file } });
  }
}

async function createdFile(
  session: Session,
  rendered: Rendered,
): Promise<{ path: string; exists: boolean } | null> {
  const creates = rendered.references.configs
    .map(({ values }) => values["creates"])
    .find((value) => value !== undefined);
  if (typeof creates !== "string") return null;
  const storage = await session.storage();
  const path = `${session.profile.landing.replace(/\/+$/, "")}/${creates}`;
  const exists = (await storage.stat(path)) !== null;
  // The engine writes files, not the folders they lie in.
  const local = storage.localPath(path);
  if (!exists && local !== null) await mkdir(dirname(local), { recursive: true });
  return { path, exists };
}
