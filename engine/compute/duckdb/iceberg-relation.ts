// A planned Iceberg scan as SQL over `read_parquet`: columns by field id at every depth, deletes applied.
import { lakeError } from "../../common/errors.ts";
import { lastUpdatedField, lineageFields, rowIdField } from "../../iceberg/row-lineage.ts";
import type { IcebergType, NestedField } from "../../iceberg/types.ts";
import type { Column, IcebergRelation, ScanTask } from "../compute.ts";
import { deleteJoins, type DeleteJoins } from "./deletes.ts";
import {
  defaultText,
  hasDefault,
  missingValue,
  physicalType,
  readsByName,
  rebuilt,
} from "./field-projection.ts";
import { groupBy } from "./group-by.ts";
import { withMappedIds } from "./name-mapping.ts";
import { physicalSchemas, type PhysicalField, type PhysicalSchema } from "./parquet-schema.ts";
import { emptySql, type RelationContext } from "./relation-context.ts";
import { escapeGlob, localPath } from "./paths.ts";
import { identifier, literal, valueLiteral } from "./text.ts";
import { duckdbType, toColumns } from "./types.ts";

/** A file to read, with what decides how. */
interface File {
  readonly task: ScanTask;
  /** In the relation's list. */
  readonly position: number;
  readonly physical: PhysicalSchema;
  /** Identity partition columns that the file leaves out. */
  readonly constantIds: readonly number[];
}

/** The SELECT that gives the relation's rows under its schema's names and types. */
export async function icebergRelationSql(
  context: RelationContext,
  relation: IcebergRelation,
): Promise<string> {
  if (relation.tasks.length === 0) return emptySql(columnsOf(relation));
  const files = await describeFiles(context, relation);
  const groups = groupBy(files, (file) => groupKey(file, relation));
  const parts: string[] = [];
  for (const group of groups.values()) {
    const tasks = group.map(({ task }) => task).filter(({ deletes }) => deletes.length > 0);
    const deletes = await deleteJoins(context, tasks, relation.schema);
    parts.push(groupSql(group, relation, deletes));
  }
  return parts.join("\nunion all\n");
}

function columnsOf({ schema, fileColumn, rowColumn, lineage }: IcebergRelation): readonly Column[] {
  return [
    ...toColumns(schema),
    ...(fileColumn === undefined ? [] : [{ name: fileColumn, type: "INTEGER" }]),
    ...(rowColumn === undefined ? [] : [{ name: rowColumn, type: "BIGINT" }]),
    ...(lineage === true ? lineageFields.map(({ name }) => ({ name, type: "BIGINT" })) : []),
  ];
}

async function describeFiles(context: RelationContext, relation: IcebergRelation): Promise<File[]> {
  for (const { file } of relation.tasks) {
    if (file.format.toUpperCase() !== "PARQUET") {
      throw lakeError("compute/unsupported-feature", {
        what: `a data file in ${file.format} (${file.path})`,
      });
    }
  }
  const paths = relation.tasks.map(({ file }) => localPath(file.path));
  const files = relation.tasks.map(({ file }) => file);
  const schemas = await physicalSchemas(context.session, context.connection, files);
  return relation.tasks.map((task, index) => {
    const found = schemas.get(paths[index]!)!;
    const physical = found.hasIds ? found : withMappedIds(found, relation.nameMapping, task.file.path);
    const present = new Set(physical.fields.map(({ id }) => id));
    const wanted = new Set(relation.schema.fields.map(({ id }) => id));
    const constantIds = [...(task.constants?.keys() ?? [])].filter(
      (id) => wanted.has(id) && !present.has(id),
    );
    return { task, position: index, physical, constantIds: constantIds.sort((a, b) => a - b) };
  });
}

/** Files of one key are read by one `read_parquet`: mostly all of them. */
function groupKey(file: File, relation: IcebergRelation): string {
  const { physical, constantIds, task } = file;
  const layout = isPlain(physical, relation) ? "" : physical.signature;
  return JSON.stringify([layout, constantIds, task.deletes.length > 0]);
}

const plainLayouts = new WeakMap<PhysicalSchema, WeakMap<IcebergRelation, boolean>>();

/** Whether the engine reads every column right by itself; asked for each file, answered once for each layout. */
function isPlain(physical: PhysicalSchema, relation: IcebergRelation): boolean {
  if (!physical.hasIds) return false;
  const known = plainLayouts.get(physical)?.get(relation);
  if (known !== undefined) return known;
  const plain = relation.schema.fields.every((field) => {
    const stored = physical.fields.find(({ id }) => id === field.id);
    return stored === undefined || readsByName(field.type, stored);
  });
  if (!plainLayouts.has(physical)) plainLayouts.set(physical, new WeakMap());
  plainLayouts.get(physical)!.set(relation, plain);
  return plain;
}

function groupSql(group: readonly File[], relation: IcebergRelation, deletes: DeleteJoins): string {
  const { physical, constantIds } = group[0]!;
  const fields = relation.schema.fields;
  const plain = isPlain(physical, relation);
  const { fileColumn, rowColumn, lineage = false } = relation;
  const needsFacts = constantIds.length > 0 || fileColumn !== undefined || lineage;
  const needsPlace = deletes.joins.length > 0 || needsFacts || rowColumn !== undefined;
  const hidden = [...deletes.columns].filter(([id]) => !fields.some((field) => field.id === id));
  const wanted: NestedField[] = [
    ...fields,
    ...hidden.map(([id, type]) => hiddenField(id, type)),
    ...(lineage ? lineageFields.map(({ id, type }) => hiddenField(id, type)) : []),
  ];
  const columns = wanted.map((field) => {
    const stored = physical.fields.find(({ id }) => id === field.id);
    if (constantIds.includes(field.id))
      return `cast(k.c${field.id} as ${duckdbType(field.type)}) as c${field.id}`;
    return `${plain ? `f.c${field.id}` : projected(field, stored, physical.hasIds)} as c${field.id}`;
  });
  // A place is the file's path and the row's number in it; both are virtual columns of the engine.
  const fileName = physical.hasIds ? "f.filename" : "f.__lake_file";
  if (needsPlace) columns.push(`${fileName} as file`, "f.file_row_number as row");
  if (fileColumn !== undefined) columns.push("k.position as position");
  if (lineage) columns.push("k.first_row as first_row", "k.sequence as sequence");
  const from = `${readFiles(group, { wanted, plain, physical, constantIds })} as f`;
  const facts = needsFacts ? ` join ${fileFacts(group, fields)} on k.file = ${fileName}` : "";
  const source = `(select ${columns.join(", ")} from ${from}${facts}) as t`;
  const names = fields.map((field) => `t.c${field.id} as ${identifier(field.name)}`);
  if (fileColumn !== undefined) names.push(`t.position as ${identifier(fileColumn)}`);
  if (rowColumn !== undefined) names.push(`t.row as ${identifier(rowColumn)}`);
  if (lineage) {
    names.push(`coalesce(t.c${rowIdField.id}, t.first_row + t.row) as ${identifier(rowIdField.name)}`);
    names.push(`coalesce(t.c${lastUpdatedField.id}, t.sequence) as ${identifier(lastUpdatedField.name)}`);
  }
  return `select ${names.join(", ")} from ${[source, ...deletes.joins].join("\n")}`;
}

function hiddenField(id: number, type: IcebergType): NestedField {
  return { id, name: `c${id}`, required: false, type };
}

function projected(field: NestedField, stored: PhysicalField | undefined, hasIds: boolean): string {
  if (!stored) return missingValue(field);
  const read = hasIds
    ? `f.c${field.id}`
    : `cast(f.${identifier(stored.name)} as ${physicalType(field.type, stored)})`;
  return rebuilt(read, field.type, stored);
}

interface Reading {
  readonly wanted: readonly NestedField[];
  readonly plain: boolean;
  readonly physical: PhysicalSchema;
  readonly constantIds: readonly number[];
}

function readFiles(group: readonly File[], reading: Reading): string {
  const paths = group.map(({ task }) => literal(escapeGlob(localPath(task.file.path)))).join(", ");
  // Folders named like `year=2025` would otherwise become columns.
  const options = ["hive_partitioning = false"];
  if (!reading.physical.hasIds)
    return `read_parquet([${paths}], ${[...options, "filename = '__lake_file'"].join(", ")})`;
  const entries = reading.wanted
    .filter(({ id }) => !reading.constantIds.includes(id))
    .flatMap((field) => schemaEntry(field, reading));
  if (entries.length === 0) return `read_parquet([${paths}], ${options.join(", ")})`;
  return `read_parquet([${paths}], schema = map {${entries.join(", ")}}, ${options.join(", ")})`;
}

function schemaEntry(field: NestedField, reading: Reading): string[] {
  const stored = reading.physical.fields.find(({ id }) => id === field.id);
  if (!reading.plain && !stored) return [];
  const type = reading.plain || !stored ? duckdbType(field.type) : physicalType(field.type, stored);
  const value = hasDefault(field) ? literal(castableDefault(field)) : "null";
  return [`${field.id}: {name: 'c${field.id}', type: ${literal(type)}, default_value: ${value}}`];
}

/** The engine casts the default from text: hex digits of bytes need its escapes. */
function castableDefault(field: NestedField): string {
  const text = defaultText(field);
  return duckdbType(field.type) === "BLOB" ? text.replace(/../g, "\\x$&") : text;
}

/** What is known of each file without reading it: its place in the list, and the columns that it leaves out. */
function fileFacts(group: readonly File[], fields: readonly NestedField[]): string {
  const ids = group[0]!.constantIds;
  const types = new Map(fields.map((field) => [field.id, field.type]));
  const rows = group.map(({ task, position }) => {
    const values = ids.map((id) =>
      valueLiteral(task.constants?.get(id)?.(task.file) ?? null, types.get(id)!),
    );
    const { firstRowId } = task.file;
    const lineage = [
      firstRowId === undefined ? "null::bigint" : `${firstRowId}::bigint`,
      `${task.sequenceNumber}::bigint`,
    ];
    return `(${[literal(localPath(task.file.path)), position, ...lineage, ...values].join(", ")})`;
  });
  const names = ["file", "position", "first_row", "sequence", ...ids.map((id) => `c${id}`)];
  return `(values ${rows.join(", ")}) as k(${names.join(", ")})`;
}
