// Moving one table's pointer: under the table's lock, and only from the state that the caller knows.
// Both, because each protects against writers that use the other alone (measured on 4.0.0: PyIceberg,
// which locks and then overwrites, lost up to 3 of 40 commits beside a writer with compare-and-set only).
import { isLakeError, lakeError } from "../../common/errors.ts";
import { retry } from "../../common/retry.ts";
import { tableName, type TableCommit, type TableIdentifier } from "../catalog.ts";
import {
  metadataLocationKey,
  metadataLocationOf,
  movedHiveTable,
  newHiveTable,
  previousLocationKey,
} from "./hive-table.ts";
import { isFault, type MetastoreClient, type MetastoreFault } from "./metastore-client.ts";
import { problemOf } from "./metastore-errors.ts";
import { methods, type HiveTable } from "./metastore-types.ts";
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
): Promise<HiveTable | null> {
  try {
    const req = { dbName: identifier.namespace, tblName: identifier.name };
    return (await client.call(methods.getTable, { req })).table ?? null;
  } catch (error) {
    if (isFault(error, "NoSuchObjectException")) return null;
    throw error;
  }
}

/** Errors: as `Catalog.commit`; `catalog/locked`, `catalog/hive-columns`, `catalog/hive-type`. */
export async function commitTable(context: HiveContext, commit: TableCommit): Promise<void> {
  const { identifier, baseMetadataLocation } = commit;
  // A table can be created once whoever holds the lock.
  if (baseMetadataLocation === null) return createTable(context, commit);
  if (!usesLock(context, commit)) return moveTable(context, commit, null);
  const lock = await lockTable(context.client, identifier, context.lockTimes);
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
  await settled(context, commit, {
    send: () => context.client.call(methods.createTable, { tbl }, { once: true }),
    refusal: (fault) => {
      if (isFault(fault, "AlreadyExistsException")) {
        const hint = "read the table again and commit on top of it; a view of this name counts too";
        return lakeError("catalog/table-exists", { table: tableName(identifier) }, { hint, cause: fault });
      }
      // HMS says both for a database that is not there.
      const noDatabase = isFault(fault, "NoSuchObjectException") || /database .*not (?:found|exist)|no such database/i.test(fault.message);
      const namespace = { namespace: identifier.namespace };
      if (noDatabase) return lakeError("catalog/namespace-not-found", namespace, { cause: fault });
      return isFault(fault, "InvalidObjectException") ? refused(context, fault) : null;
    },
  });
}

async function moveTable(context: HiveContext, commit: TableCommit, lock: TableLock | null): Promise<void> {
  const { client } = context;
  const { identifier, baseMetadataLocation } = commit;
  const table = await readHiveTable(client, identifier);
  const found = metadataLocationOf(table);
  if (table === null || found !== baseMetadataLocation) throw conflict(commit, found);
  const newTbl = movedHiveTable(table, commit);
  const properties = {
    DO_NOT_UPDATE_STATS: "true",
    expected_parameter_key: metadataLocationKey,
    expected_parameter_value: baseMetadataLocation,
  };
  await settled(context, commit, {
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
      return refused(context, fault);
    },
  });
}

interface Sending {
  /** One attempt; it must do no harm when it lands twice. */
  send(): Promise<void>;
  /** The error for a server's answer that certainly means "not done"; null for any other answer. */
  refusal(fault: MetastoreFault): Error | null;
}

/**
 * Sends until the outcome is certain. After a lost answer it looks; where the table still stands where it
 * stood, the same is sent again: the server then either does it, or refuses because the first one landed.
 */
async function settled(context: HiveContext, commit: TableCommit, { send, refusal }: Sending): Promise<void> {
  const deadline = performance.now() + context.settleTimeoutMs;
  let uncertain: unknown = null;
  for (let attempt = 1; ; attempt += 1) {
    let problem: unknown;
    try {
      await send();
      return;
    } catch (error) {
      problem = error;
    }
    const fault = isLakeError(problem) || problem instanceof LostCall ? null : (problem as MetastoreFault);
    const no = fault === null ? null : refusal(fault);
    if (isLakeError(problem) || no !== null) {
      // Its own repetition inside the server may be what it refused.
      const landed = no !== null && (await hasLanded(context, commit, uncertain === null));
      if (landed) return;
      if (uncertain !== null) throw unknownOutcome(commit, uncertain);
      throw no ?? problem;
    }
    const sent = !(problem instanceof LostCall) || problem.sent;
    if (sent) uncertain ??= problem;
    const last = attempt >= 5 || performance.now() > deadline;
    const state = sent ? await lookAgain(context, commit, deadline) : "not-landed";
    if (state === "landed") return;
    if (state === "unknown") throw unknownOutcome(commit, problem);
    if (!last) continue;
    if (uncertain === null) throw problem;
    // Every attempt was answered, none with success, and the table stands where it stood.
    if (fault !== null && !(uncertain instanceof LostCall)) throw refused(context, fault);
    throw unknownOutcome(commit, uncertain);
  }
}

/** After a refusal: did the table come to its state by us? */
async function hasLanded(context: HiveContext, commit: TableCommit, certain: boolean): Promise<boolean> {
  try {
    const table = await readHiveTable(context.client, commit.identifier);
    return stateOf(table, commit) === "landed";
  } catch (error) {
    if (certain) return false;
    throw unknownOutcome(commit, error);
  }
}

type State = "landed" | "not-landed" | "unknown";

async function lookAgain(context: HiveContext, commit: TableCommit, deadline: number): Promise<State> {
  const patience = {
    attempts: 20,
    firstDelayMs: 200,
    maxDelayMs: 2000,
    retryable: () => performance.now() < deadline,
  };
  try {
    return stateOf(await retry(patience, () => readHiveTable(context.client, commit.identifier)), commit);
  } catch {
    return "unknown";
  }
}

function stateOf(table: HiveTable | null, commit: TableCommit): State {
  const { baseMetadataLocation, newMetadataLocation } = commit;
  const current = metadataLocationOf(table);
  const previous = table?.parameters?.[previousLocationKey] ?? null;
  if (current === newMetadataLocation || (current !== null && previous === newMetadataLocation)) return "landed";
  const asBefore = baseMetadataLocation === null ? table === null : current === baseMetadataLocation;
  return asBefore ? "not-landed" : "unknown";
}

/** What stands there, where the server refused because that is not what we expected; else null. */
export function modifiedTo(fault: MetastoreFault): string | null {
  if (!fault.message.includes("The table has been modified. The parameter value for key")) return null;
  return /' is '([^']*)'/.exec(fault.message)?.[1] ?? "another state";
}

function conflict({ identifier, baseMetadataLocation }: TableCommit, found: string | null, cause?: unknown): Error {
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

function refused({ client }: HiveContext, fault: MetastoreFault): Error {
  const parameters = { action: "commit", catalog: client.shown, problem: problemOf(fault) };
  return lakeError("catalog/failed", parameters, { cause: fault });
}

function unknownOutcome({ identifier }: TableCommit, cause: unknown): Error {
  return lakeError(
    "catalog/unknown-outcome",
    { tables: [tableName(identifier)] },
    { hint: "nothing was deleted; look at the table before you run again", cause },
  );
}
