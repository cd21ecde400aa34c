// What every command gets from `main.ts`, and what it needs again and again.
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Json } from "../common/json.ts";
import { isLakeError, lakeError } from "../common/errors.ts";
import { createStyle, type Style } from "../report/style.ts";
import type { ErrorView } from "../report/render-error.ts";
import type { Adapters, Session } from "../run/session.ts";
import type { TargetProfile } from "../project/types.ts";
import type { OpenProject } from "../run/open-project.ts";
import type { OutputOptions, ProjectOptions } from "./options.ts";

export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The process as commands see it. */
export interface CliContext {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly now: () => number;
  /** Loaded when a session is opened: `lake ls` needs none. */
  adapters(): Promise<Adapters>;
  /** Commands that can stop in order ask for it; without, Ctrl-C ends the process at once. */
  abortSignal(): AbortSignal;
}

/** Colours only on a terminal, and not against `NO_COLOR` or `--no-color`. */
export function styleFor(context: CliContext, stream: OutputStream, options: OutputOptions): Style {
  return createStyle(usesColour(context, stream, options));
}

export function usesColour(context: CliContext, stream: OutputStream, options: OutputOptions): boolean {
  const forbidden =
    options.color === false || (context.env["NO_COLOR"] ?? "") !== "" || context.env["TERM"] === "dumb";
  return stream.isTTY === true && !forbidden && options.logFormat !== "json";
}

/** Shows errors with the lines of the project's own files. */
export function errorView(
  context: CliContext,
  stream: OutputStream,
  options: OutputOptions & ProjectOptions,
  inlineQuery?: string,
): ErrorView {
  const root = path.resolve(context.cwd, options.projectDir ?? ".");
  return {
    style: styleFor(context, stream, options),
    readLine(file, line) {
      // Of the project's own files; a landing file may have a gigabyte.
      if (path.isAbsolute(file)) return undefined;
      try {
        const isInline = file === "query" && inlineQuery !== undefined;
        const text = isInline ? inlineQuery : readFileSync(path.resolve(root, file), "utf8");
        return text.split(/\r\n|[\n\r]/)[line - 1];
      } catch {
        return undefined;
      }
    },
  };
}

/** Reads the project; what is merely odd in its files is said, what is wrong is thrown. */
export async function loadProject(
  context: CliContext,
  options: ProjectOptions & OutputOptions,
): Promise<OpenProject> {
  const { openProject } = await import("../run/open-project.ts");
  const project = await openProject({
    projectDir: path.resolve(context.cwd, options.projectDir ?? "."),
    env: context.env,
    ...(options.profilesDir !== undefined && { profilesDir: path.resolve(context.cwd, options.profilesDir) }),
    ...(options.target !== undefined && { target: options.target }),
    ...(options.vars !== undefined && { vars: await parseMapping("--vars", options.vars) }),
    ...(options.threads !== undefined && { threads: options.threads }),
  });
  const { yellow } = styleFor(context, context.stderr, options);
  for (const { message, at } of project.graph.project.warnings ?? []) {
    const place = [at.file, at.line].filter((part) => part !== undefined).join(":");
    context.stderr.write(
      options.logFormat === "json"
        ? `${JSON.stringify({ time: new Date(context.now()).toISOString(), level: "warn", event: "warning", message, at })}\n`
        : `${yellow("warning:")} ${message} (${place})\n`,
    );
  }
  return project;
}

/** Another target of the same profile. */
export async function loadTarget(
  context: CliContext,
  options: ProjectOptions,
  target: string,
): Promise<TargetProfile> {
  const { openTarget } = await import("../run/open-project.ts");
  return openTarget({
    projectDir: path.resolve(context.cwd, options.projectDir ?? "."),
    env: context.env,
    ...(options.profilesDir !== undefined && { profilesDir: path.resolve(context.cwd, options.profilesDir) }),
    target,
  });
}

/** Nothing of it is open before it is used; who calls closes it. */
export async function openSession(
  context: CliContext,
  project: OpenProject,
  defer?: TargetProfile,
): Promise<Session> {
  const [{ createSession }, adapters] = await Promise.all([import("../run/session.ts"), context.adapters()]);
  const { env, now } = context;
  return createSession({ ...project, adapters, env, now, ...(defer !== undefined && { defer }) });
}

/** `--defer --state prod`: tables that this target does not have are read there. An environment does so anyway. */
async function deferredTo(
  context: CliContext,
  options: ProjectOptions & { readonly defer?: boolean; readonly state?: string },
): Promise<TargetProfile | undefined> {
  if (options.defer !== true || options.state === undefined) return undefined;
  return loadTarget(context, options, options.state);
}

/** Opens the project and its target, and closes what the work opened, whatever comes of it. */
export async function withSession<T>(
  context: CliContext,
  options: ProjectOptions & OutputOptions,
  work: (session: Session, project: OpenProject) => Promise<T>,
): Promise<T> {
  const project = await loadProject(context, options);
  const session = await openSession(context, project, await deferredTo(context, options));
  try {
    return await work(session, project);
  } finally {
    await session.close();
  }
}

/** `--vars` and `--args`: a YAML (or JSON) mapping. */
export async function parseMapping(option: string, text: string): Promise<Record<string, Json>> {
  const { load } = await import("js-yaml");
  let value: unknown;
  try {
    value = load(text);
  } catch (error) {
    const problem = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    throw lakeError("cli/bad-vars", { option, text, problem }, { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw lakeError("cli/bad-vars", { option, text, problem: "no keys and values" });
  }
  return value as Record<string, Json>;
}

/** 0 fine, 1 handled, 2 usage or crash. */
export function exitCodeOf(error: unknown): number {
  return isLakeError(error) && !error.code.startsWith("cli/") ? 1 : 2;
}
