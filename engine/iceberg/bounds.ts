// Shortened bounds: a lower bound may be any smaller value, an upper bound must stay above every value.
import { codePointPrefix } from "./transform.ts";
import type { Value } from "./types.ts";

/** The first `width` code points or bytes; other values whole. */
export function truncateLower(value: Value, width: number): Value {
  if (typeof value === "string") return codePointPrefix(value, width);
  return value instanceof Uint8Array ? value.subarray(0, width) : value;
}

/** Shortened and, where that made it smaller, incremented; undefined when nothing so short is above it. */
export function truncateUpper(value: Value, width: number): Value | undefined {
  if (typeof value === "string") {
    const prefix = codePointPrefix(value, width);
    return prefix.length === value.length ? value : incrementText(prefix);
  }
  if (value instanceof Uint8Array && value.length > width) return incrementBytes(value.subarray(0, width));
  return value;
}

function incrementText(text: string): string | undefined {
  const last = text.charCodeAt(text.length - 1);
  if (last < 0xd7ff) return text.slice(0, -1) + String.fromCharCode(last + 1);
  const points = Array.from(text);
  while (points.length > 0) {
    const next = (points.pop()?.codePointAt(0) as number) + 1;
    // Surrogates are no code points of UTF-8 (iceberg-java's UnicodeUtil skips them too).
    const valid = next >= 0xd800 && next <= 0xdfff ? 0xe000 : next;
    if (valid <= 0x10_ffff) return points.join("") + String.fromCodePoint(valid);
  }
  return undefined;
}

function incrementBytes(bytes: Uint8Array): Uint8Array | undefined {
  for (let last = bytes.length - 1; last >= 0; last--) {
    const byte = bytes[last] as number;
    if (byte === 0xff) continue;
    const result = bytes.slice(0, last + 1);
    result[last] = byte + 1;
    return result;
  }
  return undefined;
}
