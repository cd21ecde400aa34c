// `lake changes`: the rows that one state of a table has and another has not, from the files that differ.
import type { TableIdentifier } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { lakeError } from "../../common/errors.ts";
import { quoteIdentifier } from "../../common/sql.ts";
import { didYouMean } from "../../common/suggest.ts";
import type { IcebergRelation, QueryResult } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { changedFiles } from "../../iceberg/changed-files.ts";
import { currentSchema } from "../../iceberg/metadata.ts";
import { metadataAt, resolvePoint } from "../../iceberg/point-in-time.ts";
import type { Point } from "../../iceberg/point-in-time.ts";
import { asRelation } from "../../iceberg/scan.ts";
import type { Schema, TableMetadata } from "../../iceberg/types.ts";
import { findTable } from "./find-table.ts";
import type { FoundTable } from "./find-table.ts";
import type { Session } from "../session.ts";

export interface ChangesRequest {
  readonly table: string;
  /** Snapshot id, tag, branch or time; the state that `to` was made from when absent. */
  readonly from?: string;
  /** The newest state when absent. */
  readonly to?: string;
  /** Columns that tell an update from a row gone and a row come; the model's `unique_key` when absent. */
  readonly key?: readonly string[];
  readonly limit?: number;
}

export interface TableChanges {
  readonly table: TableIdentifier;
  /** Null: before the first state. */
  readonly from: bigint | null;
  readonly to: bigint;
  readonly added: number;
  readonly removed: number;
  readonly updated: number;
  /** Data files that were read. */
  readonly filesRead: number;
  /** `_change_type` (Spark's words: `INSERT`, `DELETE`, `UPDATE_BEFORE`, `UPDATE_AFTER`), then the columns of `to`. */
  readonly result: QueryResult;
}

const counters = ["added", "removed", "updated"] as const;

/** Errors: `run/unknown-table`, `run/unknown-column`, `iceberg/unknown-point`, `iceberg/before-history`, those of reading. */
export async function tableChanges(session: Session, request: ChangesRequest): Promise<TableChanges> {
  const found = await findTable(session, request.table);
  const { metadata } = found.table;
  const to = pointOf(session, found, request.to ?? "main");
  const from =
    request.from === undefined
      ? (to.snapshot["parent-snapshot-id"] ?? null)
      : pointOf(session, found, request.from).snapshot["snapshot-id"];
  const toId = to.snapshot["snapshot-id"];
  const storage = await session.storage();
  const at = metadataAt(metadata, to);
  const key = keyColumns(request.key ?? keyOf(found), currentSchema(at), tableName(found.identifier));
  const files = await changedFiles({ storage, metadata, from, to: toId, schemaId: to.schemaId });
  const before = relations("before", at, files.before);
  const after = relations("after", at, files.after);
  const compute = await session.compute();
  const answer = await compute.query({
    sql: changesSql({ before, after, schema: currentSchema(at), key }),
    relations: [...before, ...after],
    ...(request.limit !== undefined && { limit: request.limit }),
  });
  const paths = [...before, ...after].flatMap(({ tasks }) => tasks.map(({ file }) => file.path));
  const width = answer.columns.length - counters.length;
  const [added = 0, removed = 0, updated = 0] = (answer.rows[0] ?? []).slice(width).map(Number);
  return {
    table: found.identifier,
    from,
    to: toId,
    added,
    removed,
    updated,
    filesRead: new Set(paths).size,
    result: {
      columns: answer.columns.slice(0, width),
      rows: answer.rows.map((row) => row.slice(0, width)),
    },
  };
}

function pointOf(session: Session, { identifier, table }: FoundTable, text: string): Point {
  const { timezone: timeZone } = session.graph.project.settings;
  return resolvePoint({ metadata: table.metadata, table: tableName(identifier), text, timeZone });
}

function keyOf({ node }: FoundTable): readonly string[] {
  return node?.config.uniqueKey ?? [];
}

function keyColumns(wanted: readonly string[], schema: Schema, table: string): string[] {
  const names = schema.fields.map(({ name }) => name);
  return wanted.map((column) => {
    const known = names.find((name) => name.toLowerCase() === column.toLowerCase());
    if (known !== undefined) return known;
    throw lakeError("run/unknown-column", { table, column }, { hint: didYouMean(column, names) });
  });
}

function relations(
  side: string,
  metadata: TableMetadata,
  layers: Awaited<ReturnType<typeof changedFiles>>["before"],
): IcebergRelation[] {
  return layers.map((tasks, layer) => {
    const relation = asRelation({ name: `${side}.${layer}`, metadata, tasks });
    // The older side may lack what became required since.
    const fields = relation.schema.fields.map((field) => ({ ...field, required: false }));
    return { ...relation, schema: { ...relation.schema, fields } };
  });
}

/** Rows are compared as a whole, null as a value like others, and counted: one of two equal rows may go. */
function changesSql(options: {
  readonly before: readonly IcebergRelation[];
  readonly after: readonly IcebergRelation[];
  readonly schema: Schema;
  readonly key: readonly string[];
}): string {
  const { before, after, schema, key } = options;
  const columns = schema.fields.map(({ name }) => quoteIdentifier(name)).join(", ");
  const side = (all: readonly IcebergRelation[], sign: number): string[] =>
    all.map(({ name }) => `select ${columns}, ${sign} as "lake:sign" from ${relationName(name)}`);
  const sides = [...side(before, -1), ...side(after, 1)];
  if (sides.length === 0) {
    const empty = schema.fields.map(({ name }) => `null as ${quoteIdentifier(name)}`).join(", ");
    return `select null::varchar as _change_type, ${empty}, 0 as added, 0 as removed, 0 as updated where false`;
  }
  const ofKey = `partition by ${key.map((name) => quoteIdentifier(name)).join(", ")}`;
  const isUpdate =
    key.length === 0
      ? "false"
      : `count(*) filter ("lake:count" > 0) over (${ofKey}) = 1 and count(*) filter ("lake:count" < 0) over (${ofKey}) = 1`;
  return `with compared as (
  select ${columns}, sum("lake:sign") as "lake:count"
  from (${sides.join("\n  union all ")})
  group by all having sum("lake:sign") <> 0
), rows as (
  select *, unnest(range(abs("lake:count")::bigint)) as "lake:copy" from compared
), typed as (
  select *, ${isUpdate} as "lake:update" from rows
), named as (
  select *, case when "lake:update" then case when "lake:count" > 0 then 'UPDATE_AFTER' else 'UPDATE_BEFORE' end
    when "lake:count" > 0 then 'INSERT' else 'DELETE' end as "lake:type" from typed
)
select "lake:type" as _change_type, ${columns},
  count(*) filter ("lake:type" = 'INSERT') over () as added,
  count(*) filter ("lake:type" = 'DELETE') over () as removed,
  count(*) filter ("lake:type" = 'UPDATE_AFTER') over () as updated
from named
order by ${inOrder(schema, key)}`;
}

/** The two halves of an update stand together, the older first. */
function inOrder(schema: Schema, key: readonly string[]): string {
  const rest = schema.fields.map(({ name }) => name).filter((name) => !key.includes(name));
  const [first, last] = key.length === 0 ? [rest, []] : [key, rest];
  const quoted = (names: readonly string[]): string[] => names.map((name) => quoteIdentifier(name));
  return [...quoted(first), '"lake:count"', ...quoted(last)].join(", ");
}
