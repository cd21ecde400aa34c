// What the properties of a table's columns say beyond its statement: earlier names, comments, what is never null.
import type { IcebergType, NestedField, Schema, StructType } from "./types.ts";

export interface DeclaredColumn {
  /** Of a column, or dotted for a field inside one: `address.street`, `items.element.price`. */
  readonly name: string;
  readonly was?: readonly string[];
  readonly doc?: string;
  /** Absent: as it is. */
  readonly required?: boolean;
  /** As a person writes it. */
  readonly default?: string;
}

/**
 * A field that has one of a column's earlier names gets the name, and keeps its id and so its data. Nothing happens
 * where the name is there already: it has been renamed before.
 */
export function renameColumns<S extends StructType>(schema: S, columns: readonly DeclaredColumn[]): S {
  // Names of what lies inside are those after the renaming of what they lie in.
  const outerFirst = columns
    .filter(({ was = [] }) => was.length > 0)
    .map(({ name, was = [] }) => ({ path: pathOf(name, schema, was), was }))
    .sort((a, b) => a.path.length - b.path.length);
  return outerFirst.reduce(
    (renamed, { path, was }) => inStruct(renamed, path, (struct, name) => renameIn(struct, name, was)),
    schema,
  );
}

function renameIn(struct: StructType, name: string, was: readonly string[]): StructType {
  if (fieldOf(struct, name) !== undefined) return struct;
  const earlier = was
    .map((text) => fieldOf(struct, text) ?? fieldOf(struct, text.slice(text.lastIndexOf(".") + 1)))
    .find((field) => field !== undefined);
  if (earlier === undefined) return struct;
  return replaceField(struct, earlier, { ...earlier, name });
}

/** The comments of the given columns; others keep theirs. */
export function describeColumns<S extends StructType>(schema: S, columns: readonly DeclaredColumn[]): S {
  return columns.reduce((described, { name, doc }) => {
    if (doc === undefined || doc === "") return described;
    return changeField(described, name, (field) => ({ ...field, doc }));
  }, schema);
}

/** Columns become required or optional as they say. An identifier column is a required one (specification, "Identifier
 *  Field IDs"): one that becomes optional is none any more. */
export function constrainColumns(schema: Schema, columns: readonly DeclaredColumn[]): Schema {
  const changed = columns.reduce(
    (before, { name, required }) =>
      required === undefined ? before : changeField(before, name, (field) => ({ ...field, required })),
    schema,
  );
  const { "identifier-field-ids": identifiers, ...rest } = changed;
  if (identifiers === undefined) return changed;
  const optional = new Set(changed.fields.filter(({ required }) => !required).map(({ id }) => id));
  const kept = identifiers.filter((id) => !optional.has(id));
  return { ...rest, ...(kept.length > 0 && { "identifier-field-ids": kept }) };
}

function changeField<S extends StructType>(
  schema: S,
  column: string,
  change: (field: NestedField) => NestedField,
): S {
  return inStruct(schema, pathOf(column, schema), (struct, name) => {
    const field = fieldOf(struct, name);
    return field === undefined ? struct : replaceField(struct, field, change(field));
  });
}

/** A name with dots may be that of a column. */
function pathOf(name: string, schema: StructType, otherNames: readonly string[] = []): readonly string[] {
  const isColumn = [name, ...otherNames].some((text) => fieldOf(schema, text) !== undefined);
  return isColumn ? [name] : name.split(".");
}

function fieldOf(struct: StructType, name: string): NestedField | undefined {
  const lower = name.toLowerCase();
  return (
    struct.fields.find((field) => field.name === name) ??
    struct.fields.find((field) => field.name.toLowerCase() === lower)
  );
}

function replaceField(struct: StructType, field: NestedField, by: NestedField): StructType {
  return { ...struct, fields: struct.fields.map((other) => (other === field ? by : other)) };
}

/** Changes the struct that directly holds the last name of the path; nothing where there is none. */
function inStruct<S extends StructType>(
  schema: S,
  path: readonly string[],
  change: (struct: StructType, name: string) => StructType,
): S {
  return inType(schema, path, change) as S;
}

function inType(
  type: IcebergType,
  path: readonly string[],
  change: (struct: StructType, name: string) => StructType,
): IcebergType {
  const [name = "", ...rest] = path;
  if (typeof type === "string") return type;
  if (type.type === "list") {
    return name === "element" && rest.length > 0
      ? { ...type, element: inType(type.element, rest, change) }
      : type;
  }
  if (type.type === "map") {
    return name === "value" && rest.length > 0 ? { ...type, value: inType(type.value, rest, change) } : type;
  }
  if (rest.length === 0) return change(type, name);
  const field = fieldOf(type, name);
  return field === undefined
    ? type
    : replaceField(type, field, { ...field, type: inType(field.type, rest, change) });
}
