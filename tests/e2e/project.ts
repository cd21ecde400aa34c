// A throw-away project on the embedded default: real engine, real SQLite catalog, real files.
import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { openSqlCatalog } from "../../engine/catalog/sql/sql-catalog.ts";
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
  write(files: Files): void;
  /** A file of the project as text. */
  read(name: string): string;
  /** One command in this process, as `main.ts` would run it. */
  run(
    options: Partial<RunOptions> & { vars?: Record<string, Json>; target?: string; now?: () => number },
  ): Promise<RunOutcome>;
  query(sql: string, target?: string): Promise<unknown[][]>;
  withSession<T>(work: (session: Session) => Promise<T>, target?: string): Promise<T>;
  /** The command line, as a process of its own. */
  cli(...args: string[]): Promise<CliResult>;
  /** Table → metadata location, as the catalog says: what must not move when a run fails. */
  catalog(): Promise<Record<string, string>>;
  /** Every file below a folder of the project, relative to it, sorted. */
  files(folder: string): string[];
}

export type Files = Readonly<Record<string, string | Uint8Array>>;

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
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

/** Production with environments over it: any `pr_…`, and one with a catalog and a warehouse of its own. */
export const environments = `shop:
  target: prod
  outputs:
    prod:
      schema: lakehouse
      warehouse: warehouse
      landing: landing-zone
      threads: 2
      catalog: {type: sql, uri: "sqlite:///lake.db"}
    pr_*: {from: prod}
    mine: {from: prod, warehouse: my-warehouse, catalog: {type: sql, uri: "sqlite:///mine.db"}}
`;

export function makeProject(files: Files): TestProject {
  const root = mkdtempSync(path.join(tmpdir(), "lake-e2e-"));
  const write = (some: Files): void => {
    for (const [name, text] of Object.entries(some)) {
      const file = path.join(root, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  };
  write({ "lake.yml": settings, "profiles.yml": profiles, ...files });
  const withSession = async <T>(
    work: (session: Session) => Promise<T>,
    target?: string,
    vars?: Record<string, Json>,
    now?: () => number,
  ): Promise<T> => {
    const { graph, profile } = await openProject({
      projectDir: root,
      env: {},
      ...(vars && { vars }),
      ...(target !== undefined && { target }),
    });
    const session = createSession({ graph, profile, adapters, ...(now !== undefined && { now }) });
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  };
  return {
    root,
    write,
    read: (name) => readFileSync(path.join(root, name), "utf8"),
    withSession,
    run: ({ vars, target, now, ...options }) =>
      withSession(
        async (session) => {
          const events: RunEvent[] = [];
          const onEvent = (event: RunEvent): unknown => events.push(event);
          const result = await executeRun(session, { command: "build", ...options, onEvent });
          const of = (name: string): NodeResult | undefined =>
            result.results.find(({ uniqueId }) => session.graph.nodes.get(uniqueId)?.name === name);
          return { ...result, events, of };
        },
        target,
        vars,
        now,
      ),
    query: (sql, target) =>
      withSession(
        async (session) => (await queryProject(session, { sql })).rows.map((row) => [...row]),
        target,
      ),
    cli: (...args) => runCli(root, args),
    catalog: () => pointers(`sqlite:///${root}/lake.db`),
    files: (folder) => filesBelow(path.join(root, folder)),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Asks the catalog itself, so that it answers also for a project that is broken. */
async function pointers(uri: string): Promise<Record<string, string>> {
  const catalog = await openSqlCatalog({ name: "lake", uri });
  try {
    const found: Record<string, string> = {};
    for (const namespace of await catalog.listNamespaces()) {
      for (const [name, location] of await catalog.locate(await catalog.list(namespace)))
        found[name] = location;
    }
    return found;
  } finally {
    await catalog.close();
  }
}

export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

export const mainFile = path.join(import.meta.dirname, "../../engine/main.ts");

function runCli(cwd: string, args: string[]): Promise<CliResult> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, NO_COLOR: "1" }, maxBuffer: 64 << 20 };
    execFile(process.execPath, [mainFile, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}
