// What `lake diff` found, for people and for a comment on a pull request.
import { formatCount, formatQuantity } from "../common/format.ts";
import type { TableDiff } from "../run/tables/diff-tables.ts";
import type { Style } from "./style.ts";
import { renderTextTable } from "./text-table.ts";

export function renderDiff(diffs: readonly TableDiff[], from: string, style: Style): string {
  const shown = diffs.filter(({ status }) => status !== "same");
  const same = formatQuantity(diffs.length - shown.length, "table");
  if (shown.length === 0) return `no difference to ${from} in ${same}`;
  const table = renderTextTable({
    columns: [
      { title: "table" },
      { title: "rows added", align: "right" },
      { title: "removed", align: "right" },
      { title: "changed", align: "right" },
      { title: "files read", align: "right" },
      { title: "columns" },
    ],
    rows: shown.map((diff) => [diff.node, ...cells(diff)]),
    style,
  });
  const details = shown.flatMap((diff) => detailLines(diff).map((line) => `  ${diff.node}: ${line}`));
  return [
    table,
    ...(details.length > 0 ? ["", ...details] : []),
    "",
    `${same} without a difference to ${from}`,
  ].join("\n");
}

function cells({ status, rows, files, schema }: TableDiff): string[] {
  if (status === "new" || status === "missing")
    return ["", "", "", "", status === "new" ? "new table" : "not here"];
  return [
    formatCount(rows.added),
    formatCount(rows.removed),
    formatCount(rows.changed),
    `${formatCount(files.read)} (${formatCount(files.shared)} shared)`,
    [
      ...schema.added.map((name) => `+${name}`),
      ...schema.removed.map((name) => `-${name}`),
      ...schema.changed.map(([name, before, after]) => `${name} ${before} → ${after}`),
    ].join(", "),
  ];
}

function detailLines({ columns, examples, key, rows }: TableDiff): string[] {
  const by = key.join(", ");
  return [
    ...columns.map(({ name, rows: count, examples: some }) => {
      const shown = some.map(
        ([row, before, after]) => `${by} ${row}: ${before ?? "null"} → ${after ?? "null"}`,
      );
      return `${name} differs in ${formatQuantity(count, "row")} (${shown.join("; ")})`;
    }),
    ...(examples.added.length > 0 ? [`added, for example ${by} ${examples.added.join("; ")}`] : []),
    ...(examples.removed.length > 0 ? [`removed, for example ${by} ${examples.removed.join("; ")}`] : []),
    ...(key.length === 0 && rows.added + rows.removed > 0
      ? ["rows are compared as wholes: it has no unique key (--key gives one)"]
      : []),
  ];
}

/** For a comment on a pull request: the table open, examples folded. */
export function renderDiffMarkdown(diffs: readonly TableDiff[], from: string): string {
  const shown = diffs.filter(({ status }) => status !== "same");
  const title = `### Data compared with \`${from}\``;
  const same = formatQuantity(diffs.length - shown.length, "table");
  if (shown.length === 0) return `${title}\n\nNo difference in ${same}.`;
  const rows = shown.map((diff) => `| ${[`\`${diff.node}\``, ...cells(diff).map(plain)].join(" | ")} |`);
  const details = shown.flatMap((diff) =>
    detailLines(diff).map((line) => `- \`${diff.node}\`: ${plain(line)}`),
  );
  return [
    title,
    "",
    "| table | rows added | removed | changed | files read | columns |",
    "| --- | ---: | ---: | ---: | ---: | --- |",
    ...rows,
    ...(details.length > 0
      ? ["", "<details><summary>Examples</summary>", "", ...details, "", "</details>"]
      : []),
    "",
    `${same} without a difference.`,
  ].join("\n");
}

/** Values of the data must not become markup. */
function plain(text: string): string {
  return text
    .replace(/[\\|<>`*_[\]@#]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/\s+/g, " ");
}
