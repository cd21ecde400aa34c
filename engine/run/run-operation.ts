// `lake run-operation`: a macro of the project as statements, run outside the gate that models run behind.
import { LakeError, lakeError } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import { suggest } from "../common/suggest.ts";
import type { QueryResult } from "../compute/compute.ts";
import { located } from "./bind-nodes.ts";
import { Renderer } from "./render-node.ts";
import type { Session } from "./session.ts";

/** Errors: `run/unknown-macro`; those of the statements, at the macro's line. */
export async function runOperation(
  session: Session,
  options: { readonly name: string; readonly args?: Readonly<Record<string, Json>> },
): Promise<QueryResult> {
  const { name, args = {} } = options;
  const { macros } = session.graph.project;
  if (!macros.has(name)) {
    const near = suggest(name, [...macros.keys()]);
    throw lakeError("run/unknown-macro", { macro: name }, { hint: near && `did you mean "${near}"?` });
  }
  const call = Object.keys(args).map((key) => `${key}=${key}`);
  const file = `run-operation ${name}`;
  const rendered = new Renderer(session).text({ text: `{{> ${[name, ...call].join(" ")}}}`, file, locals: args });
  const compute = await session.compute();
  try {
    return await compute.operate(rendered.sql, []);
  } catch (error) {
    if (!(error instanceof LakeError) || error.at !== undefined) throw error;
    throw located(error, { ...rendered, at: { file } });
  }
}
