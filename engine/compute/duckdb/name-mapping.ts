// `schema.name-mapping.default`: field ids for files that carry none (tables migrated from Hive).
import { lakeError } from "../../common/errors.ts";
import type { PhysicalField, PhysicalSchema } from "./parquet-schema.ts";

interface MappedField {
  readonly "field-id"?: number;
  readonly names: readonly string[];
  readonly fields?: readonly MappedField[];
}

/** The same layout with the ids that the mapping gives to names. */
export function withMappedIds(physical: PhysicalSchema, mapping: unknown, path: string): PhysicalSchema {
  if (!Array.isArray(mapping)) {
    throw lakeError(
      "compute/no-field-ids",
      { path },
      { hint: "set the table property schema.name-mapping.default, as Spark's add_files does" },
    );
  }
  return {
    ...physical,
    fields: physical.fields.map((field) => withId(field, mapping as readonly MappedField[])),
  };
}

function withId(field: PhysicalField, mapping: readonly MappedField[]): PhysicalField {
  const mapped = mapping.find(({ names }) => names.includes(field.name));
  // Lists and maps are mapped by fixed names, whatever the file calls their parts.
  const names = field.kind === "list" ? ["element"] : field.kind === "map" ? ["key", "value"] : [];
  const children = field.children.map((child, index) => {
    const known = withId({ ...child, name: names[index] ?? child.name }, mapped?.fields ?? []);
    return { ...known, name: child.name };
  });
  return { ...field, id: mapped?.["field-id"] ?? null, children };
}
