// The engine names the value that a cast could not convert, and no place that can be trusted: its position
// counts from the start of whichever statement it parsed last. The text says where, if it can mean one cast only.
import { isLakeError, LakeError } from "../../common/errors.ts";

export interface CastText {
  readonly sql: string;
}

export interface CastPlace<T extends CastText> {
  readonly text: T;
  readonly positionBytes: number;
}

/** The one cast of the texts that the failure can mean; null if there are several, or none. */
export function castPlace<T extends CastText>(error: unknown, texts: readonly T[]): CastPlace<T> | null {
  if (!isLakeError(error, "compute/bad-value") || error.positionBytes !== undefined) return null;
  if (!/convert|cast|out of range|invalid .*(format|value)/i.test(error.message)) return null;
  const column = /casting from source column "?([^"]+)"?$/.exec(error.message)?.[1];
  const found = texts.flatMap((text) => castsOf(text.sql, column).map((offset) => ({ text, offset })));
  const [only] = found;
  if (only === undefined || found.length > 1) return null;
  return { text: only.text, positionBytes: Buffer.byteLength(only.text.sql.slice(0, only.offset)) };
}

export function withPosition(error: LakeError, positionBytes: number): LakeError {
  const { code, message, hint, cause, retryable } = error;
  return new LakeError(code, message, { hint, cause, retryable, positionBytes });
}

/** Where `…::type` and `cast(… as type)` stand, only those of the column where it is known; not in comments. */
function castsOf(sql: string, column: string | undefined): number[] {
  const code = sql.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, (comment) => " ".repeat(comment.length));
  const name = column === undefined ? undefined : column.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const operand = name === undefined ? "" : `\\b${name}"?\\s*`;
  const argument = name === undefined ? "" : `\\s*(?:"?\\w+"?\\.)?"?${name}"?\\s+as\\b`;
  const expression = new RegExp(`${operand}::|(?<![\\w])cast\\s*\\(${argument}`, "gi");
  return [...code.matchAll(expression)].map(({ index }) => index);
}
