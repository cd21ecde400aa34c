// The keys behind `{{changed …}}`, worked out from the files that came and went since the model was built last.
import type { Column, Compute, IcebergRelation, KeptRows, SqlRelation } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { changedFiles } from "../../iceberg/changed-files.ts";
import type { ChangedFiles } from "../../iceberg/changed-files.ts";
import { currentSchema } from "../../iceberg/metadata.ts";
import { asRelation } from "../../iceberg/scan.ts";
import type { TableMetadata } from "../../iceberg/types.ts";
import { snapshotOfVersion } from "../../plan/table-state.ts";
import type { Model } from "../../project/types.ts";
import type { ChangedCall } from "../../template/types.ts";
import { followedInputs, keyColumn, keyList } from "./changed-names.ts";
import type { FollowedInput } from "./changed-names.ts";
import { literalCondition } from "./key-condition.ts";
import type { KeyCondition } from "./key-condition.ts";
import type { RunTables } from "../relations.ts";
import type { Renderer } from "../render-node.ts";
import type { Session } from "../session.ts";

/** Keys of one input that changed, as a relation that stands behind the model's condition. */
export interface ChangedKeys extends FollowedInput {
  readonly kept: KeptRows;
  /** For leaving out files that the statement cannot need. */
  readonly condition: KeyCondition;
}

export async function keepChanged(options: {
  readonly session: Session;
  readonly renderer: Renderer;
  readonly tables: RunTables;
  readonly model: Model;
  /** Input → its version when the model was built last. */
  readonly recorded: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}): Promise<readonly ChangedKeys[]> {
  const { session, renderer, tables, model, recorded, signal } = options;
  const found: ChangedKeys[] = [];
  for (const input of followedInputs(renderer.names, model, session.profile)) {
    const metadata = tables.get(input.node.uniqueId);
    const since = metadata && snapshotOfVersion(metadata, recorded[input.node.uniqueId] ?? "");
    if (metadata === undefined || since === undefined)
      throw new Error(`${model.name} was planned to follow ${input.node.name}`);
    const kept = await keepKeys({ session, input, metadata, since, signal });
    const condition = await literalCondition({
      compute: await session.compute(),
      relation: input.relation,
      relations: [kept.relation],
      keys: input.call.keys.map(({ name }) => keyColumn(name)),
    });
    found.push({ ...input, kept, condition });
  }
  return found;
}

/** The keys of all rows that the input gained or lost since a snapshot. */
export async function keepKeys(options: {
  readonly session: Session;
  readonly input: FollowedInput;
  readonly metadata: TableMetadata;
  readonly since: bigint | null;
  readonly signal: AbortSignal;
}): Promise<KeptRows> {
  const { session, input, metadata, since, signal } = options;
  const [compute, storage] = await Promise.all([session.compute(), session.storage()]);
  const changed = await changedFiles({
    storage,
    metadata,
    from: since,
    to: metadata["current-snapshot-id"],
    schemaId: metadata["current-schema-id"],
  });
  const columns = await keyColumns(compute, input, metadata);
  const rows = changedRows(input, metadata, changed);
  return compute.keep({
    id: input.relation,
    name: input.relation,
    sql: `select distinct ${keyList(input.call)} from (${rows.sql}) as changed_rows`,
    relations: rows.relations,
    schema: compute.toSchema(columns),
    signal,
  });
}

async function keyColumns(
  compute: Compute,
  { call, relation }: FollowedInput,
  metadata: TableMetadata,
): Promise<readonly Column[]> {
  const name = `${relation}@none`;
  const { columns } = await compute.query({
    sql: `select ${keyList(call)} from ${relationName(name)}`,
    relations: [asRelation({ name, metadata, tasks: [] })],
  });
  return columns;
}

/** Where files came and went, a row that stands on both sides as often did not change: another one did. */
function changedRows(
  { relation }: FollowedInput,
  metadata: TableMetadata,
  { before, after }: ChangedFiles,
): { readonly sql: string; readonly relations: readonly IcebergRelation[] } {
  const side = (sign: "+" | "-", layers: ChangedFiles["before"]): IcebergRelation[] =>
    layers.map((tasks, layer) => asRelation({ name: `${relation}${sign}${layer}`, metadata, tasks }));
  const came = side("+", after);
  const went = side("-", before);
  const relations = [...came, ...went];
  const rows = (some: readonly IcebergRelation[], more: string): string[] =>
    some.map(({ name }) => `select *${more} from ${relationName(name)}`);
  if (relations.length === 0) {
    const none = asRelation({ name: `${relation}@none`, metadata, tasks: [] });
    return { sql: rows([none], "").join(), relations: [none] };
  }
  if (came.length === 0 || went.length === 0)
    return { sql: rows(relations, "").join(" union all "), relations };
  const sign = relationName("lake@sign");
  const both = [...rows(came, `, 1 as ${sign}`), ...rows(went, `, -1 as ${sign}`)].join(" union all ");
  const columns = currentSchema(metadata)
    .fields.map(({ name }) => relationName(name))
    .join(", ");
  return {
    sql: `select ${columns} from (${both}) as both_sides group by ${columns} having sum(${sign}) <> 0`,
    relations,
  };
}

/** The keys as rows of the table would have them: under its names and in its types. */
export function keysOfTable(
  { relation, call }: ChangedKeys,
  types: ReadonlyMap<string, string>,
): { readonly relation: SqlRelation; readonly columns: readonly string[] } {
  const columns = call.keys.map(({ name }) => name);
  const list = columns.map(
    (name) =>
      `cast(${relationName(keyColumn(name))} as ${types.get(name.toLowerCase())}) as ${relationName(name)}`,
  );
  const name = `${relation}@here`;
  const sql = `select ${list.join(", ")} from ${relationName(relation)}`;
  return { relation: { kind: "sql", name, sql }, columns };
}

/** The texts that stand for `{{changed …}}` when files are left out. */
export function conditionOf(changed: readonly ChangedKeys[]): (call: ChangedCall) => string {
  const key = ({ input, keys }: ChangedCall): string => JSON.stringify([input, keys]);
  const known = new Map(changed.map(({ call, condition }) => [key(call), condition]));
  return (call) => known.get(key(call))?.(call.on.map((expression) => `(${expression})`)) ?? "true";
}
