// Where the tables lie that sources of type `iceberg` name: anywhere, since others made them.
import { LakeError } from "../common/errors.ts";
import { mapLimited } from "../common/limit.ts";
import type { TableMetadata } from "../iceberg/types.ts";
import { icebergSource } from "./relations.ts";
import type { Session } from "./session.ts";

const concurrency = 8;
/** Properties that put data files outside the table's location. */
const dataPaths = ["write.data.path", "write.object-storage.path", "write.folder-storage.path"];

/** A source that cannot be loaded is left out here; what reads it says so. */
export async function sourceLocations(session: Session): Promise<string[]> {
  const sources = [...session.graph.nodes.values()].flatMap((node) =>
    node.resourceType === "source" && node.type === "iceberg" ? [node] : [],
  );
  const found = await mapLimited(sources, concurrency, async (source) => {
    try {
      return locationsOf(await icebergSource(session, source));
    } catch (error) {
      if (error instanceof LakeError) return [];
      throw error;
    }
  });
  return found.flat();
}

function locationsOf({ location, properties }: TableMetadata): string[] {
  return [location, ...dataPaths.flatMap((name) => properties[name] ?? [])];
}
