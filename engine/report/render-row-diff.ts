import { formatQuantity } from "../common/format.ts";
import type { RowDiff } from "../run/types.ts";
import { createStyle, truncate, type Style } from "./style.ts";
import { renderTextTable } from "./text-table.ts";

const marks = { added: "+", missing: "-", changed: "~" } as const;
const cellCells = 60;

/** What a unit test found, aligned: `+` only in the result, `-` only expected, `~` changed. */
export function renderRowDiff(diff: RowDiff, style: Style = createStyle(false)): string {
  const paint = { added: style.green, missing: style.red, changed: style.yellow } as const;
  const rows = diff.rows.map(({ kind, cells }) => [
    paint[kind](marks[kind]),
    ...cells.map((cell) => {
      const text = truncate(cell, cellCells);
      const changed = kind === "changed" && cell.includes(" → ");
      return kind !== "changed" || changed ? paint[kind](text) : text;
    }),
  ]);
  const columns = [{ title: "" }, ...diff.columns.map((title) => ({ title }))];
  const lines = [
    style.dim("  + only in the result, - only expected, ~ expected → result"),
    renderTextTable({ columns, rows, style, indent: "  " }),
  ];
  if (diff.more > 0) lines.push(`  … and ${formatQuantity(diff.more, "row")} more`);
  return lines.join("\n");
}
