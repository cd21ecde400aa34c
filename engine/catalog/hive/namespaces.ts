// Namespaces are Hive's databases; the properties that have fields of their own are named as in iceberg-java.
import { lakeError } from "../../common/errors.ts";
import { currentUser } from "./hive-table.ts";
import { isFault, type MetastoreClient } from "./metastore-client.ts";
import { methods, principalType, type HiveDatabase } from "./metastore-types.ts";

const ownerKey = "hive.metastore.database.owner";
const ownerTypeKey = "hive.metastore.database.owner-type";
const ownerTypes: Readonly<Record<string, number>> = {
  USER: principalType.user,
  ROLE: principalType.role,
  GROUP: principalType.group,
};

/** Changes nothing where it is there already. */
export async function createNamespace(
  client: MetastoreClient,
  warehouse: string,
  name: string,
  properties: Readonly<Record<string, string>>,
): Promise<void> {
  const {
    location,
    comment,
    [ownerKey]: owner,
    [ownerTypeKey]: ownerType = "USER",
    ...parameters
  } = properties;
  const database: HiveDatabase = {
    name,
    description: comment,
    locationUri: location?.replace(/\/+$/, "") ?? `${warehouse.replace(/\/+$/, "")}/${name}.db`,
    parameters,
    ownerName: owner ?? currentUser(),
    ownerType: ownerTypes[ownerType.toUpperCase()] ?? principalType.user,
  };
  try {
    await client.call(methods.createDatabase, { database });
  } catch (error) {
    if (!isFault(error, "AlreadyExistsException")) throw error;
  }
}

/** Null where there is none. */
export async function namespaceProperties(
  client: MetastoreClient,
  name: string,
): Promise<Readonly<Record<string, string>> | null> {
  try {
    const database = await client.call(methods.getDatabase, { name });
    const { parameters = {}, locationUri, description, ownerName, ownerType } = database;
    const type = Object.entries(ownerTypes).find(([, number]) => number === ownerType)?.[0];
    return {
      ...parameters,
      ...(locationUri !== undefined && { location: locationUri }),
      ...(description !== undefined && description !== "" && { comment: description }),
      ...(ownerName !== undefined && { [ownerKey]: ownerName }),
      ...(type !== undefined && { [ownerTypeKey]: type }),
    };
  } catch (error) {
    if (isFault(error, "NoSuchObjectException")) return null;
    throw error;
  }
}

/** Only an empty one; the folder stays. */
export async function dropNamespace(client: MetastoreClient, name: string): Promise<void> {
  try {
    await client.call(methods.dropDatabase, { name, deleteData: false, cascade: false });
  } catch (error) {
    if (isFault(error, "NoSuchObjectException")) {
      throw lakeError("catalog/namespace-not-found", { namespace: name }, { cause: error });
    }
    if (isFault(error, "InvalidOperationException") && /not empty/i.test(error.message)) {
      const hint = "drop its tables, views and functions first";
      throw lakeError("catalog/namespace-not-empty", { namespace: name }, { hint, cause: error });
    }
    throw error;
  }
}
