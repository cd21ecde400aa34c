// Spans of time as people write them in options and config: `3d`, `36h`, `90m`, `30s`.
import { lakeError } from "./errors.ts";

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds; null for what is no duration. */
export function durationMs(text: string): number | null {
  const [, number = "", unit = ""] =
    /^\s*(\d+(?:\.\d+)?)\s*([smhd])(?:ec(?:ond)?s?|in(?:ute)?s?|ours?|ays?)?\s*$/i.exec(text) ?? [];
  const factor = units[unit.toLowerCase()];
  return factor === undefined ? null : Number(number) * factor;
}

/** Milliseconds. `option` names, for messages, where the text stands. Errors: `upkeep/bad-duration`. */
export function parseDuration(option: string, text: string): number {
  const value = durationMs(text);
  if (value === null) throw lakeError("upkeep/bad-duration", { option, text });
  return value;
}
