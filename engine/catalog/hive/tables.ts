// Finding, listing, renaming and dropping tables.
import { lakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import { tableName, type TableIdentifier } from "../catalog.ts";
import { checkNewTable } from "../names.ts";
import { modifiedTo, readHiveTable, type HiveContext } from "./commit.ts";
import { isIcebergTable, metadataLocationKey, metadataLocationOf } from "./hive-table.ts";
import { isFault, MetastoreFault, type MetastoreClient } from "./metastore-client.ts";
import { refused } from "./metastore-errors.ts";
import { methods, type HiveTable } from "./metastore-types.ts";
import { settle } from "./settle.ts";

/** A reply holds whole tables, a few kilobytes each. */
const tablesPerCall = 500;

/** One call per namespace and batch; several on their way at a time. */
export async function locateTables(
  client: MetastoreClient,
  identifiers: readonly TableIdentifier[],
): Promise<Map<string, string>> {
  const namesOf = new Map<string, Map<string, TableIdentifier>>();
  for (const identifier of identifiers) {
    // The metastore knows lower-case names only, and answers with them.
    const namespace = identifier.namespace.toLowerCase();
    const names = namesOf.get(namespace) ?? new Map<string, TableIdentifier>();
    names.set(identifier.name.toLowerCase(), identifier);
    namesOf.set(namespace, names);
  }
  const batches = [...namesOf].flatMap(([namespace, names]) => {
    const all = [...names.keys()];
    const starts = Array.from(
      { length: Math.ceil(all.length / tablesPerCall) },
      (_, at) => at * tablesPerCall,
    );
    return starts.map((at) => ({ namespace, names: all.slice(at, at + tablesPerCall) }));
  });
  const located = new Map<string, string>();
  await mapLimited(batches, 4, async ({ namespace, names }) => {
    for (const table of await readHiveTables(client, namespace, names)) {
      const identifier = namesOf.get(namespace)?.get(table.tableName ?? "");
      const location = metadataLocationOf(table);
      if (identifier !== undefined && location !== null) located.set(tableName(identifier), location);
    }
  });
  return located;
}

async function readHiveTables(
  client: MetastoreClient,
  dbName: string,
  tblNames: readonly string[],
): Promise<readonly HiveTable[]> {
  try {
    return (await client.call(methods.getTables, { req: { dbName, tblNames } })).tables ?? [];
  } catch (error) {
    if (isFault(error, "UnknownDBException", "NoSuchObjectException")) return [];
    throw error;
  }
}

/** In name order; views and Hive's own tables are left out. */
export async function listTables(
  client: MetastoreClient,
  namespace: string,
): Promise<readonly TableIdentifier[]> {
  const names = await icebergNames(client, namespace);
  return [...names].sort().map((name) => ({ namespace, name }));
}

async function icebergNames(client: MetastoreClient, dbname: string): Promise<readonly string[]> {
  // `like`, because the databases of some metastores cannot compare long text with `=`.
  const filter = 'hive_filter_field_params__table_type like "ICEBERG"';
  try {
    return await client.call(methods.getTableNamesByFilter, { dbname, filter, maxTables: -1 });
  } catch (error) {
    if (isFault(error, "UnknownDBException", "NoSuchObjectException")) return [];
    if (!(error instanceof MetastoreFault)) throw error;
  }
  // Metastores that cannot filter (other databases, Glue's and others' imitations) can list.
  const all = await client.call(methods.getAllTables, { dbName: dbname });
  const names: string[] = [];
  for (let at = 0; at < all.length; at += tablesPerCall) {
    const tables = await readHiveTables(client, dbname, all.slice(at, at + tablesPerCall));
    names.push(...tables.filter(isIcebergTable).map((table) => table.tableName ?? ""));
  }
  return names;
}

/** The files stay, as everywhere in this seam. */
export async function dropTable(context: HiveContext, identifier: TableIdentifier): Promise<void> {
  const { client } = context;
  const { namespace: dbname, name } = identifier;
  const standing = metadataLocationOf(await readHiveTable(client, identifier));
  const missing = (): Error => lakeError("catalog/table-not-found", { table: tableName(identifier) });
  if (standing === null) throw missing();
  await settle(context, {
    action: "drop a table",
    tables: [tableName(identifier)],
    send: () => client.call(methods.dropTable, { dbname, name, deleteData: false }, { once: true }),
    refusal: (fault) => (isFault(fault, "NoSuchObjectException") ? missing() : null),
    state: async () => {
      const now = await readHiveTable(client, identifier, { once: true });
      if (now === null) return "landed";
      return metadataLocationOf(now) === standing ? "not-landed" : "unknown";
    },
  });
}

/** The location stays. Compare-and-set as in a commit: the server would else put an old pointer back. */
export async function renameTable(
  context: HiveContext,
  from: TableIdentifier,
  to: TableIdentifier,
): Promise<void> {
  checkNewTable(to);
  const { client } = context;
  const table = await readHiveTable(client, from);
  const standing = metadataLocationOf(table);
  if (table === null || standing === null) {
    throw lakeError("catalog/table-not-found", { table: tableName(from) });
  }
  const newTbl = { ...table, dbName: to.namespace, tableName: to.name };
  const properties = {
    DO_NOT_UPDATE_STATS: "true",
    expected_parameter_key: metadataLocationKey,
    expected_parameter_value: standing,
  };
  await settle(context, {
    action: "rename a table",
    tables: [tableName(from), tableName(to)],
    send: async () => {
      const { namespace: dbname, name: tblName } = from;
      const environmentContext = { properties };
      await client.call(methods.alterTable, { dbname, tblName, newTbl, environmentContext }, { once: true });
    },
    refusal: (fault) => renameRefusal({ client, from, to, expected: standing }, fault),
    state: async () => {
      const source = await readHiveTable(client, from, { once: true });
      const target = await readHiveTable(client, to, { once: true });
      if (source === null) return metadataLocationOf(target) === standing ? "landed" : "unknown";
      return metadataLocationOf(source) === standing ? "not-landed" : "unknown";
    },
  });
}

interface Renaming {
  readonly client: MetastoreClient;
  readonly from: TableIdentifier;
  readonly to: TableIdentifier;
  readonly expected: string;
}

function renameRefusal({ client, from, to, expected }: Renaming, fault: MetastoreFault): Error | null {
  const found = modifiedTo(fault);
  const details = { cause: fault };
  if (found !== null) {
    const parameters = { table: tableName(from), expected, found };
    return lakeError("catalog/conflict", parameters, { retryable: true, ...details });
  }
  if (!isFault(fault, "InvalidOperationException")) return null;
  if (/already exists/i.test(fault.message)) {
    return lakeError("catalog/table-exists", { table: tableName(to) }, details);
  }
  if (/database/i.test(fault.message) && fault.message.includes(to.namespace)) {
    return lakeError("catalog/namespace-not-found", { namespace: to.namespace }, details);
  }
  if (/doesn't exist|does not exist/i.test(fault.message)) {
    return lakeError("catalog/table-not-found", { table: tableName(from) }, details);
  }
  return refused(client, "rename a table", fault);
}
