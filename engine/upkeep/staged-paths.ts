// Files that runs of any target staged and may still publish: no cleaning touches them.
import { isLakeError } from "../common/errors.ts";
import { parseJson } from "../common/json.ts";
import type { Json } from "../common/json.ts";
import { pathKey } from "../iceberg/path-key.ts";
import type { Storage } from "../storage/storage.ts";

/**
 * Keys (`pathKey`) of every path that a record of a run under `<warehouse>/_lake/` names, wherever in it: what a
 * record of another version says must be spared, too.
 */
export async function stagedPaths(storage: Storage, warehouse: string): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const { path } of storage.list(`${warehouse.replace(/\/+$/, "")}/_lake/`)) {
    if (!/\/runs\/[^/]+\.json$/.test(path)) continue;
    collectPaths(await readRecord(storage, path), keys);
  }
  return keys;
}

async function readRecord(storage: Storage, record: string): Promise<Json> {
  try {
    return parseJson(new TextDecoder().decode(await storage.read(record)));
  } catch (error) {
    // Its run ended well between the listing and the reading.
    if (isLakeError(error, "storage/not-found")) return null;
    throw error;
  }
}

function collectPaths(value: Json, keys: Set<string>): void {
  if (typeof value === "string") {
    if (value.includes("/")) keys.add(pathKey(value));
  } else if (Array.isArray(value)) for (const item of value) collectPaths(item as Json, keys);
  else if (typeof value === "object" && value !== null)
    for (const item of Object.values(value)) collectPaths(item, keys);
}
