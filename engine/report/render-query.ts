// Answers of `show`, `query` and operations: a table for people, JSON and CSV for programs.
import type { QueryResult } from "../compute/compute.ts";
import { formatQuantity } from "../common/format.ts";
import { toJsonText } from "./json-text.ts";
import { truncate, type Style } from "./style.ts";
import { renderTextTable } from "./text-table.ts";

export type QueryFormat = "table" | "json" | "csv";

const cellWidth = 60;

export function renderQuery(result: QueryResult, options: { format: QueryFormat; style: Style }): string {
  switch (options.format) {
    case "json":
      return toJsonText(rowObjects(result), 2);
    case "csv":
      return [
        result.columns.map((column) => csvCell(column.name)).join(","),
        ...result.rows.map((row) => row.map((value) => csvCell(plainText(value))).join(",")),
      ].join("\n");
    case "table":
      return renderRows(result, options.style);
  }
}

function rowObjects(result: QueryResult): Record<string, unknown>[] {
  return result.rows.map((row) =>
    Object.fromEntries(result.columns.map((column, index) => [column.name, row[index] ?? null])),
  );
}

function renderRows(result: QueryResult, style: Style): string {
  if (result.columns.length === 0) return "";
  const table = renderTextTable({
    columns: result.columns.map((column) => ({
      title: column.name,
      align: isNumeric(column.type) ? ("right" as const) : ("left" as const),
    })),
    rows: result.rows.map((row) => row.map((value) => cellText(value))),
    style,
  });
  return `${table}\n${style.dim(`(${formatQuantity(result.rows.length, "row")})`)}`;
}

function isNumeric(type: string): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\([^[\]]*\))$/i.test(type);
}

/** One line, and not longer than a column can be. */
function cellText(value: unknown): string {
  const text = value === null || value === undefined ? "null" : plainText(value);
  // oxlint-disable-next-line no-control-regex
  return truncate(text.replaceAll(/[\u0000-\u001F\u007F]+/g, " "), cellWidth);
}

function plainText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : toJsonText(value).replace(/^"(-?\d+)"$/, "$1");
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
