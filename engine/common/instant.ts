// Instants as people write them: `2026-01-31`, `2026-01-31 09:30`, `2026-01-31T00:30:00.250Z`.

const written =
  /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?: ?(Z|[+-]\d{2}(?::?\d{2})?))?)?$/i;

/**
 * Milliseconds since the epoch, or null for a text that is no instant. A date alone is its first moment; without
 * an offset the text is the wall clock of `timeZone` (an IANA name). Digits below a millisecond are dropped.
 */
export function parseInstant(text: string, timeZone: string): number | null {
  const match = written.exec(text.trim());
  if (match === null) return null;
  const [, year = "", month = "", day = "", hour = "0", minute = "0", second = "0", fraction = "", offset] =
    match;
  const numbers = [year, month, day, hour, minute, second].map(Number);
  const [y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0] = numbers;
  const wallMs = Date.UTC(y, mo - 1, d, h, mi, s) + Number(fraction.padEnd(3, "0").slice(0, 3));
  const date = new Date(wallMs);
  const isReal = date.getUTCMonth() === mo - 1 && date.getUTCDate() === d && h < 24 && mi < 60 && s < 60;
  if (!isReal) return null;
  return offset === undefined ? fromWallClock(wallMs, timeZone) : wallMs - offsetMs(offset);
}

function offsetMs(offset: string): number {
  if (offset.toUpperCase() === "Z") return 0;
  const sign = offset.startsWith("-") ? -1 : 1;
  const digits = offset.replace(/\D/g, "").padEnd(4, "0");
  return sign * (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))) * 60_000;
}

/** Where a clock is set back the earlier of the two moments; where it is set forward the moment after the gap. */
function fromWallClock(wallMs: number, timeZone: string): number {
  const dayMs = 86_400_000;
  const before = wallMs - zoneOffsetMs(wallMs - dayMs, timeZone);
  if (before + zoneOffsetMs(before, timeZone) === wallMs) return before;
  return wallMs - zoneOffsetMs(wallMs + dayMs, timeZone);
}

function zoneOffsetMs(instantMs: number, timeZone: string): number {
  const name = new Intl.DateTimeFormat("en-GB", { timeZone, timeZoneName: "longOffset" })
    .formatToParts(instantMs)
    .find((part) => part.type === "timeZoneName")?.value;
  return offsetMs(name?.replace("GMT", "") || "Z");
}
