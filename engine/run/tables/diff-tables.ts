// `lake diff`: the rows and columns in which tables differ from those of another target, worked out by the engine
// from the files that only one of the two has.
import type { CatalogTable } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { lakeError } from "../../common/errors.ts";
import { quoteIdentifier } from "../../common/sql.ts";
import type { IcebergRelation, ScanTask } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { selectNodes } from "../../graph/select.ts";
import type { SelectionRequest } from "../../graph/types.ts";
import { currentSchema } from "../../iceberg/metadata.ts";
import { asRelation, planScan } from "../../iceberg/scan.ts";
import { typeText } from "../../iceberg/type-text.ts";
import type { Schema } from "../../iceberg/types.ts";
import { loadTables } from "../../iceberg/transaction.ts";
import type { Model, Seed, TargetProfile } from "../../project/types.ts";
import { hasTable, tableIdentifier } from "../names.ts";
import { seenTables } from "../environments/seen-tables.ts";
import type { Session } from "../session.ts";

export interface DiffOptions extends SelectionRequest {
  readonly from: TargetProfile;
  /** Over the models' `unique_key`. */
  readonly key?: readonly string[];
}

export interface ColumnDiff {
  readonly name: string;
  readonly rows: number;
  /** Key, value there, value here. */
  readonly examples: readonly (readonly [key: string, before: string | null, after: string | null])[];
}

export interface TableDiff {
  readonly node: string;
  /** `namespace.name` here and there; null where it is not. */
  readonly table: string | null;
  readonly other: string | null;
  readonly status: "same" | "changed" | "new" | "missing";
  readonly schema: {
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly changed: readonly (readonly [column: string, before: string, after: string])[];
  };
  /** Empty where rows are compared as wholes. */
  readonly key: readonly string[];
  readonly rows: { readonly added: number; readonly removed: number; readonly changed: number };
  readonly columns: readonly ColumnDiff[];
  /** Keys of rows that came and went. */
  readonly examples: { readonly added: readonly string[]; readonly removed: readonly string[] };
  /** Files that both have are not read. */
  readonly files: { readonly read: number; readonly shared: number };
}

const shownExamples = 3;
const beforeName = "diff@before";
const afterName = "diff@after";

/** Errors: `run/no-diff-key` for a key column that one of the tables does not have, `run/base-expired`. */
export async function diffTables(session: Session, options: DiffOptions): Promise<readonly TableDiff[]> {
  const { from } = options;
  const { graph } = session;
  const nodes = selectNodes(graph, { ...options, resourceTypes: ["model", "snapshot", "seed"] }).flatMap(
    (id) => {
      const node = graph.nodes.get(id);
      return hasTable(node) ? [node] : [];
    },
  );
  const [seen, catalog, storage] = await Promise.all([
    seenTables(session, nodes),
    session.catalogOf(from),
    session.storage(),
  ]);
  const identifiers = nodes.map((node) => tableIdentifier(node, from));
  const others = await loadTables({ catalog, storage, identifiers });
  const diffs: TableDiff[] = [];
  for (const node of nodes) {
    const own = seen.get(node.uniqueId);
    if (own?.ended !== undefined) throw own.ended;
    const other = others.get(tableName(tableIdentifier(node, from)));
    diffs.push(await diffTable({ session, node, before: other, after: own?.table, key: options.key }));
  }
  return diffs;
}

interface DiffRequest {
  readonly session: Session;
  readonly node: Model | Seed;
  readonly before: CatalogTable | undefined;
  readonly after: CatalogTable | undefined;
  readonly key: readonly string[] | undefined;
}

async function diffTable(request: DiffRequest): Promise<TableDiff> {
  const { session, node, before, after } = request;
  const plain: TableDiff = {
    node: node.name,
    table: after === undefined ? null : tableName(after.identifier),
    other: before === undefined ? null : tableName(before.identifier),
    status: after === undefined ? "missing" : before === undefined ? "new" : "same",
    schema: { added: [], removed: [], changed: [] },
    key: [],
    rows: { added: 0, removed: 0, changed: 0 },
    columns: [],
    examples: { added: [], removed: [] },
    files: { read: 0, shared: 0 },
  };
  if (before === undefined || after === undefined) return plain;
  if (before.metadataLocation === after.metadataLocation) return plain;
  const [old, now] = [currentSchema(before.metadata), currentSchema(after.metadata)];
  const schema = schemaDiff(old, now);
  const key = keyOf(request, old, now);
  const { relations, files } = await unshared(session, before, after, old, now);
  const common = now.fields.flatMap(({ name, type }) => {
    const earlier = old.fields.find((field) => field.name === name);
    return earlier === undefined ? [] : [{ name, asText: typeText(earlier.type) !== typeText(type) }];
  });
  const rows =
    files.read === 0
      ? { rows: plain.rows, columns: [], examples: plain.examples, key }
      : await diffRows(session, relations, common, key);
  const { added, removed, changed } = rows.rows;
  const isSame =
    added + removed + changed === 0 && Object.values(schema).every((columns) => columns.length === 0);
  return { ...plain, ...rows, schema, files, status: isSame ? "same" : "changed" };
}

function schemaDiff(before: Schema, after: Schema): TableDiff["schema"] {
  const [old, now] = [before, after].map(
    ({ fields }) => new Map(fields.map(({ name, type }) => [name, typeText(type)])),
  ) as [Map<string, string>, Map<string, string>];
  return {
    added: [...now.keys()].filter((name) => !old.has(name)),
    removed: [...old.keys()].filter((name) => !now.has(name)),
    changed: [...now].flatMap(([name, type]) => {
      const earlier = old.get(name);
      return earlier === undefined || earlier === type ? [] : [[name, earlier, type] as const];
    }),
  };
}

function keyOf({ node, key }: DiffRequest, before: Schema, after: Schema): readonly string[] {
  const columns = key ?? node.config.uniqueKey ?? [];
  const missing = columns.find((name) =>
    [before, after].some(({ fields }) => !fields.some((field) => field.name === name)),
  );
  if (missing === undefined) return columns;
  throw lakeError(
    "run/no-diff-key",
    { node: node.name, column: missing },
    { hint: "give other columns with --key, or leave the table out with --exclude" },
  );
}

/** A file that both tables have holds the same rows for both, as long as columns of one name are one column. */
async function unshared(
  session: Session,
  before: CatalogTable,
  after: CatalogTable,
  old: Schema,
  now: Schema,
): Promise<{ readonly relations: readonly IcebergRelation[]; readonly files: TableDiff["files"] }> {
  const storage = await session.storage();
  const [left, right] = await Promise.all(
    [before, after].map(({ metadata }) => planScan({ storage, metadata })),
  );
  const keyOfTask = ({ file, deletes }: ScanTask): string =>
    [file.path, ...deletes.map(({ path, contentOffset = 0n }) => `${path}@${contentOffset}`).sort()].join(
      "\n",
    );
  const isOneColumn = now.fields.every((field) => {
    const earlier = old.fields.find(({ name }) => name === field.name);
    return (
      earlier === undefined || (earlier.id === field.id && typeText(earlier.type) === typeText(field.type))
    );
  });
  const inBoth = new Set((left ?? []).map(keyOfTask));
  const shared = new Set(isOneColumn ? (right ?? []).map(keyOfTask).filter((task) => inBoth.has(task)) : []);
  const rest = (tasks: readonly ScanTask[] = []): ScanTask[] =>
    tasks.filter((task) => !shared.has(keyOfTask(task)));
  const [oldTasks, newTasks] = [rest(left), rest(right)];
  return {
    relations: [
      asRelation({ name: beforeName, metadata: before.metadata, tasks: oldTasks }),
      asRelation({ name: afterName, metadata: after.metadata, tasks: newTasks }),
    ],
    files: { read: oldTasks.length + newTasks.length, shared: shared.size },
  };
}

interface CommonColumn {
  readonly name: string;
  /** Types differ: compared as text. */
  readonly asText: boolean;
}
type RowsDiff = Pick<TableDiff, "rows" | "columns" | "examples" | "key">;

async function diffRows(
  session: Session,
  relations: readonly IcebergRelation[],
  columns: readonly CommonColumn[],
  key: readonly string[],
): Promise<RowsDiff> {
  const compute = await session.compute();
  const ask = async (sql: string): Promise<readonly (readonly unknown[])[]> =>
    (await compute.query({ sql, relations })).rows;
  if (key.length === 0 || (await hasDuplicates(ask, key))) return diffWhole(ask, columns);
  const others = columns.filter(({ name }) => !key.includes(name));
  const differs = ({ name, asText }: CommonColumn): string => {
    const column = quoteIdentifier(name);
    const value = (side: string): string =>
      asText ? `cast(${side}.${column} as varchar)` : `${side}.${column}`;
    return `${value("b")} is distinct from ${value("a")}`;
  };
  const inSide = (name: string): string => `(select *, true as "lake@in" from ${relationName(name)})`;
  const on = key.map((name) => `b.${quoteIdentifier(name)} is not distinct from a.${quoteIdentifier(name)}`);
  const joined = `from ${inSide(beforeName)} as b full join ${inSide(afterName)} as a on ${on.join(" and ")}`;
  const both = `b."lake@in" and a."lake@in"`;
  const any = others.length === 0 ? "false" : others.map(differs).join(" or ");
  const counts = [
    `count(*) filter (b."lake@in" is null)`,
    `count(*) filter (a."lake@in" is null)`,
    `count(*) filter (${both} and (${any}))`,
    ...others.map((column) => `count(*) filter (${both} and ${differs(column)})`),
  ];
  const [added = 0, removed = 0, changed = 0, ...each] = (
    (await ask(`select ${counts.join(", ")} ${joined}`))[0] ?? []
  ).map(Number);
  const keyText = key
    .map(
      (name) =>
        `coalesce(cast(coalesce(b.${quoteIdentifier(name)}, a.${quoteIdentifier(name)}) as varchar), 'null')`,
    )
    .join(` || ', ' || `);
  const examples = async (condition: string, values = ""): Promise<readonly (readonly unknown[])[]> =>
    ask(`select ${keyText} as k${values} ${joined} where ${condition} order by k limit ${shownExamples}`);
  const moved: ColumnDiff[] = [];
  for (const [index, column] of others.entries()) {
    if ((each[index] ?? 0) === 0) continue;
    const name = quoteIdentifier(column.name);
    const found = await examples(
      `${both} and ${differs(column)}`,
      `, cast(b.${name} as varchar), cast(a.${name} as varchar)`,
    );
    moved.push({ name: column.name, rows: each[index] ?? 0, examples: found as ColumnDiff["examples"] });
  }
  const keys = async (rows: number, condition: string): Promise<string[]> =>
    rows === 0 ? [] : (await examples(condition)).map(([text]) => String(text));
  return {
    key,
    rows: { added, removed, changed },
    columns: moved,
    examples: {
      added: await keys(added, `b."lake@in" is null`),
      removed: await keys(removed, `a."lake@in" is null`),
    },
  };
}

type Ask = (sql: string) => Promise<readonly (readonly unknown[])[]>;

async function hasDuplicates(ask: Ask, key: readonly string[]): Promise<boolean> {
  const list = key.map((name) => quoteIdentifier(name)).join(", ");
  const some = (name: string): string =>
    `exists (select 1 from ${relationName(name)} group by ${list} having count(*) > 1)`;
  return (await ask(`select ${some(beforeName)} or ${some(afterName)}`))[0]?.[0] === true;
}

/** Without a key that tells rows apart a row is there or not. */
async function diffWhole(ask: Ask, columns: readonly CommonColumn[]): Promise<RowsDiff> {
  const list = columns.map(({ name, asText }) => {
    const column = quoteIdentifier(name);
    return asText ? `cast(${column} as varchar) as ${column}` : column;
  });
  const only = (one: string, other: string): string =>
    `(select count(*) from (select ${list.join(", ")} from ${relationName(one)} except all select ${list.join(", ")} from ${relationName(other)}))`;
  const [added = 0, removed = 0] = (
    (await ask(`select ${only(afterName, beforeName)}, ${only(beforeName, afterName)}`))[0] ?? []
  ).map(Number);
  return { key: [], rows: { added, removed, changed: 0 }, columns: [], examples: { added: [], removed: [] } };
}
