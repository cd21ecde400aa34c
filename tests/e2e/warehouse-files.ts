// What lies in the folders of a project's tables, held against what the tables need.
import { reachableFiles } from "../../engine/iceberg/reachable-files.ts";
import { pathKey } from "../../engine/iceberg/path-key.ts";
import { parseTableMetadata } from "../../engine/iceberg/metadata.ts";
import type { TestProject } from "./project.ts";

/** Files below the warehouse, `_lake` apart, that no table of the catalog needs. */
export function leftovers(here: TestProject): Promise<string[]> {
  return here.withSession(async (session) => {
    const storage = await session.storage();
    const needed = new Set<string>();
    for (const location of Object.values(await here.catalog())) {
      const metadata = parseTableMetadata(await storage.read(location), location);
      for (const key of await reachableFiles(storage, metadata, location)) needed.add(key);
    }
    const found: string[] = [];
    for await (const { path } of storage.list(session.profile.warehouse)) {
      if (!path.includes("/_lake/") && !needed.has(pathKey(path))) found.push(path);
    }
    return found.sort();
  });
}
