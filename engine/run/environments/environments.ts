// Environments as their catalog shows them: which there are, what they hold, and how one goes.
import type { Catalog, TableIdentifier } from "../../catalog/catalog.ts";
import { isLakeError, lakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import { folderKey, pathKey } from "../../iceberg/path-key.ts";
import { loadTables } from "../../iceberg/transaction.ts";
import type { TargetProfile } from "../../project/types.ts";
import { cloneOrigin } from "./clones.ts";
import { deleteFolder } from "../tables/drop-table.ts";
import { endedClones } from "./ended-clones.ts";
import { isOwnNamespace, lakeFolder } from "../names.ts";
import { environmentKeys } from "../publishing/publish.ts";
import {
  isGone,
  lastSeenMs,
  leaseMs,
  listRuns,
  readRecord,
  recordNames,
  recordPath,
} from "../journal/run-records.ts";
import type { RunRecord } from "../journal/run-records.ts";
import type { Session } from "../session.ts";

export interface EnvironmentSummary {
  /** The target that it was made as. */
  readonly name: string;
  readonly from: string;
  readonly namespaces: readonly string[];
  readonly tables: number;
  readonly clones: number;
  /** Clones whose base is gone. */
  readonly ended: number;
  /** When a table of it was written last. */
  readonly writtenMs: number | null;
}

const concurrency = 8;

/** The environments of the target's catalog, by name. */
export async function listEnvironments(session: Session): Promise<readonly EnvironmentSummary[]> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const marked = await markedNamespaces(catalog);
  const groups = Map.groupBy(marked, ({ name }) => name);
  const summaries = await mapLimited([...groups], concurrency, async ([name, namespaces]) => {
    const identifiers = (
      await Promise.all(namespaces.map(({ namespace }) => catalog.list(namespace)))
    ).flat();
    const tables = await loadTables({ catalog, storage, identifiers });
    const ended = await endedClones(session, tables);
    const found = [...tables.values()];
    return {
      name,
      from: namespaces[0]?.from ?? "",
      namespaces: namespaces.map(({ namespace }) => namespace),
      tables: found.length,
      clones: found.filter(({ metadata }) => cloneOrigin(metadata) !== null).length,
      ended: ended.size,
      writtenMs: found.reduce<number | null>(
        (latest, { metadata }) => Math.max(latest ?? 0, metadata["last-updated-ms"]),
        null,
      ),
    };
  });
  return summaries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface MarkedNamespace {
  readonly namespace: string;
  readonly name: string;
  readonly from: string;
}

async function markedNamespaces(catalog: Catalog): Promise<MarkedNamespace[]> {
  const found = await mapLimited(
    await catalog.listNamespaces(),
    concurrency,
    async (namespace): Promise<MarkedNamespace[]> => {
      const properties = await catalog.namespaceProperties(namespace);
      const name = properties?.[environmentKeys.name];
      return name === undefined ? [] : [{ namespace, name, from: properties?.[environmentKeys.from] ?? "" }];
    },
  );
  return found.flat();
}

export interface DropPlan {
  readonly namespaces: readonly string[];
  readonly tables: readonly TableIdentifier[];
  /** Where all files below go. */
  readonly folders: readonly string[];
  readonly files: number;
  readonly sizeBytes: number;
}

/**
 * What dropping the environment takes away: its namespaces' tables, and every file of its own folders; nothing
 * else. Errors: `run/no-environment` for a target that stands on none, `run/environment-in-use` where a run is at
 * work, another environment stands on it, or another table's files lie in its folders.
 */
export async function planDrop(session: Session): Promise<DropPlan> {
  const { profile } = session;
  if (profile.parent === undefined) throw lakeError("run/no-environment", { target: profile.name });
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const all = await catalog.listNamespaces();
  const namespaces = all.filter((namespace) => isOwnNamespace(profile, namespace));
  const folders = [
    ...namespaces.map((namespace) => namespaceFolder(profile, namespace)),
    lakeFolder(profile),
  ];
  await refuseRunning(session);
  await refuseShared({ catalog, profile, others: all.filter((one) => !namespaces.includes(one)), folders });
  const tables = (await Promise.all(namespaces.map((namespace) => catalog.list(namespace)))).flat();
  let [files, sizeBytes] = [0, 0];
  for (const folder of folders) {
    for await (const file of storage.list(`${folder}/`)) {
      files += 1;
      sizeBytes += file.sizeBytes;
    }
  }
  return { namespaces, tables, folders, files, sizeBytes };
}

/** First the catalog, then the files: whatever stops it, no table is left that names files which are gone. */
export async function dropEnvironment(session: Session, plan: DropPlan): Promise<void> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  for (const identifier of plan.tables) {
    await catalog.drop(identifier).catch((error: unknown) => {
      // Somebody else drops it, too.
      if (!isLakeError(error, "catalog/table-not-found")) throw error;
    });
  }
  for (const folder of plan.folders) await deleteFolder(storage, folder);
  for (const namespace of plan.namespaces) await catalog.dropNamespace(namespace);
}

function namespaceFolder({ warehouse }: TargetProfile, namespace: string): string {
  return `${warehouse.replace(/\/+$/, "")}/${namespace}.db`;
}

async function refuseRunning(session: Session): Promise<void> {
  const { profile } = session;
  const storage = await session.storage();
  const folder = lakeFolder(profile);
  const runs = await listRuns(storage, folder);
  for (const run of runs.values()) {
    const seenMs = lastSeenMs(run);
    if (seenMs === null || Date.now() - seenMs > leaseMs) continue;
    const record = await readRecord<RunRecord>(storage, recordPath(folder, run.runId, recordNames.run));
    if (record === null || isGone(record)) continue;
    throw inUse(profile, `the run ${run.runId} is at work (process ${record.pid} on ${record.host})`);
  }
}

async function refuseShared(options: {
  readonly catalog: Catalog;
  readonly profile: TargetProfile;
  readonly others: readonly string[];
  readonly folders: readonly string[];
}): Promise<void> {
  const { catalog, profile, others, folders } = options;
  const own = folders.map(folderKey);
  await mapLimited(others, concurrency, async (namespace) => {
    const properties = await catalog.namespaceProperties(namespace);
    const above = properties?.[environmentKeys.name];
    if (above !== undefined && properties?.[environmentKeys.from] === profile.name)
      throw inUse(profile, `the environment ${above} stands on it`);
    for (const [name, pointer] of await catalog.locate(await catalog.list(namespace)))
      if (own.some((folder) => pathKey(pointer).startsWith(folder)))
        throw inUse(profile, `the table ${name} lies in its folders`);
  });
}

function inUse({ name }: TargetProfile, problem: string): Error {
  return lakeError("run/environment-in-use", { environment: name, problem });
}
