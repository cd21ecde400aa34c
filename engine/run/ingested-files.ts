// `{{source "lake" "ingested_files"}}`: the ledgers of this run's tables as rows, so that a data test can
// hold a table against what its landing files gave without reading them again.
import type { Column } from "../compute/compute.ts";
import type { Value } from "../iceberg/types.ts";
import { headSnapshot, ancestors, summaryKeys } from "../plan/table-state.ts";
import type { Source } from "../project/types.ts";
import { readLedger } from "./ledger.ts";
import { hasTable } from "./names.ts";
import type { RunTables } from "./relations.ts";
import type { Session } from "./session.ts";

export const ingestedFilesColumns: readonly Column[] = [
  { name: "model", type: "VARCHAR" },
  { name: "source", type: "VARCHAR" },
  { name: "path", type: "VARCHAR" },
  { name: "size_bytes", type: "BIGINT" },
  { name: "valid_rows", type: "BIGINT" },
  { name: "rejected_rows", type: "BIGINT" },
];

export function isIngestedFiles(source: Source): boolean {
  return source.type === "engine";
}

export async function ingestedFiles(session: Session, tables: RunTables): Promise<Value[][]> {
  const storage = await session.storage();
  const rows: Value[][] = [];
  for (const node of session.graph.nodes.values()) {
    if (!hasTable(node)) continue;
    const metadata = tables.get(node.uniqueId);
    if (metadata === undefined || headSnapshot(metadata) === null) continue;
    const pointer = [...ancestors(metadata)]
      .map((snapshot) => snapshot.summary[summaryKeys.ledger])
      .find((path) => path !== undefined);
    if (pointer === undefined) continue;
    for (const [source, files] of (await readLedger(storage, pointer)).files) {
      for (const file of files.values()) {
        rows.push([
          node.name,
          source.split(".").slice(-2).join("."),
          file.path,
          BigInt(file.sizeBytes),
          BigInt(file.rows),
          BigInt(file.rejected),
        ]);
      }
    }
  }
  return rows;
}
