// What the manifests say of a table's data files.
import { currentSchema } from "../../engine/iceberg/metadata.ts";
import { readManifestList } from "../../engine/iceberg/manifest-list.ts";
import { readManifest } from "../../engine/iceberg/manifest.ts";
import { pathKey } from "../../engine/iceberg/path-key.ts";
import type { Value } from "../../engine/iceberg/types.ts";
import { headSnapshot } from "../../engine/plan/table-state.ts";
import { tableOf } from "./foreign.ts";
import type { TestProject } from "./project.ts";

export interface Bounds {
  readonly path: string;
  readonly partition: readonly Value[];
  /** Least and greatest value of each long column. */
  readonly columns: Readonly<Record<string, readonly [bigint, bigint]>>;
}

const long = (bytes: Uint8Array): bigint =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigInt64(0, true);

export function boundsOf(here: TestProject, name: string): Promise<Bounds[]> {
  return here.withSession(async (session) => {
    const { metadata } = await tableOf(session, name);
    const storage = await session.storage();
    const snapshot = headSnapshot(metadata);
    const manifests = snapshot === null ? [] : await readManifestList({ storage, snapshot });
    const entries = await Promise.all(
      manifests.map((manifest) => readManifest({ storage, manifest, metadata })),
    );
    const longs = currentSchema(metadata).fields.filter(({ type }) => type === "long");
    const live = entries.flat().filter(({ status, file }) => status !== "deleted" && file.content === "data");
    return live.map(({ file }) => ({
      path: pathKey(file.path),
      partition: file.partition,
      columns: Object.fromEntries(
        longs.flatMap((field) => {
          const [least, most] = [file.lowerBounds?.get(field.id), file.upperBounds?.get(field.id)];
          return least === undefined || most === undefined ? [] : [[field.name, [long(least), long(most)]]];
        }),
      ),
    }));
  });
}
