// What `run`, `build`, `test` and `seed` share: progress while it works, artifacts, the closing table.
import path from "node:path";
import { isLakeError, type LakeError } from "../common/errors.ts";
import { createProgress } from "../report/progress.ts";
import { toJsonText } from "../report/json-text.ts";
import type { Graph, SelectionRequest } from "../graph/types.ts";
import type { Session } from "../run/session.ts";
import type { RunOptions, RunResult } from "../run/types.ts";
import type { TargetProfile } from "../project/types.ts";
import { keepManifest } from "./keep-manifest.ts";
import { errorView, styleFor, withSession, type CliContext } from "./context.ts";
import { eventTimeOf, type RunCommandOptions } from "./options.ts";
import { lakeVersion } from "./version.ts";
import { sessionSelection } from "./selection.ts";

/** Runs the selection and reports it. Exit code 0 when all is well, 1 when a node or an error test failed. */
export async function runNodes(
  context: CliContext,
  command: RunOptions["command"],
  options: RunCommandOptions,
  /** The failed run that this one continues. */
  retries: string | null = null,
): Promise<number> {
  return withSession(context, options, async (session) => {
    const { executeRun } = await import("../run/execute-run.ts");
    // With --output json the standard output belongs to the result.
    const stream = options.output === "json" ? context.stderr : context.stdout;
    const style = styleFor(context, stream, options);
    const progress = createProgress({
      write: (text) => stream.write(text),
      format: options.logFormat ?? "text",
      isLive: stream.isTTY === true && context.env["TERM"] !== "dumb",
      quiet: options.quiet ?? false,
      style,
      now: context.now,
      width: () => stream.columns || 80,
    });
    const shared = { context, options, graph: session.graph, profile: session.profile };
    let result: RunResult;
    try {
      result = await executeRun(session, {
        ...runOptions(command, options, await sessionSelection(context, options, session)),
        ...(retries !== null && { retries }),
        signal: context.abortSignal(),
        onEvent: (event) => progress.onEvent(event),
      });
    } catch (error) {
      progress.close();
      if (isLakeError(error))
        await writeArtifacts({ ...shared, result: failedResult(session, command, error) });
      throw error;
    }
    progress.close();
    await writeArtifacts({ ...shared, result });
    await reportResult({ ...shared, result });
    return result.success ? 0 : 1;
  });
}

/** A run that failed as a whole: programs that read artifacts find the reason where they look for it. */
function failedResult(session: Session, command: string, error: LakeError): RunResult {
  const startedMs = session.now();
  return {
    runId: session.newId(),
    command,
    target: session.profile.name,
    startedMs,
    elapsedMs: 0,
    results: [
      {
        uniqueId: `operation.${session.graph.project.settings.name}.${command}`,
        resourceType: "operation",
        status: "error",
        message: error.message,
        startedMs,
        elapsedMs: 0,
        error,
      },
    ],
    published: false,
    staged: false,
    success: false,
  };
}

export function runOptions(
  command: RunOptions["command"],
  options: RunCommandOptions,
  selection: SelectionRequest,
): RunOptions {
  const eventTime = eventTimeOf(options);
  return {
    command,
    ...(eventTime !== null && { eventTime }),
    ...selection,
    fullRefresh: options.fullRefresh ?? false,
    allowLoss: options.allowLoss ?? false,
    changedFiles: options.changedFiles ?? "fail",
    noReuse: options.reuse === false,
    failFast: options.failFast ?? false,
    storeFailures: options.storeFailures ?? false,
    warnError: options.warnError ?? false,
    empty: options.empty ?? false,
    ...(options.sample !== undefined && { sample: options.sample }),
    ...(options.threads !== undefined && { threads: options.threads }),
    invocation: invocationOf(options),
  };
}

/** What `lake retry` is to repeat: how the answer is shown is for each command to say. */
function invocationOf(options: RunCommandOptions): Readonly<Record<string, unknown>> {
  const shown = new Set(["output", "logFormat", "quiet", "color", "debug"]);
  return Object.fromEntries(Object.entries(options).filter(([name]) => !shown.has(name)));
}

async function reportResult(parts: {
  readonly context: CliContext;
  readonly options: RunCommandOptions;
  readonly result: RunResult;
  readonly graph: Graph;
}): Promise<void> {
  const { context, options, result, graph } = parts;
  if (options.output === "json") {
    const { toRunResults } = await import("../report/run-results.ts");
    context.stdout.write(
      `${toJsonText(toRunResults(result, artifactOptions(context, options, result)), 2)}\n`,
    );
    return;
  }
  if (options.logFormat === "json" || (options.quiet === true && result.success)) return;
  const { renderSummary } = await import("../report/summary.ts");
  context.stdout.write(
    `\n${renderSummary(result, { ...errorView(context, context.stdout, options), graph })}\n`,
  );
}

/** Also after a failure: that is when somebody reads them. */
async function writeArtifacts(parts: {
  readonly context: CliContext;
  readonly options: RunCommandOptions;
  readonly result: RunResult;
  readonly graph: Graph;
  readonly profile: TargetProfile;
}): Promise<void> {
  const { context, options, result, graph, profile } = parts;
  const [{ toRunResults }, { writeArtifact }] = await Promise.all([
    import("../report/run-results.ts"),
    import("../report/write-artifact.ts"),
  ]);
  const folder = path.join(graph.project.root, graph.project.settings.targetPath);
  const metadata = artifactOptions(context, options, result);
  await keepManifest({ context, graph, profile, invocationId: result.runId });
  await writeArtifact(folder, "run_results.json", toRunResults(result, metadata));
}

function artifactOptions(
  context: CliContext,
  options: RunCommandOptions,
  result: RunResult,
): {
  generatedMs: number;
  invocationId: string;
  lakeVersion: string;
  args: Readonly<Record<string, unknown>>;
} {
  return {
    generatedMs: context.now(),
    invocationId: result.runId,
    lakeVersion,
    args: {
      select: options.select ?? [],
      exclude: options.exclude ?? [],
      selector: options.selector ?? null,
      full_refresh: options.fullRefresh ?? false,
      empty: options.empty ?? false,
      sample: options.sample ?? null,
      invocation: invocationOf(options),
    },
  };
}
