// A column of the table over the same column as a file holds it: renamed, widened, added or dropped at any depth.
import { lakeError } from "../../common/errors.ts";
import type { IcebergType, NestedField } from "../../iceberg/types.ts";
import type { PhysicalField } from "./parquet-schema.ts";
import { identifier, literal } from "./text.ts";
import { duckdbType } from "./types.ts";

/** Whether the engine, which matches names below the top level, reads the column right by itself. */
export function readsByName(type: IcebergType, physical: PhysicalField): boolean {
  if (typeof type === "string") return leafConversion(type, physical) === null;
  if (physical.kind !== type.type) return false;
  switch (type.type) {
    case "list":
      return readsByName(type.element, physical.children[0]!);
    case "map":
      return readsByName(type.key, physical.children[0]!) && readsByName(type.value, physical.children[1]!);
    case "struct":
    default:
      // With no field in common the engine refuses the cast.
      return (
        type.fields.some((field) => physical.children.some(({ id }) => id === field.id)) &&
        type.fields.every((field) => fieldReadsByName(field, physical.children))
      );
  }
}

function fieldReadsByName(field: NestedField, children: readonly PhysicalField[]): boolean {
  const child = children.find(({ id }) => id === field.id);
  if (child) return child.name === field.name && readsByName(field.type, child);
  const takesAnother = children.some(({ name }) => name.toLowerCase() === field.name.toLowerCase());
  return !takesAnother && !hasDefault(field);
}

/** The engine type to read the column as: the file's names with the table's types, dropped fields left out. */
export function physicalType(type: IcebergType, physical: PhysicalField): string {
  if (typeof type === "string")
    return leafConversion(type, physical) === null ? duckdbType(type) : physical.type!;
  if (physical.kind !== type.type) throw misfit(type.type, physical);
  switch (type.type) {
    case "list":
      return `${physicalType(type.element, physical.children[0]!)}[]`;
    case "map":
      return `MAP(${physicalType(type.key, physical.children[0]!)}, ${physicalType(type.value, physical.children[1]!)})`;
    case "struct":
    default: {
      const fields = type.fields.flatMap((field) => {
        const child = physical.children.find(({ id }) => id === field.id);
        return child ? [`${identifier(child.name)} ${physicalType(field.type, child)}`] : [];
      });
      if (fields.length > 0) return `STRUCT(${fields.join(", ")})`;
      // No field is left, but whether the struct itself is null must still be seen.
      const [witness] = physical.children;
      return `STRUCT(${identifier(witness!.name)} ${storedType(witness!)})`;
    }
  }
}

function storedType({ kind, type, children }: PhysicalField): string {
  const parts = children.map(storedType);
  switch (kind) {
    case "primitive":
      return type!;
    case "list":
      return `${parts[0]}[]`;
    case "map":
      return `MAP(${parts[0]}, ${parts[1]})`;
    case "struct":
      return `STRUCT(${children.map(({ name }, index) => `${identifier(name)} ${parts[index]}`).join(", ")})`;
  }
}

/** Rebuilds a value that was read as `physicalType` in the table's own type. */
export function rebuilt(expression: string, type: IcebergType, physical: PhysicalField): string {
  if (typeof type === "string") {
    const conversion = leafConversion(type, physical);
    return conversion === null ? expression : conversion(expression);
  }
  if (readsByName(type, physical) && duckdbType(type) === physicalType(type, physical)) return expression;
  switch (type.type) {
    case "list": {
      const variable = `e${physical.id ?? 0}`;
      return `list_transform(${expression}, lambda ${variable}: ${rebuilt(variable, type.element, physical.children[0]!)})`;
    }
    case "map": {
      const variable = `e${physical.id ?? 0}`;
      const key = rebuilt(`${variable}.key`, type.key, physical.children[0]!);
      const value = rebuilt(`${variable}.value`, type.value, physical.children[1]!);
      return `map_from_entries(list_transform(map_entries(${expression}), lambda ${variable}: {k: ${key}, v: ${value}}))`;
    }
    case "struct":
    default: {
      const fields = type.fields.map((field) => {
        const child = physical.children.find(({ id }) => id === field.id);
        const value = child
          ? rebuilt(`struct_extract(${expression}, ${literal(child.name)})`, field.type, child)
          : missingValue(field);
        return `${identifier(field.name)} := ${value}`;
      });
      return `case when ${expression} is null then null else struct_pack(${fields.join(", ")}) end`;
    }
  }
}

type Default = "initial-default" | "write-default";

/** What a file that was written before the field existed has for it, or a row without a value: the default, or null. */
export function missingValue(field: NestedField, which: Default = "initial-default"): string {
  const type = duckdbType(field.type);
  if (!hasDefault(field, which)) return `cast(null as ${type})`;
  const text = defaultText(field, which);
  return type === "BLOB" ? `from_hex(${literal(text)})` : `cast(${literal(text)} as ${type})`;
}

/** The default as text; its JSON form is one that the engine casts (bytes are hex digits). */
export function defaultText(field: NestedField, which: Default = "initial-default"): string {
  const value = field[which];
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint")
    return String(value);
  throw lakeError("compute/unsupported-feature", { what: `a nested ${which} (of ${field.name})` });
}

export function hasDefault(field: NestedField, which: Default = "initial-default"): boolean {
  return field[which] !== undefined && field[which] !== null;
}

type Conversion = (expression: string) => string;

/** How a leaf is turned into its type where the engine's own cast would change its meaning, or null. */
function leafConversion(type: string, physical: PhysicalField): Conversion | null {
  const stored = physical.type ?? "";
  if (physical.kind !== "primitive") throw misfit(type, physical);
  const hasZone = stored === "TIMESTAMP WITH TIME ZONE";
  // Spark's INT96 and unannotated timestamps are instants in UTC; a cast would take the session's zone.
  if (type === "timestamptz" && stored.startsWith("TIMESTAMP") && !hasZone)
    return (e) => `(${e} at time zone 'UTC')`;
  if (type === "timestamp" && hasZone) return (e) => `(${e} at time zone 'UTC')`;
  // A cast between text and bytes goes through escapes.
  if (type === "string" && stored === "BLOB") return (e) => `decode(${e})`;
  if ((type === "binary" || type.startsWith("fixed[")) && stored === "VARCHAR") return (e) => `encode(${e})`;
  if (type === "uuid" && stored === "BLOB") return (e) => `cast(lower(hex(${e})) as uuid)`;
  return null;
}

function misfit(expected: string, physical: PhysicalField): Error {
  return lakeError("compute/failed", {
    message: `field ${physical.name} (id ${physical.id}) is a ${physical.kind} in a data file; the table's schema has ${expected}`,
  });
}
