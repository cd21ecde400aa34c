// Where a table comes to lie that is not there yet.
import type { TableIdentifier } from "../../catalog/catalog.ts";
import { tableLocation } from "../names.ts";
import type { Session } from "../session.ts";

/** By namespace; asked once in a command. */
const asked = new WeakMap<Session, Map<string, Promise<string | null>>>();

/**
 * Below the namespace's own location where the catalog gives it one, as iceberg-java's HiveCatalog and PyIceberg
 * choose it; else below the warehouse. A folder of this machine outside the warehouse is one that the engine may
 * not write, so that it does not count.
 */
export async function newTableLocation(session: Session, identifier: TableIdentifier): Promise<string> {
  const { namespace, name } = identifier;
  const known = asked.get(session) ?? new Map<string, Promise<string | null>>();
  asked.set(session, known);
  const location = known.get(namespace) ?? namespaceLocation(session, namespace);
  known.set(namespace, location);
  const own = await location;
  return own === null ? tableLocation(identifier, session.profile) : `${own}/${name}`;
}

async function namespaceLocation(session: Session, namespace: string): Promise<string | null> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const location = (await catalog.namespaceProperties(namespace))?.["location"]?.replace(/\/+$/, "");
  if (location === undefined || location === "") return null;
  return storage.localPath(location) === null ? location : null;
}
