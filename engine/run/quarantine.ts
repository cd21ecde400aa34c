// Lines that a landing source did not take in, raw and with the reason: a table of its own beside the
// model's, staged and published with it.
import type { TableIdentifier } from "../catalog/catalog.ts";
import type { Column, RejectedRecord } from "../compute/compute.ts";
import type { StagedChange } from "../iceberg/change.ts";
import { currentSchema } from "../iceberg/metadata.ts";
import { loadTable, stageChange } from "../iceberg/transaction.ts";
import { summaryKeys } from "../plan/table-state.ts";
import type { BuildContext } from "./build-table.ts";
import { tableLocation } from "./names.ts";

const columns: readonly Column[] = [
  { name: "data_source", type: "VARCHAR" },
  { name: "line", type: "BIGINT" },
  { name: "reason", type: "VARCHAR" },
  { name: "raw", type: "BLOB" },
  { name: "run_id", type: "VARCHAR" },
];

/** Null where there is nothing to keep, and nothing that a rebuild of the model makes obsolete. */
export async function stageQuarantine(options: {
  readonly context: BuildContext;
  readonly identifier: TableIdentifier;
  readonly rejected: readonly RejectedRecord[];
  readonly replace: boolean;
}): Promise<StagedChange | null> {
  const { context, rejected, replace } = options;
  if (rejected.length === 0 && !replace) return null;
  const { session, runId } = context;
  const identifier = {
    namespace: options.identifier.namespace,
    name: `${options.identifier.name}_quarantine`,
  };
  const [catalog, storage, compute] = await Promise.all([
    session.catalog(),
    session.storage(),
    session.compute(),
  ]);
  const base = await loadTable({ catalog, storage, identifier });
  if (rejected.length === 0 && base === null) return null;
  const schema = base === null ? compute.toSchema(columns) : currentSchema(base.metadata);
  const location = base?.metadata.location ?? tableLocation(identifier, session.profile);
  const commitId = context.newCommitId();
  const spec = { "spec-id": 0, fields: [] };
  const { files } = await compute.write({
    id: identifier.name,
    sql: 'select * from "rejected"',
    relations: [
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
      operation: { kind: replace ? "replace-all" : "append", add: files },
      summary: { [summaryKeys.runId]: runId },
      commitId,
      formatVersion: 2,
    },
  });
}
