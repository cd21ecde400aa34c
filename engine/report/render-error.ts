// Failures as people read them: code, message, place, the line itself, and what to do.
import type { LakeError, Location } from "../common/errors.ts";
import { displayWidth, type Style } from "./style.ts";

/** Reads one line (from 1) of a file as `Location` names it; undefined when it cannot be had. */
type ReadLine = (file: string, line: number) => string | undefined;

export interface ErrorView {
  readonly style: Style;
  readonly readLine: ReadLine;
}

const longestLine = 160;

/** One error, or each of those that it holds, with a blank line between. */
export function renderError(error: LakeError, view: ErrorView): string {
  if (error.errors.length === 0) return renderOne(error, view);
  const blocks = error.errors.map((inner) => renderError(inner, view));
  const { red, cyan } = view.style;
  const hint = error.hint === undefined ? "" : `\n${cyan("hint:")} ${error.hint}`;
  return [...blocks, `${red(error.message)}${hint}`].join("\n\n");
}

/** The lines under `error[code] message` for a place: arrow, source line and caret. */
function renderLocation(at: Location, view: ErrorView): string[] {
  const { style } = view;
  const place = [at.file, at.line, at.column].filter((part) => part !== undefined).join(":");
  if (at.line === undefined) return [`${style.dim("-->")} ${place}`];
  const source = view.readLine(at.file, at.line);
  const gutter = String(at.line).length;
  const arrow = `${" ".repeat(gutter)}${style.dim("-->")} ${place}`;
  if (source === undefined) return [arrow];
  const bar = style.dim("|");
  const { text, column } = excerpt(source, at.column);
  const lines = [
    arrow,
    `${" ".repeat(gutter)} ${bar}`,
    `${style.dim(String(at.line))} ${bar} ${text}`.trimEnd(),
  ];
  // A column behind the line's end means a file that has changed since it was read.
  if (column !== undefined && column <= text.length + 1) {
    const before = " ".repeat(displayWidth(text.slice(0, column - 1)));
    lines.push(`${" ".repeat(gutter)} ${bar} ${before}${style.red("^")}`);
  }
  return lines;
}

function renderOne(error: LakeError, view: ErrorView): string {
  const { style } = view;
  const lines = [`${style.red(`error[${error.code}]`)} ${style.bold(error.message)}`];
  if (error.at !== undefined) lines.push(...renderLocation(error.at, view));
  if (error.hint !== undefined) lines.push(`${style.cyan("hint:")} ${error.hint}`);
  return lines.join("\n");
}

/** Tabs as one blank each, and only the part around the column of a line that is too long to show. */
function excerpt(source: string, column: number | undefined): { text: string; column: number | undefined } {
  const line = source.replaceAll("\t", " ");
  if (line.length <= longestLine) return { text: line, column };
  const start = Math.max(0, (column ?? 1) - 1 - longestLine / 2);
  const end = start + longestLine;
  const text = `${start > 0 ? "…" : ""}${line.slice(start, end)}${end < line.length ? "…" : ""}`;
  return { text, column: column === undefined ? undefined : column - start + (start > 0 ? 1 : 0) };
}
