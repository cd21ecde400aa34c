// `{{source "lake" "ingested_files"}}`: the ledgers of this run's tables as rows, so that a data test can
// hold a table against what its landing files gave without reading them again.
import type { Column } from "../../compute/compute.ts";
import type { Value } from "../../iceberg/types.ts";
import { tableName } from "../../catalog/catalog.ts";
import { headSnapshot } from "../../plan/table-state.ts";
import type { Source } from "../../project/types.ts";
import { findLedger, mentionsLedger, readLedger } from "./ledger.ts";
import { hasTable, tableIdentifier } from "../names.ts";
import type { RunTables } from "../relations.ts";
import type { Session } from "../session.ts";

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
    if (!mentionsLedger(metadata)) continue;
    const pointer = await findLedger(storage, metadata, tableName(tableIdentifier(node, session.profile)));
    if (pointer === null) continue;
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
