import type { QueryFormat } from "../report/render-query.ts";
import type { QueryOptions } from "../run/query-project.ts";
import { styleFor, withSession, type CliContext } from "./context.ts";
import type { OutputOptions, ProjectOptions } from "./options.ts";

export interface QueryCommandOptions extends ProjectOptions, OutputOptions {
  readonly output: QueryFormat;
}

/** Asks the target and prints the rows. */
export async function printQuery(
  context: CliContext,
  options: QueryCommandOptions,
  query: QueryOptions,
): Promise<number> {
  const result = await withSession(context, options, async (session) => {
    const { queryProject } = await import("../run/query-project.ts");
    return queryProject(session, query);
  });
  const { renderQuery } = await import("../report/render-query.ts");
  const style = styleFor(context, context.stdout, options);
  context.stdout.write(`${renderQuery(result, { format: options.output, style })}\n`);
  return 0;
}
