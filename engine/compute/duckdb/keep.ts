// A query's rows in the engine's own folder: what is read several times is worked out once, and memory does
// not grow with it.
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { KeepRequest, KeptRows } from "../compute.ts";
import type { DuckDbSession } from "./session.ts";
import { writeTable } from "./write.ts";

const unpartitioned = { "spec-id": 0, fields: [] };
/** Written once, read a few times, and gone: space matters less than time. Bounds are used to skip files. */
const properties = { "write.parquet.compression-codec": "lz4" };

/** Errors: those of `writeTable`. */
export async function keepRows(session: DuckDbSession, request: KeepRequest): Promise<KeptRows> {
  const { name, ...write } = request;
  const writeId = randomUUID();
  const folder = join(session.scratchDirectory, `kept-${writeId}`);
  const written = await writeTable(session, {
    ...write,
    spec: unpartitioned,
    dataLocation: folder,
    properties,
    writeId,
  });
  return {
    ...written,
    relation: {
      kind: "iceberg",
      name,
      schema: request.schema,
      tasks: written.files.map((file) => ({ file, sequenceNumber: 0n, deletes: [] })),
    },
    release: () => rm(folder, { recursive: true, force: true }),
  };
}
