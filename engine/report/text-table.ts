import { displayWidth, padEnd, padStart, type Style } from "./style.ts";

export interface TableColumn {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** Rows under dimmed titles, two spaces apart; the last column is not padded. */
export function renderTextTable(options: {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly string[])[];
  readonly style: Style;
  readonly indent?: string;
}): string {
  const { columns, rows, style } = options;
  const indent = options.indent ?? "";
  const widths = columns.map((column, index) =>
    Math.max(displayWidth(column.title), ...rows.map((row) => displayWidth(row[index] ?? ""))),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, index) => {
        const width = widths[index] ?? 0;
        const cell = cells[index] ?? "";
        return column.align === "right" ? padStart(cell, width) : padEnd(cell, width);
      })
      .join("  ")
      .trimEnd();
  return [
    indent + style.dim(line(columns.map((column) => column.title))),
    ...rows.map((row) => indent + line(row)),
  ].join("\n");
}
