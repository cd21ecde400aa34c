// A table's snapshots, refs and moves as a table for people.
import { tableName } from "../catalog/catalog.ts";
import { formatAge, formatCount, formatMoment } from "../common/format.ts";
import type { HistoryEntry, TableHistory } from "../run/tables/table-history.ts";
import type { Style } from "./style.ts";
import { renderTextTable } from "./text-table.ts";

export function renderHistory(
  history: TableHistory,
  options: { readonly style: Style; readonly timeZone: string; readonly limit?: number },
): string {
  const { style, timeZone } = options;
  const shown = history.snapshots.slice(0, options.limit);
  const left = history.snapshots.length - shown.length;
  const table = renderTextTable({
    columns: [
      { title: "snapshot", align: "right" },
      { title: "when" },
      { title: "did" },
      { title: "rows", align: "right" },
      { title: "files", align: "right" },
      { title: "total", align: "right" },
      { title: "run" },
      { title: "model" },
      { title: "who" },
      { title: "refs" },
    ],
    rows: shown.map((entry) => rowOf(entry, timeZone)),
    style,
  });
  const more = left > 0 ? `\n${style.dim(`(${formatCount(left)} older; --limit shows more)`)}` : "";
  const refs = refLines(history.refs);
  return `${style.bold(tableName(history.table))}\n${table}${more}${refs === "" ? "" : `\n\n${refs}`}`;
}

function rowOf(entry: HistoryEntry, timeZone: string): string[] {
  const marks = [
    ...(entry.state === "current" ? ["main"] : []),
    ...entry.refs,
    ...(entry.state === "aside" && entry.refs.length === 0 ? ["(rolled back)"] : []),
  ];
  return [
    String(entry.snapshotId),
    formatMoment(entry.timestampMs, timeZone),
    entry.operation,
    difference(entry.rowsAdded, entry.rowsRemoved),
    difference(entry.filesAdded + entry.deleteFilesAdded, entry.filesRemoved + entry.deleteFilesRemoved),
    entry.rowsTotal === null ? "?" : formatCount(entry.rowsTotal),
    entry.runId?.slice(0, 8) ?? "-",
    entry.fingerprint?.slice(0, 8) ?? "-",
    entry.who ?? "-",
    marks.join(", "),
  ];
}

function difference(added: bigint, removed: bigint): string {
  const parts = [
    ...(added > 0n ? [`+${formatCount(added)}`] : []),
    ...(removed > 0n ? [`-${formatCount(removed)}`] : []),
  ];
  return parts.length === 0 ? "0" : parts.join(" ");
}

/** Tags and branches that say how long they keep something. */
function refLines(refs: TableHistory["refs"]): string {
  return Object.entries(refs)
    .filter(([name]) => name !== "main")
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([name, reference]) =>
        `${reference.type} ${name} at ${reference["snapshot-id"]}${retentionText(reference)}`,
    )
    .join("\n");
}

export function retentionText(reference: TableHistory["refs"][string]): string {
  const parts = [
    ...(reference["max-ref-age-ms"] === undefined ? [] : [`kept ${formatAge(reference["max-ref-age-ms"])}`]),
    ...(reference["min-snapshots-to-keep"] === undefined
      ? []
      : [`at least ${reference["min-snapshots-to-keep"]} snapshots`]),
    ...(reference["max-snapshot-age-ms"] === undefined
      ? []
      : [`snapshots of ${formatAge(reference["max-snapshot-age-ms"])}`]),
  ];
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}
