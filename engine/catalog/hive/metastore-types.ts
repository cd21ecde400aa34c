// The part of Hive Metastore 4.0.0's interface that an Iceberg catalog needs. Numbers are the server's own
// field ids; structs and methods are named as the server names them, so that both can be searched for.
import {
  bool,
  i16,
  i32,
  i64,
  list,
  string,
  struct,
  textMap,
  type Codec,
  type Decoded,
} from "./thrift-codec.ts";

export const principalType = { user: 1, role: 2, group: 3 } as const;
export const lockState = { acquired: 1, waiting: 2, abort: 3, notAcquired: 4 } as const;
export const lockType = { sharedRead: 1, sharedWrite: 2, exclusive: 3, exclusiveWrite: 4 } as const;
export const lockLevel = { database: 1, table: 2, partition: 3 } as const;
export const dataOperationType = { noTransaction: 6 } as const;

const database = struct({
  name: [1, string],
  description: [2, string],
  locationUri: [3, string],
  parameters: [4, textMap],
  ownerName: [6, string],
  ownerType: [7, i32],
  catalogName: [8, string],
  createTime: [9, i32],
  managedLocationUri: [10, string],
  connectorName: [12, string],
  remoteDatabaseName: [13, string],
});
export type HiveDatabase = Decoded<typeof database>;

const fieldSchema = struct({ name: [1, string], type: [2, string], comment: [3, string] });
export type FieldSchema = Decoded<typeof fieldSchema>;

const serdeInfo = struct({
  name: [1, string],
  serializationLib: [2, string],
  parameters: [3, textMap],
  description: [4, string],
  serializerClass: [5, string],
  deserializerClass: [6, string],
});
const order = struct({ col: [1, string], order: [2, i32] });
const storageDescriptor = struct({
  cols: [1, list(fieldSchema)],
  location: [2, string],
  inputFormat: [3, string],
  outputFormat: [4, string],
  compressed: [5, bool],
  numBuckets: [6, i32],
  serdeInfo: [7, serdeInfo],
  bucketCols: [8, list(string)],
  sortCols: [9, list(order)],
  parameters: [10, textMap],
  storedAsSubDirectories: [12, bool],
});
export type StorageDescriptor = Decoded<typeof storageDescriptor>;

const table = struct({
  tableName: [1, string],
  dbName: [2, string],
  owner: [3, string],
  createTime: [4, i32],
  lastAccessTime: [5, i32],
  retention: [6, i32],
  sd: [7, storageDescriptor],
  partitionKeys: [8, list(fieldSchema)],
  parameters: [9, textMap],
  viewOriginalText: [10, string],
  viewExpandedText: [11, string],
  tableType: [12, string],
  temporary: [14, bool],
  rewriteEnabled: [15, bool],
  catName: [17, string],
  ownerType: [18, i32],
  writeId: [19, i64],
  id: [25, i64],
  txnId: [28, i64],
});
export type HiveTable = Decoded<typeof table>;

const environmentContext = struct({ properties: [1, textMap] });

const getTableRequest = struct({ dbName: [1, string], tblName: [2, string] });
const getTableResult = struct({ table: [1, table] });
const getTablesRequest = struct({ dbName: [1, string], tblNames: [2, list(string)] });
const getTablesResult = struct({ tables: [1, list(table)] });

const lockComponent = struct({
  type: [1, i32],
  level: [2, i32],
  dbname: [3, string],
  tablename: [4, string],
  operationType: [6, i32],
  isTransactional: [7, bool],
});
const lockRequest = struct({
  component: [1, list(lockComponent)],
  txnid: [2, i64],
  user: [3, string],
  hostname: [4, string],
  agentInfo: [5, string],
});
const lockResponse = struct({ lockid: [1, i64], state: [2, i32], errorMessage: [3, string] });
export type LockResponse = Decoded<typeof lockResponse>;
const checkLockRequest = struct({ lockid: [1, i64], txnid: [2, i64], elapsedMs: [3, i64] });
const unlockRequest = struct({ lockid: [1, i64] });
const heartbeatRequest = struct({ lockid: [1, i64], txnid: [2, i64] });
const showLocksRequest = struct({ dbname: [1, string], tablename: [2, string], isExtended: [4, bool] });
const showLocksElement = struct({
  lockid: [1, i64],
  dbname: [2, string],
  tablename: [3, string],
  state: [5, i32],
  type: [6, i32],
  lastheartbeat: [8, i64],
  acquiredat: [9, i64],
  user: [10, string],
  hostname: [11, string],
  agentInfo: [13, string],
});
export type ShownLock = Decoded<typeof showLocksElement>;
const showLocksResponse = struct({ locks: [1, list(showLocksElement)] });

/** A method: its arguments, its result (null for none), and its declared exceptions in order of their ids. */
export interface Method<A, R> {
  readonly name: string;
  readonly args: Codec<A>;
  readonly result: Codec<R> | null;
  readonly exceptions: readonly string[];
  /** Whether a second call does no harm: only then is it sent again when its answer was lost. */
  readonly repeatable: boolean;
}

function reads<A, R>(
  name: string,
  args: Codec<A>,
  result: Codec<R>,
  exceptions: readonly string[] = [],
): Method<A, R> {
  return { name, args, result, exceptions, repeatable: true };
}

function writes<A>(name: string, args: Codec<A>, exceptions: readonly string[]): Method<A, void> {
  return { name, args, result: null, exceptions, repeatable: false };
}

const none = struct({});
const meta = "MetaException";
const noSuch = "NoSuchObjectException";
const exists = "AlreadyExistsException";
const invalidOperation = "InvalidOperationException";
const invalidObject = "InvalidObjectException";
const unknownDatabase = "UnknownDBException";
const noLock = "NoSuchLockException";
const noTransaction = "NoSuchTxnException";
const aborted = "TxnAbortedException";

export const methods = {
  getVersion: reads("getVersion", none, string),
  getConfigValue: reads(
    "get_config_value",
    struct({ name: [1, string], defaultValue: [2, string] }),
    string,
    ["ConfigValSecurityException"],
  ),
  getAllDatabases: reads("get_all_databases", none, list(string), [meta]),
  getDatabase: reads("get_database", struct({ name: [1, string] }), database, [noSuch, meta]),
  getAllTables: reads("get_all_tables", struct({ dbName: [1, string] }), list(string), [meta]),
  getTableNamesByFilter: reads(
    "get_table_names_by_filter",
    struct({ dbname: [1, string], filter: [2, string], maxTables: [3, i16] }),
    list(string),
    [meta, invalidOperation, unknownDatabase],
  ),
  getTable: reads("get_table_req", struct({ req: [1, getTableRequest] }), getTableResult, [meta, noSuch]),
  getTables: reads("get_table_objects_by_name_req", struct({ req: [1, getTablesRequest] }), getTablesResult, [
    meta,
    invalidOperation,
    unknownDatabase,
  ]),
  showLocks: reads("show_locks", struct({ rqst: [1, showLocksRequest] }), showLocksResponse),
  checkLock: reads("check_lock", struct({ rqst: [1, checkLockRequest] }), lockResponse, [
    noTransaction,
    aborted,
    noLock,
  ]),
  createDatabase: writes("create_database", struct({ database: [1, database] }), [
    exists,
    invalidObject,
    meta,
  ]),
  dropDatabase: writes(
    "drop_database",
    struct({ name: [1, string], deleteData: [2, bool], cascade: [3, bool] }),
    [noSuch, invalidOperation, meta],
  ),
  createTable: writes("create_table", struct({ tbl: [1, table] }), [exists, invalidObject, meta, noSuch]),
  alterTable: writes(
    "alter_table_with_environment_context",
    struct({
      dbname: [1, string],
      tblName: [2, string],
      newTbl: [3, table],
      environmentContext: [4, environmentContext],
    }),
    [invalidOperation, meta],
  ),
  dropTable: writes("drop_table", struct({ dbname: [1, string], name: [2, string], deleteData: [3, bool] }), [
    noSuch,
    meta,
  ]),
  lock: {
    ...reads("lock", struct({ rqst: [1, lockRequest] }), lockResponse, [noTransaction, aborted]),
    repeatable: false,
  },
  unlock: {
    ...writes("unlock", struct({ rqst: [1, unlockRequest] }), [noLock, "TxnOpenException"]),
    repeatable: true,
  },
  heartbeat: {
    ...writes("heartbeat", struct({ ids: [1, heartbeatRequest] }), [noLock, noTransaction, aborted]),
    repeatable: true,
  },
};
