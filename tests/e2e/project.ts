// A throw-away project on the embedded default: real engine, real SQLite catalog, real files.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { adapters } from "../../engine/wire.ts";
import { executeRun } from "../../engine/run/execute-run.ts";
import { openProject } from "../../engine/run/open-project.ts";
import { queryProject } from "../../engine/run/query-project.ts";
import { createSession } from "../../engine/run/session.ts";
import type { Session } from "../../engine/run/session.ts";
import type { NodeResult, RunEvent, RunOptions, RunResult } from "../../engine/run/types.ts";
import type { Json } from "../../engine/common/json.ts";

export interface TestProject extends Disposable {
  readonly root: string;
  write(files: Readonly<Record<string, string>>): void;
  /** One command in this process, as `main.ts` would run it. */
  run(options: Partial<RunOptions> & { vars?: Record<string, Json> }): Promise<RunOutcome>;
  query(sql: string): Promise<unknown[][]>;
  withSession<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** The command line, as a process of its own. */
  cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
}

export interface RunOutcome extends RunResult {
  readonly events: readonly RunEvent[];
  /** By the node's own name. */
  readonly of: (name: string) => NodeResult | undefined;
}

const settings = `name: shop
profile: shop
timezone: Asia/Seoul
`;
const profiles = `shop:
  target: dev
  outputs:
    dev:
      schema: lakehouse
      warehouse: warehouse
      landing: landing-zone
      threads: 2
      catalog: {type: sql, uri: "sqlite:///lake.db"}
      compute: {type: duckdb}
`;

export function makeProject(files: Readonly<Record<string, string>>): TestProject {
  const root = mkdtempSync(path.join(tmpdir(), "lake-e2e-"));
  const write = (some: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(some)) {
      const file = path.join(root, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  };
  write({ "lake.yml": settings, "profiles.yml": profiles, ...files });
  const withSession = async <T>(work: (session: Session) => Promise<T>, vars?: Record<string, Json>): Promise<T> => {
    const { graph, profile } = await openProject({ projectDir: root, env: {}, ...(vars && { vars }) });
    const session = createSession({ graph, profile, adapters });
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  };
  return {
    root,
    write,
    withSession,
    run: ({ vars, ...options }) =>
      withSession(async (session) => {
        const events: RunEvent[] = [];
        const onEvent = (event: RunEvent): unknown => events.push(event);
        const result = await executeRun(session, { command: "build", ...options, onEvent });
        const of = (name: string): NodeResult | undefined =>
          result.results.find(({ uniqueId }) => session.graph.nodes.get(uniqueId)?.name === name);
        return { ...result, events, of };
      }, vars),
    query: (sql) => withSession(async (session) => (await queryProject(session, { sql })).rows.map((row) => [...row])),
    cli: (...args) => runCli(root, args),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

function runCli(cwd: string, args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const main = path.join(import.meta.dirname, "../../engine/main.ts");
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { cwd, env: { ...process.env, NO_COLOR: "1" } }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
  });
}
