// What is wrong with one line of a landing file, in words: the engine says only that it made nothing of it.
import { isUtf8 } from "node:buffer";
import { isLakeError } from "../../common/errors.ts";
import { parseJson } from "../../common/json.ts";
import type { LandingColumn } from "../compute.ts";
import { unreadableReason } from "./landing.ts";

const shownCharacters = 80;
const quote = 0x22;
const backslash = 0x5c;

/** `reason` as the engine gave it, or what the bytes themselves show. */
export function recordReason(reason: string, bytes: Uint8Array, columns: readonly LandingColumn[]): string {
  if (reason !== unreadableReason) return reason;
  const text = Buffer.from(bytes).toString("utf8");
  const beginning = text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
  if (!isUtf8(bytes)) return `invalid UTF-8 at byte ${firstInvalid(bytes) + 1}, in ${beginning}`;
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    if (!isLakeError(error, "common/malformed-json")) throw error;
    return `${error.message.replace(/ at line \d+, column/, " at column")}, in ${beginning}`;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return `expected a JSON object, found ${beginning}`;
  const required = columns.find((column) => column.required === true);
  if (required !== undefined) return `${required.name} is missing, in ${beginning}`;
  return `none of the declared columns is there, in ${beginning}`;
}

function firstInvalid(bytes: Uint8Array): number {
  // Halving would be wrong: a cut inside a character makes a valid text invalid.
  const text = Buffer.from(bytes).toString("utf8");
  const valid = Buffer.from(text.slice(0, text.indexOf("\ufffd")), "utf8");
  return valid.length;
}

/** Whether the line ends inside an object, a list or a text, so that the lines after it could complete it. Such a
 *  line is never JSON by itself. */
export function endsInside(line: Uint8Array): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < line.length; at += 1) {
    const byte = line[at] as number;
    if (inText) {
      if (byte === backslash) at += 1;
      else if (byte === quote) inText = false;
    } else if (byte === quote) inText = true;
    else if (byte === 0x7b || byte === 0x5b) depth += 1;
    else if (byte === 0x7d || byte === 0x5d) {
      depth -= 1;
      if (depth < 0) return false;
    }
  }
  return inText || depth > 0;
}
