// The record of a run in the making: written before the first file of a table is staged, removed when the
// run has nothing left behind. What a killed or failed run staged can be found by it.
import type { StagedChange } from "../iceberg/change.ts";
import { tableName } from "../catalog/catalog.ts";
import { serialiseTableMetadata } from "../iceberg/metadata.ts";
import type { Storage } from "../storage/storage.ts";

export interface Journal {
  readonly folder: string;
  /** Resolves when the record is durable; the first call writes it, later ones do nothing. */
  open(): Promise<void>;
  /** Nothing is left: the record goes. */
  close(): Promise<void>;
  /** Keeps the record and the staged tables' metadata, so that they can be looked at and cleaned. */
  fail(staged: readonly StagedChange[]): Promise<void>;
}

export function openJournal(options: {
  readonly storage: Storage;
  readonly folder: string;
  readonly runId: string;
  readonly command: string;
  readonly startedMs: number;
}): Journal {
  const { storage, runId, command, startedMs } = options;
  const folder = `${options.folder}/runs/${runId}`;
  const record = `${folder}.json`;
  const write = (state: string, tables: readonly Record<string, unknown>[]): Promise<void> =>
    storage.write(record, encode({ version: 1, runId, command, startedMs, pid: process.pid, state, tables }));
  let opened: Promise<void> | null = null;
  return {
    folder,
    open: () => (opened ??= write("staging", [])),
    async close() {
      if (opened === null) return;
      await opened;
      await storage.delete([record]);
    },
    async fail(staged) {
      if (opened === null) return;
      await opened;
      const tables = [];
      for (const change of staged) {
        const name = tableName(change.request.identifier);
        const metadata = `${folder}/${name}.metadata.json`;
        await storage.write(metadata, serialiseTableMetadata(change.preview));
        tables.push({ table: name, metadata, paths: change.writtenPaths });
      }
      await write("failed", tables);
    },
  };
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}
