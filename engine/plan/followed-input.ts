// An input whose changes a model follows: whether what it was when the model was built last can still be told.
import { childFields } from "../iceberg/field-ids.ts";
import { widens } from "../iceberg/type-promotion.ts";
import type { IcebergType, NestedField, TableMetadata } from "../iceberg/types.ts";
import { parseVersion, snapshotOfVersion } from "./table-state.ts";

/** Why not, for people; null if all is well. */
export function whyLost(input: {
  readonly name: string;
  /** Its version when the model was built last. */
  readonly recorded: string | undefined;
  /** As the catalog has it now. */
  readonly metadata: TableMetadata | undefined;
}): string | null {
  const { name, recorded, metadata } = input;
  if (recorded === undefined) return `${name} is a new input`;
  const version = parseVersion(recorded);
  if (metadata === undefined || version === null) return `${name} was made anew`;
  if (snapshotOfVersion(metadata, recorded) === undefined)
    return version.uuid === metadata["table-uuid"]
      ? `snapshot ${version.snapshotId} of ${name} has expired`
      : `${name} was made anew`;
  const schemaOf = (id: number) => metadata.schemas.find((schema) => schema["schema-id"] === id);
  const [before, now] = [schemaOf(version.schemaId), schemaOf(metadata["current-schema-id"])];
  const same = before !== undefined && now !== undefined && meansTheSame(before, now);
  return same ? null : `columns of ${name} changed their meaning`;
}

/**
 * Whether rows that were read under the one type read the same under the other, apart from columns that came
 * empty or went: names are the same by field id, and types are the same or wider.
 */
export function meansTheSame(before: IcebergType, now: IcebergType): boolean {
  if (typeof before === "string" || typeof now === "string") return before === now || widens(before, now);
  if (before.type !== now.type) return false;
  const known = new Map(childFields(before).map((field) => [field.id, field]));
  return childFields(now).every((field) => {
    const earlier = known.get(field.id);
    return earlier === undefined
      ? isEmpty(field)
      : earlier.name === field.name && meansTheSame(earlier.type, field.type);
  });
}

/** In rows that are older than the column. */
function isEmpty(field: NestedField): boolean {
  return field["initial-default"] === undefined || field["initial-default"] === null;
}
