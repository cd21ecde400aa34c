import { lakeError } from "../common/errors.ts";
import type { IcebergType } from "./types.ts";

export function transformSql(transform: string, columnSql: string, _sourceType: IcebergType): string {
  if (transform === "identity") return columnSql;
  throw lakeError("iceberg/unknown-transform", { transform });
}
