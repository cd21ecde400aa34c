// Lines that a landing source did not take in, raw and with the reason: a table of its own beside the
// model's, staged and published with it.
import type { CatalogTable, TableIdentifier } from "../../catalog/catalog.ts";
import { literal } from "../../common/sql.ts";
import type { Column, RejectedRecord, Relation, ScanTask } from "../../compute/compute.ts";
import type { StagedChange } from "../../iceberg/change.ts";
import { commitUpdates } from "../../iceberg/commit-updates.ts";
import { currentSchema, defaultSpec } from "../../iceberg/metadata.ts";
import { asRelation, planScan } from "../../iceberg/scan.ts";
import { loadTable, publishChanges, stageChange } from "../../iceberg/transaction.ts";
import type { Snapshot, TableMetadata } from "../../iceberg/types.ts";
import { ancestors, headSnapshot, summaryKeys } from "../../plan/table-state.ts";
import type { BuildContext } from "./build-table.ts";
import { newTableLocation } from "./new-table-location.ts";
import type { Session } from "../session.ts";

const columns: readonly Column[] = [
  { name: "data_source", type: "VARCHAR" },
  { name: "line", type: "BIGINT" },
  { name: "reason", type: "VARCHAR" },
  { name: "raw", type: "BLOB" },
  { name: "run_id", type: "VARCHAR" },
];

/** The table of a table's rejected lines. */
export function quarantineOf({ namespace, name }: TableIdentifier): TableIdentifier {
  return { namespace, name: `${name}_quarantine` };
}

/** Null where there is nothing to keep, and nothing that a rebuild of the model makes obsolete. */
export async function stageQuarantine(options: {
  readonly context: BuildContext;
  readonly identifier: TableIdentifier;
  readonly rejected: readonly RejectedRecord[];
  /** All that is there goes, as the model's rows do. */
  readonly replace: boolean;
  /** Landing files that were taken in again: what they gave before goes. */
  readonly replacedFiles: readonly string[];
}): Promise<StagedChange | null> {
  const { context, rejected, replace, replacedFiles } = options;
  if (rejected.length === 0 && !replace && replacedFiles.length === 0) return null;
  const { session, runId } = context;
  const identifier = quarantineOf(options.identifier);
  const [catalog, storage, compute] = await Promise.all([
    session.catalog(),
    session.storage(),
    session.compute(),
  ]);
  const base = await loadTable({ catalog, storage, identifier });
  if (rejected.length === 0 && base === null) return null;
  const touched = await touchedFiles(session, base, replace ? [] : replacedFiles);
  if (rejected.length === 0 && !replace && touched.length === 0) return null;
  const keptRows = keptLines(base, touched, replacedFiles);
  const schema = base === null ? compute.toSchema(columns) : currentSchema(base.metadata);
  const location = base?.metadata.location ?? (await newTableLocation(session, identifier));
  const commitId = context.newCommitId();
  const spec = { "spec-id": 0, fields: [] };
  const { files } = await compute.write({
    id: identifier.name,
    sql: ['select * from "rejected"', ...keptRows.sql].join(" union all by name "),
    relations: [
      ...keptRows.relations,
      {
        kind: "rows",
        name: "rejected",
        columns,
        rows: rejected.map((record) => [record.path, BigInt(record.line), record.reason, record.raw, runId]),
      },
    ],
    schema,
    spec,
    dataLocation: `${location}/data`,
    properties: base?.metadata.properties ?? {},
    writeId: commitId,
    signal: context.signal,
  });
  return stageChange({
    storage,
    nowMs: session.now(),
    request: {
      identifier,
      base,
      location,
      schema,
      spec,
      properties: {},
      operation: replace
        ? { kind: "replace-all", add: files }
        : touched.length === 0
          ? { kind: "append", add: files }
          : {
              kind: "overwrite",
              add: files,
              removePaths: new Set(touched.map(({ file }) => file.path)),
            },
      summary: { [summaryKeys.runId]: runId },
      commitId,
      formatVersion: 2,
    },
  });
}

/** Files of the quarantine that may hold lines of the given landing files. */
async function touchedFiles(
  session: Session,
  base: CatalogTable | null,
  paths: readonly string[],
): Promise<readonly ScanTask[]> {
  if (base === null || paths.length === 0) return [];
  const filter = { kind: "in", column: ["data_source"], values: paths } as const;
  return planScan({ storage: await session.storage(), metadata: base.metadata, filter });
}

/** Their lines of other landing files, which stay. */
function keptLines(
  base: CatalogTable | null,
  tasks: readonly ScanTask[],
  gone: readonly string[],
): { readonly sql: readonly string[]; readonly relations: readonly Relation[] } {
  if (base === null || tasks.length === 0) return { sql: [], relations: [] };
  const paths = gone.map((path) => literal(path)).join(", ");
  return {
    sql: [`select * from "kept" where data_source not in (${paths})`],
    relations: [asRelation({ name: "kept", metadata: base.metadata, tasks })],
  };
}

/**
 * Takes the quarantine table back to what belongs to the model's states in `line` (newest first): a build takes in
 * the released landing files again, and with them their bad lines. Gives whether it moved, or would.
 */
export async function rollbackQuarantine(options: {
  readonly session: Session;
  readonly identifier: TableIdentifier;
  readonly line: readonly Snapshot[];
  readonly dryRun: boolean;
}): Promise<boolean> {
  const { session, line, dryRun } = options;
  const identifier = quarantineOf(options.identifier);
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const base = await loadTable({ catalog, storage, identifier });
  if (base === null) return false;
  const goal = belongingTo(base.metadata, line);
  const head = headSnapshot(base.metadata);
  const isEmpty = goal === null && (head === null || head.summary["total-records"] === "0");
  if (goal === head || isEmpty) return false;
  if (dryRun) return true;
  const nowMs = session.now();
  if (goal === null) {
    const staged = await stageChange({
      storage,
      nowMs,
      request: {
        identifier,
        base,
        location: base.metadata.location,
        schema: currentSchema(base.metadata),
        spec: defaultSpec(base.metadata),
        properties: {},
        operation: { kind: "replace-all", add: [] },
        summary: {},
        commitId: session.newId(),
        formatVersion: 2,
      },
    });
    await publishChanges({ catalog, storage, staged: [staged], nowMs });
    return true;
  }
  const main = {
    ...(base.metadata.refs["main"] ?? { type: "branch" as const }),
    "snapshot-id": goal["snapshot-id"],
  };
  await commitUpdates({
    catalog,
    storage,
    identifier,
    nowMs,
    make: () => [{ action: "set-snapshot-ref", "ref-name": "main", ...main }],
  });
  return true;
}

/** The newest state of the runs that made the line; failing that, the one that was there at the line's time. */
function belongingTo(metadata: TableMetadata, line: readonly Snapshot[]): Snapshot | null {
  const runs = new Set(line.map(({ summary }) => summary[summaryKeys.runId]));
  const ofRuns = metadata.snapshots.filter((snapshot) => {
    const runId = snapshot.summary[summaryKeys.runId];
    return runId !== undefined && runs.has(runId);
  });
  const timeMs = line[0]?.["timestamp-ms"] ?? 0;
  return (
    ofRuns.toSorted((a, b) => Number(b["sequence-number"] - a["sequence-number"]))[0] ??
    [...ancestors(metadata)].find((snapshot) => snapshot["timestamp-ms"] <= timeMs) ??
    null
  );
}
