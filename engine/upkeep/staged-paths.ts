// Files that runs of any target staged and may still publish: no cleaning touches them.
import { isLakeError } from "../common/errors.ts";
import { pathKey } from "../iceberg/path-key.ts";
import type { Storage } from "../storage/storage.ts";

/** Keys (`pathKey`) of every path that a run's record under `<warehouse>/_lake/` names. */
export async function stagedPaths(storage: Storage, warehouse: string): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const { path } of storage.list(`${warehouse.replace(/\/+$/, "")}/_lake/`)) {
    if (!/\/runs\/[^/]+\.json$/.test(path)) continue;
    for (const staged of await pathsOf(storage, path)) keys.add(pathKey(staged));
  }
  return keys;
}

async function pathsOf(storage: Storage, record: string): Promise<readonly string[]> {
  let text: string;
  try {
    text = new TextDecoder().decode(await storage.read(record));
  } catch (error) {
    // Its run ended well between the listing and the reading.
    if (isLakeError(error, "storage/not-found")) return [];
    throw error;
  }
  const { tables = [] } = JSON.parse(text) as { tables?: readonly { readonly paths?: readonly string[] }[] };
  return tables.flatMap(({ paths = [] }) => paths);
}
