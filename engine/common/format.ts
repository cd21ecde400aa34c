// How figures are written for people: `1,000,001`, `46.9 MB`, `4.2 s`.

/** `1,000,001`. */
export function formatCount(value: number | bigint): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 table`, `2 tables`, `1,000 files`; `plural` where an `s` does not do. */
export function formatQuantity(value: number | bigint, singular: string, plural = `${singular}s`): string {
  return `${formatCount(value)} ${Number(value) === 1 ? singular : plural}`;
}

const sizeUnits = ["bytes", "KB", "MB", "GB", "TB", "PB"];

/** `512 bytes`, `46.9 MB`: decimal units, three digits. */
export function formatSize(bytes: number | bigint): string {
  let value = Number(bytes);
  let unit = 0;
  // 999.95 would be rounded to 1000.0 of the smaller unit.
  while (value >= (unit === 0 ? 1000 : 999.95) && unit < sizeUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${sizeUnits[unit]}`;
}

/** `12 ms`, `4.2 s`, `3 min 05 s`, `2 h 04 min`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 99.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const twoDigits = (value: number): string => String(value).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${twoDigits(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

/** `2025-07-31 23:59:59 +09:00`, in the given time zone, else in the machine's. */
export function formatInstant(milliseconds: number, timeZone?: string): string {
  return instantText(milliseconds, timeZone, "");
}

/** `2025-07-31 23:59:59.042 +09:00`: exact enough to be given back, as in `--at`. */
export function formatMoment(milliseconds: number, timeZone?: string): string {
  const fraction = ((milliseconds % 1000) + 1000) % 1000;
  return instantText(milliseconds, timeZone, `.${String(fraction).padStart(3, "0")}`);
}

function instantText(milliseconds: number, timeZone: string | undefined, fraction: string): string {
  const parts = new Intl.DateTimeFormat("en-GB", {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZoneName: "longOffset",
    ...(timeZone !== undefined && { timeZone }),
  }).formatToParts(milliseconds);
  const part = (type: Intl.DateTimeFormatPartTypes): string =>
    parts.find((candidate) => candidate.type === type)?.value ?? "";
  const offset = part("timeZoneName").replace("GMT", "") || "+00:00";
  return `${part("year")}-${part("month")}-${part("day")} ${part("hour")}:${part("minute")}:${part("second")}${fraction} ${offset}`;
}

/** `3 hours`, `12 days`: the age of something, in the largest unit that fits. */
export function formatAge(milliseconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
  ];
  for (const [unit, size] of units) {
    if (milliseconds >= size) return formatQuantity(Math.floor(milliseconds / size), unit);
  }
  return formatQuantity(Math.max(0, Math.floor(milliseconds / 1000)), "second");
}
