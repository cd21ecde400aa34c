// The failing rows of a test as a table: committed at once and outside the gate, so that they survive a
// run that is not published (rule 11).
import type { TableIdentifier } from "../../catalog/catalog.ts";
import type { Relation } from "../../compute/compute.ts";
import { loadTable, publishChanges, stageChange } from "../../iceberg/transaction.ts";
import { assignFreshIds, replaceSchema } from "../../iceberg/schema.ts";
import { summaryKeys } from "../../plan/table-state.ts";
import type { DataTest } from "../../project/types.ts";
import type { BuildContext } from "./build-table.ts";
import { failuresNamespace } from "../names.ts";
import { newTableLocation } from "./new-table-location.ts";
import { ensureNamespace } from "../publishing/publish.ts";
import { currentSchema } from "../../iceberg/metadata.ts";

/** Enough to see what is wrong; the count of failures is in the test's result. */
const storedRows = 10_000;

export async function storeFailures(options: {
  readonly context: BuildContext;
  readonly test: DataTest;
  readonly rows: string;
  readonly relations: readonly Relation[];
}): Promise<TableIdentifier> {
  const { context, test, relations } = options;
  const { session } = context;
  const identifier = {
    namespace: failuresNamespace(session.profile),
    name: test.name
      .toLowerCase()
      .replace(/[^a-z0-9_]+/g, "_")
      .slice(0, 120),
  };
  const [catalog, storage, compute] = await Promise.all([
    session.catalog(),
    session.storage(),
    session.compute(),
  ]);
  const base = await loadTable({ catalog, storage, identifier });
  const sql = `select * from (\n${options.rows}\n) limit ${storedRows}`;
  const { columns } = await compute.query({ sql: `select * from (\n${options.rows}\n) limit 0`, relations });
  const incoming = compute.toSchema(columns);
  const schema =
    base === null
      ? assignFreshIds(incoming).schema
      : replaceSchema({
          current: currentSchema(base.metadata),
          incoming,
          lastColumnId: base.metadata["last-column-id"],
        }).schema;
  const location = base?.metadata.location ?? (await newTableLocation(session, identifier));
  const spec = { "spec-id": 0, fields: [] };
  const commitId = context.newCommitId();
  const { files } = await compute.write({
    id: test.name,
    sql,
    relations,
    schema,
    spec,
    dataLocation: `${location}/data`,
    properties: {},
    writeId: commitId,
    signal: context.signal,
  });
  const nowMs = session.now();
  const staged = await stageChange({
    storage,
    nowMs,
    request: {
      identifier,
      base,
      location,
      schema,
      spec,
      properties: {},
      operation: { kind: base === null ? "append" : "replace-all", add: files },
      summary: { [summaryKeys.runId]: context.runId },
      commitId,
      formatVersion: 2,
    },
  });
  await ensureNamespace(catalog, identifier.namespace, session.profile);
  await publishChanges({ catalog, storage, staged: [staged], nowMs });
  return identifier;
}
