// Moving one table's pointer: under the table's lock, and only from the state that the caller knows.
// Both, because each protects against writers that use the other alone (measured on 4.0.0: PyIceberg,
// which locks and then overwrites, lost up to 3 of 40 commits beside a writer with compare-and-set only).
import { lakeError } from "../../common/errors.ts";
import { tableName, type TableCommit, type TableIdentifier } from "../catalog.ts";
import {
  metadataLocationKey,
  metadataLocationOf,
  movedHiveTable,
  newHiveTable,
  previousLocationKey,
} from "./hive-table.ts";
import { isFault, type CallOptions, type MetastoreClient, type MetastoreFault } from "./metastore-client.ts";
import { problemOf, refused } from "./metastore-errors.ts";
import { methods, type HiveTable } from "./metastore-types.ts";
import { settle, type Change, type State } from "./settle.ts";
import { lockTable, type LockTimes, type TableLock } from "./table-lock.ts";
import { LostCall } from "./thrift-connection.ts";

export interface HiveContext {
  readonly client: MetastoreClient;
  /** Whether commits take the table's lock, where the table's own property does not say otherwise. */
  readonly lock: boolean;
  readonly lockTimes: LockTimes;
  /** How long to ask again after an answer was lost. */
  readonly settleTimeoutMs: number;
}

/** Null where there is nothing of that name. */
export async function readHiveTable(
  client: MetastoreClient,
  identifier: TableIdentifier,
  options: CallOptions = {},
): Promise<HiveTable | null> {
  try {
    const req = { dbName: identifier.namespace, tblName: identifier.name };
    return (await client.call(methods.getTable, { req }, options)).table ?? null;
  } catch (error) {
    if (isFault(error, "NoSuchObjectException")) return null;
    throw error;
  }
}

/** Errors: as `Catalog.commit`; `catalog/locked`, `catalog/hive-columns`, `catalog/hive-type`. */
export async function commitTable(context: HiveContext, commit: TableCommit): Promise<void> {
  // A table can be created once whoever holds the lock.
  if (commit.baseMetadataLocation === null) return createTable(context, commit);
  if (!usesLock(context, commit)) return moveTable(context, commit, null);
  const { client, lockTimes: times } = context;
  const lock = await lockTable({
    client,
    identifier: commit.identifier,
    times,
    // The writer ahead of us may have made our base an old one: then our turn would only hold up others.
    stillWanted: async () => void (await readBase(client, commit)),
  });
  try {
    await moveTable(context, commit, lock);
  } finally {
    await lock.release();
  }
}

function usesLock(context: HiveContext, { baseMetadata }: TableCommit): boolean {
  const own = baseMetadata?.properties["engine.hive.lock-enabled"]?.toLowerCase();
  return own === undefined ? context.lock : own !== "false";
}

async function createTable(context: HiveContext, commit: TableCommit): Promise<void> {
  const { identifier } = commit;
  const tbl = newHiveTable(commit, Date.now());
  await settle(context, {
    ...outcomeOf(context, commit),
    send: () => context.client.call(methods.createTable, { tbl }, { once: true }),
    refusal: (fault) => {
      const { kind, message } = fault;
      if (kind === "AlreadyExistsException") {
        const hint = "read the table again and commit on top of it; a view of this name counts too";
        return lakeError("catalog/table-exists", { table: tableName(identifier) }, { hint, cause: fault });
      }
      // Which of the two it says for a database that is not there depends on the server's version.
      const { namespace } = identifier;
      if (
        kind === "NoSuchObjectException" ||
        (/\bdatabase\b/i.test(message) && message.includes(namespace))
      ) {
        return lakeError("catalog/namespace-not-found", { namespace }, { cause: fault });
      }
      return kind === "InvalidObjectException" ? refused(context.client, "commit", fault) : null;
    },
  });
}

async function moveTable(context: HiveContext, commit: TableCommit, lock: TableLock | null): Promise<void> {
  const { client } = context;
  const { identifier } = commit;
  const { table, found } = await readBase(client, commit);
  const newTbl = movedHiveTable(table, commit);
  const properties = {
    DO_NOT_UPDATE_STATS: "true",
    expected_parameter_key: metadataLocationKey,
    expected_parameter_value: found,
  };
  await settle(context, {
    ...outcomeOf(context, commit),
    send: async () => {
      if (lock !== null && !(await lock.isHeld())) throw lockLost(identifier);
      const { namespace: dbname, name: tblName } = identifier;
      const environmentContext = { properties };
      await client.call(methods.alterTable, { dbname, tblName, newTbl, environmentContext }, { once: true });
      // Lost meanwhile, on a server that does not compare: somebody may have moved the table at the same time.
      if (lock !== null && !(await lock.isHeld())) throw new LostCall("the lock was lost", { sent: true });
    },
    refusal: (fault) => {
      const standing = modifiedTo(fault);
      if (standing !== null) return conflict(commit, standing, fault);
      if (!isFault(fault, "InvalidOperationException")) return null;
      if (/types incompatible/i.test(fault.message)) return columnsError(identifier, problemOf(fault), fault);
      if (/doesn't exist|does not exist|not found/i.test(fault.message)) return conflict(commit, null, fault);
      return refused(context.client, "commit", fault);
    },
  });
}

/** The table in the state that the commit was made on. Errors: `catalog/conflict`. */
async function readBase(
  client: MetastoreClient,
  commit: TableCommit,
): Promise<{ readonly table: HiveTable; readonly found: string }> {
  const table = await readHiveTable(client, commit.identifier);
  const found = metadataLocationOf(table);
  if (table === null || found === null || found !== commit.baseMetadataLocation)
    throw conflict(commit, found);
  return { table, found };
}

function outcomeOf(context: HiveContext, commit: TableCommit): Pick<Change, "action" | "tables" | "state"> {
  return {
    action: "commit",
    tables: [tableName(commit.identifier)],
    state: async () =>
      stateOf(await readHiveTable(context.client, commit.identifier, { once: true }), commit),
  };
}

function stateOf(table: HiveTable | null, commit: TableCommit): State {
  const { baseMetadataLocation, newMetadataLocation } = commit;
  const current = metadataLocationOf(table);
  const previous = table?.parameters?.[previousLocationKey] ?? null;
  if (current === newMetadataLocation || (current !== null && previous === newMetadataLocation))
    return "landed";
  const asBefore = baseMetadataLocation === null ? table === null : current === baseMetadataLocation;
  return asBefore ? "not-landed" : "unknown";
}

/** What stands there, where the server refused because that is not what we expected; else null. */
export function modifiedTo(fault: MetastoreFault): string | null {
  if (!fault.message.includes("The table has been modified. The parameter value for key")) return null;
  return /' is '([^']*)'/.exec(fault.message)?.[1] ?? "another state";
}

function conflict(
  { identifier, baseMetadataLocation }: TableCommit,
  found: string | null,
  cause?: unknown,
): Error {
  const expected = baseMetadataLocation ?? "no table";
  const parameters = { table: tableName(identifier), expected, found: found ?? "no such table" };
  return lakeError("catalog/conflict", parameters, { retryable: true, cause });
}

function lockLost(identifier: TableIdentifier): Error {
  return lakeError(
    "catalog/lock-lost",
    { table: tableName(identifier) },
    { hint: "nothing was changed; run again", retryable: true },
  );
}

export function columnsError(identifier: TableIdentifier, problem: string, cause?: unknown): Error {
  return lakeError(
    "catalog/hive-columns",
    { table: tableName(identifier), problem },
    {
      hint: "set metastore.disallow.incompatible.col.type.changes=false on the metastore and restart it; or give the table the property engine.hive.enabled=true in a run of its own first; or keep the columns' order and add new ones at the end",
      cause,
    },
  );
}
