// Partition transforms as expressions of DuckDB's SQL, equal to `transforms.ts` for every value.
import { lakeError } from "../common/errors.ts";
import { murmur3Sql } from "./murmur3-sql.ts";
import { applyTransform, parseTransform, transformResultType } from "./transform.ts";
import { decimalOf, typeText } from "./type-text.ts";
import type { IcebergType } from "./types.ts";
import { valueToSqlLiteral } from "./values.ts";

/**
 * An expression for the partition value of `columnSql`, whatever the session's time zone. Null gives
 * null. Errors as `transformResultType`, and `iceberg/transform-type` for types that DuckDB lacks.
 */
export function transformSql(transform: string, columnSql: string, sourceType: IcebergType): string {
  const result = transformResultType(transform, sourceType);
  const parsed = parseTransform(transform);
  const column = /^\w+$|^"(?:[^"]|"")*"$/.test(columnSql) ? columnSql : `(${columnSql})`;
  switch (parsed.kind) {
    case "identity":
      return columnSql;
    case "void":
      return valueToSqlLiteral(result, null);
    case "truncate":
      return truncateSql(column, sourceType, parsed.width);
    case "bucket": {
      const bucket = `((${murmur3Sql(column, sourceType, microsSql)} & 2147483647) % ${parsed.width})::INTEGER`;
      return isTime(sourceType) ? withInfinities(transform, column, sourceType, bucket) : bucket;
    }
    case "year":
    case "month":
    case "day":
    case "hour":
      return withInfinities(transform, column, sourceType, ordinalSql(parsed.kind, column, sourceType));
    case "unknown":
      throw lakeError("iceberg/unknown-transform", { transform });
  }
}

function isTime(type: IcebergType): boolean {
  return type === "date" || (typeof type === "string" && type.startsWith("timestamp"));
}

/** DuckDB computes with neither infinity, though files hold them as the largest and smallest numbers. */
function withInfinities(transform: string, column: string, type: IcebergType, finite: string): string {
  const result = transformResultType(transform, type);
  // A day beyond the engine's dates stays what it is: the largest date.
  if (transform === "day" && type === "date") return column;
  const limit = type === "date" ? 2_147_483_647 : 9_223_372_036_854_775_807n;
  const at = (value: number | bigint): string =>
    valueToSqlLiteral(result, applyTransform(transform, type, value));
  const above = `${column} > ${valueToSqlLiteral(type === "timestamptz" ? "timestamptz" : "date", type === "timestamptz" ? 0n : 0)}`;
  return `CASE WHEN isinf(${column}) THEN CASE WHEN ${above} THEN ${at(limit)} ELSE ${at(-limit)} END ELSE ${finite} END`;
}

/** Rounds down; `//` rounds towards zero. */
function floorDivideSql(value: string, divisor: number): string {
  return `((${value} - ((${value} % ${divisor}) + ${divisor}) % ${divisor}) // ${divisor})`;
}

/** Microseconds since the epoch, in UTC. */
function microsSql(column: string, type: IcebergType): string {
  switch (type) {
    case "time":
    case "timestamp":
    case "timestamptz":
      return `epoch_us(${column})`;
    case "timestamp_ns":
      return floorDivideSql(`epoch_ns(${column})`, 1000);
    default:
      // The engine has no type for zoned nanoseconds.
      throw lakeError("iceberg/transform-type", {
        transform: "a time transform",
        column,
        type: typeText(type),
      });
  }
}

function ordinalSql(kind: "year" | "month" | "day" | "hour", column: string, type: IcebergType): string {
  if (kind === "hour") {
    const micros = microsSql(column, type);
    const hours = floorDivideSql(micros, 3_600_000_000);
    const tooHigh = `${micros} >= 7730941129200000000 THEN 2147483647`;
    const tooLow = `${micros} < -7730941132800000000 THEN -2147483648`;
    return `(CASE WHEN ${tooHigh} WHEN ${tooLow} ELSE ${hours} END)::INTEGER`;
  }
  // make_timestamp takes microseconds in UTC; a cast from timestamptz would go through the session's zone.
  const plain =
    type === "date" || type === "timestamp" ? column : `make_timestamp(${microsSql(column, type)})`;
  if (kind === "day") return `${plain}::DATE`;
  if (kind === "year") return `(year(${plain}) - 1970)::INTEGER`;
  return `((year(${plain}) - 1970) * 12 + month(${plain}) - 1)::INTEGER`;
}

function truncateSql(column: string, type: IcebergType, width: number): string {
  if (type === "string") return `left(${column}, ${width})`;
  if (type === "binary") return `${column}[1:${width}]`;
  const decimal = decimalOf(type);
  if (decimal) {
    // A width beyond the type's digits must not overflow it.
    const wide = `${column}::DECIMAL(38, ${decimal.scale})`;
    const step = valueToSqlLiteral(`decimal(38, ${decimal.scale})`, BigInt(width));
    return `(${wide} - ((${wide} % ${step}) + ${step}) % ${step})`;
  }
  const [name, smallest, range] =
    type === "int"
      ? ["INTEGER", -2_147_483_648n, 4_294_967_296n]
      : ["BIGINT", -9_223_372_036_854_775_808n, 18_446_744_073_709_551_616n];
  const down = (value: string): string =>
    `${value} - ((${value} % ${width}::BIGINT) + ${width}::BIGINT) % ${width}::BIGINT`;
  // Below the smallest number it wraps round, as in Java.
  const edge = `(${down(`${column}::HUGEINT`)} + CASE WHEN ${down(`${column}::HUGEINT`)} < ${smallest}::HUGEINT THEN ${range}::HUGEINT ELSE 0 END)`;
  return `(CASE WHEN ${column} >= ${smallest + BigInt(width)}::${name === "INTEGER" ? "BIGINT" : "HUGEINT"} THEN ${down(column)} ELSE ${edge} END)::${name}`;
}
