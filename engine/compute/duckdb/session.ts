// One in-memory engine per process, closed to the outside before any statement of a project runs.
import { rm } from "node:fs/promises";
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from "@duckdb/node-api";
import { lakeError } from "../../common/errors.ts";
import { limit, type Limiter } from "../../common/limit.ts";
import type { Storage } from "../../storage/storage.ts";
import type { ComputeSettings } from "../compute.ts";
import { engineFiles, type EngineFiles } from "./engine-files.ts";
import { engineError } from "./errors.ts";
import { localPath } from "./paths.ts";
import type { PhysicalSchema } from "./parquet-schema.ts";
import { makeScratch } from "./scratch.ts";
import { literal } from "./text.ts";

export interface DuckDbSession {
  readonly settings: ComputeSettings;
  /** `1.5.5`, without the engine's leading v. */
  readonly version: string;
  /** The engine's own folder for spilled data and staging, inside `settings.tempDirectory`; gone after `close`. */
  readonly scratchDirectory: string;
  /** Where the engine finds the bytes behind paths. */
  readonly files: EngineFiles;
  /** What data files hold, by engine path: filled as they are first read. */
  readonly physicalSchemas: Map<string, PhysicalSchema>;
  /** One at a time: two statements over one table would read the footers of all of its files twice. */
  readonly readingFooters: Limiter;
  /**
   * Gives the work a connection of its own: temporary views and tables end with it. Aborting the signal
   * interrupts the running statement and fails with `compute/interrupted`.
   */
  withConnection<T>(work: (connection: DuckDBConnection) => Promise<T>, signal?: AbortSignal): Promise<T>;
  close(): Promise<void>;
}

const interruptEveryMs = 10;

/** Opens the engine with every setting made and the configuration locked. */
export async function openSession(settings: ComputeSettings, storage?: Storage): Promise<DuckDbSession> {
  // Loaded here: the native library costs 60 ms that a command without data need not pay.
  const { DuckDBInstance } = await import("@duckdb/node-api");
  // Two processes that share one folder destroy each other's spill files.
  const scratchDirectory = await makeScratch(settings.tempDirectory);
  const instance = await DuckDBInstance.create(":memory:", {
    threads: String(settings.threads),
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  const first = await instance.connect();
  try {
    for (const statement of settingStatements(settings, scratchDirectory)) await first.run(statement);
    const rows = await readRows(first, "select version() as version");
    const version = String(rows[0]?.["version"]).replace(/^v/, "");
    const allowed = allowedFolders(settings, scratchDirectory);
    const files = engineFiles({ storage, scratchDirectory, allowedDirectories: allowed });
    return sessionOf({ instance, first, settings, version, scratchDirectory, files });
  } catch (error) {
    first.closeSync();
    instance.closeSync();
    await rm(scratchDirectory, { recursive: true, force: true });
    throw engineError(error);
  }
}

function allowedFolders(settings: ComputeSettings, scratchDirectory: string): string[] {
  return [...settings.allowedDirectories, scratchDirectory].map((path) =>
    localPath(path).replace(/\/*$/, "/"),
  );
}

function settingStatements(settings: ComputeSettings, scratchDirectory: string): string[] {
  const allowed = allowedFolders(settings, scratchDirectory).map((folder) => literal(folder));
  return [
    `set global TimeZone = ${literal(settings.timezone)}`,
    `set global memory_limit = '${Math.floor(settings.memoryLimitBytes)}B'`,
    `set global temp_directory = ${literal(scratchDirectory)}`,
    "set global errors_as_json = true",
    // Order without ORDER BY is nobody's promise, and keeping it costs a partitioned write its memory.
    "set global preserve_insertion_order = false",
    "set global partitioned_write_max_open_files = 1000",
    "set global parquet_metadata_cache = true",
    `set global allowed_directories = [${allowed.join(", ")}]`,
    "set global enable_external_access = false",
    ...clockMacros(settings.nowMs ?? Date.now()),
    // COPYs at once bring a thread each; the engine's own would only spin beside them (see `copyAll`).
    "set global allowed_configs = ['threads']",
    "set global lock_configuration = true",
  ];
}

/** All statements of a run see one clock. Macros of the main schema are found before the engine's functions,
 *  and temporary ones, which are of one connection, before those. */
export function clockMacros(nowMs: number, where: "main" | "temp" = "main"): string[] {
  const instant = `timestamptz '${new Date(nowMs).toISOString().replace("T", " ").replace("Z", "+00")}'`;
  const functions: Record<string, string> = {
    now: instant,
    get_current_timestamp: instant,
    transaction_timestamp: instant,
    current_localtimestamp: `${instant}::timestamp`,
    current_localtime: `${instant}::timestamp::time`,
    get_current_time: `${instant}::timetz`,
    current_date: `${instant}::date`,
    today: `${instant}::date`,
  };
  return Object.entries(functions).map(([name, value]) =>
    where === "main"
      ? `create macro main."${name}"() as ${value}`
      : `create temp macro "${name}"() as ${value}`,
  );
}

interface OpenEngine {
  readonly instance: DuckDBInstance;
  readonly first: DuckDBConnection;
  readonly settings: ComputeSettings;
  readonly version: string;
  readonly scratchDirectory: string;
  readonly files: EngineFiles;
}

function sessionOf(engine: OpenEngine): DuckDbSession {
  const { instance, first, settings, version, scratchDirectory, files } = engine;
  const open = new Set<DuckDBConnection>();
  let closing: Promise<void> | undefined;
  return {
    settings,
    version,
    scratchDirectory,
    files,
    physicalSchemas: new Map(),
    readingFooters: limit(1),
    async withConnection(work, signal) {
      if (signal?.aborted || closing) throw lakeError("compute/interrupted", {});
      const connection = await instance.connect();
      open.add(connection);
      // An interrupt ends one statement; the work may be between two.
      let repeated: NodeJS.Timeout | undefined;
      const interrupt = () => {
        connection.interrupt();
        repeated ??= setInterval(interrupt, interruptEveryMs);
      };
      signal?.addEventListener("abort", interrupt, { once: true });
      try {
        if (signal?.aborted || closing) throw lakeError("compute/interrupted", {});
        return await work(connection);
      } catch (error) {
        if (signal?.aborted || closing) throw lakeError("compute/interrupted", {}, { cause: error });
        throw error;
      } finally {
        signal?.removeEventListener("abort", interrupt);
        clearInterval(repeated);
        open.delete(connection);
        connection.closeSync();
      }
    },
    close() {
      closing ??= (async () => {
        while (open.size > 0) {
          for (const connection of open) connection.interrupt();
          await new Promise((resolve) => setTimeout(resolve, interruptEveryMs));
        }
        first.closeSync();
        instance.closeSync();
        await rm(scratchDirectory, { recursive: true, force: true });
      })();
      return closing;
    },
  };
}

/** Every row of a statement's result, as the engine's values keyed by column. */
export async function readRows(
  connection: DuckDBConnection,
  sql: string,
): Promise<Record<string, DuckDBValue>[]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowObjects();
}
