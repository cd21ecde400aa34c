// The engine's values as JSON holds them and people read them.
import type { DuckDBValue } from "@duckdb/node-api";

/**
 * Numbers that fit stay numbers, larger ones become text; decimals, times and uuids are text; timestamps
 * are ISO 8601 (with `Z` where they are instants); lists, structs and maps nest.
 */
export function plainValue(value: DuckDBValue): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean" || typeof value === "string") return value;
  // JSON has no words for what is not finite.
  if (typeof value === "number") return Number.isFinite(value) ? value : infiniteText(value);
  if (typeof value === "bigint") {
    const fits = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
    return fits ? Number(value) : String(value);
  }
  return plainObject(value);
}

function infiniteText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}

function plainObject(value: object): unknown {
  switch (value.constructor.name) {
    case "DuckDBListValue":
    case "DuckDBArrayValue":
      return (value as { items: readonly DuckDBValue[] }).items.map((item) => plainValue(item));
    case "DuckDBStructValue":
      return plainEntries((value as { entries: Record<string, DuckDBValue> }).entries);
    case "DuckDBMapValue":
      return plainMap((value as { entries: readonly { key: DuckDBValue; value: DuckDBValue }[] }).entries);
    case "DuckDBUnionValue":
      return plainValue((value as { value: DuckDBValue }).value);
    case "DuckDBTimestampTZValue":
      return instantText((value as { micros: bigint }).micros);
    case "DuckDBTimestampValue":
    case "DuckDBTimestampSecondsValue":
    case "DuckDBTimestampMillisecondsValue":
    case "DuckDBTimestampNanosecondsValue":
      return engineText(value).replace(" ", "T");
    case "DuckDBDateValue":
      return dateText((value as { days: number }).days, value);
    case "DuckDBBlobValue":
      return Buffer.from((value as { bytes: Uint8Array }).bytes).toString("hex");
    default:
      return engineText(value);
  }
}

function plainEntries(entries: Record<string, DuckDBValue>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(entries).map(([name, item]) => [name, plainValue(item)]));
}

/** Maps with text keys read as objects; others as lists of pairs, since JSON's keys are text. */
function plainMap(entries: readonly { key: DuckDBValue; value: DuckDBValue }[]): unknown {
  if (entries.every(({ key }) => typeof key === "string")) {
    return Object.fromEntries(entries.map(({ key, value }) => [String(key), plainValue(value)]));
  }
  return entries.map(({ key, value }) => ({ key: plainValue(key), value: plainValue(value) }));
}

const microsPerSecond = 1_000_000n;
const furthestDateMs = 8_640_000_000_000_000n;

/** Microseconds since the epoch as `2025-07-01T00:00:00.000001Z`; the fraction only where there is one. */
function instantText(micros: bigint): string {
  let seconds = micros / microsPerSecond;
  let fraction = micros % microsPerSecond;
  if (fraction < 0n) {
    seconds -= 1n;
    fraction += microsPerSecond;
  }
  if (seconds * 1000n > furthestDateMs || seconds * 1000n < -furthestDateMs) return infinityText(micros);
  const base = new Date(Number(seconds) * 1000).toISOString().slice(0, -5);
  const digits = fraction === 0n ? "" : `.${String(fraction).padStart(6, "0").replace(/0+$/, "")}`;
  return `${base}${digits}Z`;
}

const infiniteDays = 2147483647;

function dateText(days: number, value: object): string {
  if (Math.abs(days) < infiniteDays) return engineText(value);
  return days > 0 ? "infinity" : "-infinity";
}

function infinityText(micros: bigint): string {
  return micros > 0n ? "infinity" : "-infinity";
}

/** The package's value classes print themselves as the engine does. */
function engineText(value: object): string {
  return (value as { toString(): string }).toString();
}
