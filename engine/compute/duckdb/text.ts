// Values and names as SQL text: the only place where either is put between quotes.
import type { IcebergType, Value } from "../../iceberg/types.ts";

/** A name as one quoted identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Text as a string literal. */
export function literal(text: string): string {
  if (text.includes("\0")) {
    // The parser ends a statement at NUL.
    return `(${text
      .split("\0")
      .map((part) => literal(part))
      .join(" || chr(0) || ")})`;
  }
  return `'${text.replaceAll("'", "''")}'`;
}

/** A value in the form that `iceberg/types.ts` gives it, as an expression of the engine's type for it. */
export function valueLiteral(value: Value, type: IcebergType): string {
  if (value === null) return "null";
  if (typeof type !== "string") return literal(String(value));
  if (value instanceof Uint8Array) return `from_hex('${Buffer.from(value).toString("hex")}')`;
  switch (type as string) {
    case "boolean":
      return value === true ? "true" : "false";
    case "int":
    case "long":
      return whole(value).toString();
    case "float":
    case "double":
      return `${floatLiteral(Number(value))}::${type}`;
    case "date":
      return `(date '1970-01-01' + ${Number(value)})`;
    case "time":
      return `(time '00:00:00' + to_microseconds(${whole(value)}))`;
    case "timestamp":
      return `make_timestamp(${whole(value)})`;
    case "timestamptz":
      return `make_timestamptz(${whole(value)})`;
    case "timestamp_ns":
      return `make_timestamp_ns(${whole(value)})`;
    case "uuid":
      return `${literal(String(value))}::uuid`;
    default:
      return decimalOrText(value, type);
  }
}

function decimalOrText(value: Exclude<Value, null | Uint8Array>, type: string): string {
  const decimal = /^decimal\((\d+), *(\d+)\)$/.exec(type);
  if (decimal)
    return `'${decimalText(whole(value), Number(decimal[2]))}'::decimal(${decimal[1]},${decimal[2]})`;
  return literal(String(value));
}

/** Fails for what is no whole number, instead of putting it into a statement. */
function whole(value: Exclude<Value, null | Uint8Array>): bigint {
  return BigInt(value);
}

function floatLiteral(value: number): string {
  if (Number.isNaN(value)) return "'nan'";
  if (!Number.isFinite(value)) return value > 0 ? "'inf'" : "'-inf'";
  return Object.is(value, -0) ? "'-0.0'" : `'${value}'`;
}

/** An unscaled decimal as digits with its point. */
export function decimalText(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? "-" : "";
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
