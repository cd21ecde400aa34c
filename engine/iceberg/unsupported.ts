// What cannot be read is refused by name, before a file is opened: never misread.
import { lakeError } from "../common/errors.ts";
import { fieldsById } from "./field-ids.ts";
import { typeText } from "./type-text.ts";
import type { DataFile, Schema } from "./types.ts";

export function refuseUnreadableTypes(schema: Schema, path: string): void {
  for (const { field, path: column } of fieldsById(schema).values()) {
    const type = typeText(field.type);
    if (!/^(variant|geometry|geography|timestamptz_ns)/.test(type)) continue;
    throw lakeError("iceberg/unsupported-feature", {
      feature: `the type ${type} (column ${column.join(".")})`,
      path,
    });
  }
}

export function refuseUnreadableFile(file: DataFile): void {
  refuseEncrypted(file.keyMetadata, file.path);
  if (file.format.toUpperCase() === "PARQUET") return;
  throw lakeError(
    "iceberg/unsupported-feature",
    { feature: `data files in ${file.format}`, path: file.path },
    {
      hint: "have the engine that wrote it write Parquet: in Spark set write.format.default to parquet, and call rewrite_data_files with rewrite-all",
    },
  );
}

export function refuseEncrypted(keyMetadata: Uint8Array | undefined, path: string): void {
  if (keyMetadata === undefined || keyMetadata.length === 0) return;
  throw lakeError("iceberg/unsupported-feature", { feature: "encryption (key_metadata)", path });
}
