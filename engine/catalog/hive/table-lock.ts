// The metastore's lock of one table, as iceberg-java's MetastoreLock and PyIceberg take it: exclusive,
// kept alive by a heartbeat, found again when the answer to the request was lost.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { lakeError } from "../../common/errors.ts";
import { retry } from "../../common/retry.ts";
import { tableName, type TableIdentifier } from "../catalog.ts";
import { currentUser } from "./hive-table.ts";
import type { MetastoreClient } from "./metastore-client.ts";
import {
  dataOperationType,
  lockLevel,
  lockState,
  lockType,
  methods,
  type LockResponse,
  type ShownLock,
} from "./metastore-types.ts";
import { LostCall } from "./thrift-connection.ts";

export interface LockTimes {
  /** How long to wait for another writer's lock. */
  readonly lockTimeoutMs: number;
  /** Below the server's `metastore.txn.timeout` (300 s), after which it takes a silent lock away. */
  readonly heartbeatMs: number;
}

export interface TableLock {
  /** False once the server may have given the lock to somebody else. Asks it where the last sign is old. */
  isHeld(): Promise<boolean>;
  /** Never throws: a lock that cannot be given back ends by itself. */
  release(): Promise<void>;
}

export interface LockRequest {
  readonly client: MetastoreClient;
  readonly identifier: TableIdentifier;
  readonly times: LockTimes;
  /** Asked now and then while another writer holds the lock; throws where waiting has become pointless. */
  stillWanted(): Promise<void>;
}

/** Errors: `catalog/locked`, those of `stillWanted`, `LostCall`, `MetastoreFault`. */
export async function lockTable(request: LockRequest): Promise<TableLock> {
  const acquisition = { ...request, agentInfo: `Iceberg-${randomUUID()}` };
  const { lockid, repeated } = await acquire(acquisition);
  return keepAlive(acquisition, lockid, repeated);
}

interface Acquisition extends LockRequest {
  /** The mark by which our lock is known among others. */
  readonly agentInfo: string;
}

/** Java goes up to 5 s. Locks are held for tens of milliseconds and given in turn: who asks late holds up all. */
const longestDelayMs = 250;

/** Marks of locks that this process could not give back: the metastore may have been restarting. */
const abandoned = new Set<string>();

interface Acquired {
  readonly lockid: bigint;
  /** Whether a request was lost and sent again: the first may arrive at any time, and make a lock of its own. */
  readonly repeated: boolean;
}

async function acquire(acquisition: Acquisition): Promise<Acquired> {
  const { client, times } = acquisition;
  const deadline = performance.now() + times.lockTimeoutMs;
  const requested = await request(acquisition, deadline);
  const { repeated } = requested;
  let { answer } = requested;
  let lockid = answer.lockid ?? 0n;
  try {
    for (
      let delayMs = 50;
      answer.state === lockState.waiting;
      delayMs = Math.min(delayMs * 1.5, longestDelayMs)
    ) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw await lockedError(acquisition);
      await pause(Math.min(delayMs * (0.5 + Math.random() / 2), leftMs));
      await acquisition.stillWanted();
      if (abandoned.size > 0) await releaseAbandoned(acquisition);
      // A lost request may reach the server after the one that was answered.
      if (repeated) lockid = (await ownLock(acquisition))?.lockid ?? lockid;
      answer = await client.call(methods.checkLock, { rqst: { lockid } });
    }
  } catch (error) {
    await release(acquisition, lockid, repeated);
    throw error;
  }
  if (answer.state === lockState.acquired) return { lockid, repeated };
  await release(acquisition, lockid, repeated);
  throw await lockedError(acquisition);
}

/** A request whose answer was lost may have made a lock all the same: it is looked for by its mark. */
async function request(
  acquisition: Acquisition,
  deadline: number,
): Promise<{ readonly answer: LockResponse; readonly repeated: boolean }> {
  let repeated = false;
  try {
    for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, 5000)) {
      try {
        const answer = await acquisition.client.call(methods.lock, { rqst: lockRequest(acquisition) });
        return { answer, repeated };
      } catch (error) {
        if (!(error instanceof LostCall) || !error.sent || performance.now() > deadline) throw error;
      }
      repeated = true;
      await pause(delayMs);
      const answer = await ownLock(acquisition);
      if (answer !== null) return { answer, repeated };
    }
  } catch (error) {
    if (repeated) abandoned.add(acquisition.agentInfo);
    throw error;
  }
}

function lockRequest({
  identifier,
  agentInfo,
}: Acquisition): Parameters<typeof methods.lock.args.write>[1]["rqst"] {
  const component = {
    type: lockType.exclusive,
    level: lockLevel.table,
    dbname: identifier.namespace,
    tablename: identifier.name,
    // Hive 2.1 refuses a lock that does not say what for.
    operationType: dataOperationType.noTransaction,
    isTransactional: false,
  };
  return { component: [component], user: currentUser(), hostname: hostname(), agentInfo };
}

async function releaseAbandoned(acquisition: Acquisition): Promise<void> {
  for (const { agentInfo, lockid = 0n } of await locksOf(acquisition)) {
    if (agentInfo !== undefined && abandoned.has(agentInfo)) {
      await release({ ...acquisition, agentInfo }, lockid, false);
    }
  }
}

/** The lock that a lost request made. Where two were made, the younger would wait for the older for ever. */
async function ownLock(acquisition: Acquisition): Promise<LockResponse | null> {
  const own = (await locksOf(acquisition)).filter(({ agentInfo }) => agentInfo === acquisition.agentInfo);
  own.sort((a, b) => Number((a.lockid ?? 0n) - (b.lockid ?? 0n)));
  for (const surplus of own.slice(1)) await release(acquisition, surplus.lockid ?? 0n, false);
  return own[0] ?? null;
}

async function locksOf({ client, identifier }: Acquisition): Promise<readonly ShownLock[]> {
  const rqst = { dbname: identifier.namespace, tablename: identifier.name, isExtended: false };
  return (await client.call(methods.showLocks, { rqst })).locks ?? [];
}

async function lockedError(acquisition: Acquisition): Promise<Error> {
  const { identifier, times } = acquisition;
  const locks = await locksOf(acquisition).catch(() => []);
  const holder = locks.find(({ state, agentInfo }) => {
    return state === lockState.acquired && agentInfo !== acquisition.agentInfo;
  });
  const ended =
    holder === undefined ? "" : `lock ${holder.lockid}, last heard of ${time(holder.lastheartbeat)}; `;
  return lakeError(
    "catalog/locked",
    {
      table: tableName(identifier),
      waitedSeconds: Math.round(times.lockTimeoutMs / 1000),
      holder:
        holder === undefined
          ? "a writer that has let go of it meanwhile"
          : `${holder.user}@${holder.hostname} (${holder.agentInfo ?? "no agent"}) since ${time(holder.acquiredat)}`,
    },
    {
      hint: `${ended}where its writer is dead, the metastore frees it metastore.txn.timeout (300 s) after that, but only with metastore.housekeeping.threads.on=true; else remove its row from HIVE_LOCKS`,
      retryable: true,
    },
  );
}

function time(ms: bigint | undefined): string {
  return ms === undefined || ms <= 0n ? "an unknown time" : new Date(Number(ms)).toISOString();
}

function keepAlive(acquisition: Acquisition, lockid: bigint, repeated: boolean): TableLock {
  const { client, times } = acquisition;
  const { heartbeatMs } = times;
  let lost = false;
  let heardAtMs = performance.now();
  const beat = async (): Promise<void> => {
    const sentAtMs = performance.now();
    try {
      await client.call(methods.heartbeat, { ids: { lockid, txnid: 0n } }, { urgent: true });
      heardAtMs = sentAtMs;
    } catch (error) {
      // No answer decides nothing: the next beat does, or `isHeld`.
      if (!(error instanceof LostCall)) lost = true;
    }
  };
  const timer = setInterval(() => void beat(), heartbeatMs);
  timer.unref();
  return {
    isHeld: async () => {
      // Timers do not run while the machine sleeps.
      if (!lost && performance.now() - heardAtMs > heartbeatMs * 1.2) {
        await beat();
        if (performance.now() - heardAtMs > heartbeatMs * 1.2) return false;
      }
      return !lost;
    },
    release: async () => {
      clearInterval(timer);
      await release(acquisition, lockid, repeated);
    },
  };
}

/** Must not hide what happened under the lock. What cannot be given back now is when it stands in our way. */
async function release(acquisition: Acquisition, lockid: bigint, repeated: boolean): Promise<void> {
  const { client, agentInfo } = acquisition;
  const patience = { attempts: 3, firstDelayMs: 2000, maxDelayMs: 4000, retryable: isLost };
  try {
    await retry(patience, () => client.call(methods.unlock, { rqst: { lockid } }, { urgent: true }));
    abandoned.delete(agentInfo);
  } catch (error) {
    if (isLost(error)) abandoned.add(agentInfo);
    else abandoned.delete(agentInfo);
  }
  if (!repeated) return;
  abandoned.add(agentInfo);
  await releaseAbandoned(acquisition).catch(() => undefined);
}

function isLost(error: unknown): boolean {
  return error instanceof LostCall;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
