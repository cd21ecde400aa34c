// What a run leaves on the screen: what was built, what failed and how to look at it, what to try next.
import { tableName } from "../catalog/catalog.ts";
import { formatCount, formatDuration, formatQuantity, formatSize } from "../common/format.ts";
import type { Graph } from "../graph/types.ts";
import type { NodeResult, RunResult, TableReport } from "../run/types.ts";
import { paintStatus, shortName } from "./event-lines.ts";
import { renderError, type ErrorView } from "./render-error.ts";
import { renderRowDiff } from "./render-row-diff.ts";
import { renderTextTable } from "./text-table.ts";

export interface SummaryOptions extends ErrorView {
  readonly graph: Graph;
}

/** The whole closing text, without a newline at its end. */
export function renderSummary(result: RunResult, options: SummaryOptions): string {
  const sections = [
    tableSection(result, options),
    problemSection(result, options),
    rejectedSection(result, options),
    `${headline(result, options)}\n${counts(result, options)}`.trimEnd(),
    nextSection(result, options),
  ];
  return sections.filter((section) => section !== "").join("\n\n");
}

type Built = NodeResult & { readonly table: TableReport };

function builtTables(result: RunResult): Built[] {
  return result.results.filter(
    (node): node is Built => node.table !== undefined && node.status !== "error" && node.status !== "skipped",
  );
}

function tableSection(result: RunResult, { style }: SummaryOptions): string {
  const built = builtTables(result);
  if (built.length === 0) return "";
  const total = (of: (table: TableReport) => number | bigint): bigint =>
    built.reduce((sum, node) => sum + BigInt(of(node.table)), 0n);
  const rows = built.map(({ table, status, elapsedMs }) => [
    tableName(table.identifier),
    formatCount(table.rowsTotal),
    status === "reused" ? "-" : `+${formatCount(table.rowsAdded)}`,
    formatCount(table.filesTotal),
    formatCount(table.partitions),
    formatSize(table.bytesTotal),
    table.snapshotId === null ? "-" : String(table.snapshotId),
    status === "reused" ? "up to date" : formatDuration(elapsedMs),
  ]);
  const totals = [
    "total",
    formatCount(total((table) => table.rowsTotal)),
    `+${formatCount(built.reduce((sum, node) => sum + (node.status === "reused" ? 0n : node.table.rowsAdded), 0n))}`,
    formatCount(total((table) => table.filesTotal)),
    "",
    formatSize(total((table) => table.bytesTotal)),
    "",
    formatDuration(result.elapsedMs),
  ];
  const title = result.published || result.success ? "" : `${style.yellow("staged, not published")}\n`;
  return (
    title +
    renderTextTable({
      columns: [
        { title: "table" },
        { title: "rows", align: "right" },
        { title: "new", align: "right" },
        { title: "files", align: "right" },
        { title: "partitions", align: "right" },
        { title: "size", align: "right" },
        { title: "snapshot", align: "right" },
        { title: "time", align: "right" },
      ],
      rows: built.length === 1 ? rows : [...rows, totals],
      style,
    })
  );
}

function problemSection(result: RunResult, options: SummaryOptions): string {
  const { graph, style } = options;
  const blocks = result.results.flatMap((node) => {
    if (node.status !== "error" && node.status !== "fail" && node.status !== "warn") return [];
    const title = `${paintStatus(node.status, node.status.toUpperCase(), style)} ${style.bold(shortName(node.uniqueId))}`;
    const lines = [title];
    if (node.error !== undefined) lines.push(renderError(node.error, options));
    else {
      lines.push(`  ${node.message}`);
      if (node.diff !== undefined) lines.push(renderRowDiff(node.diff, style));
      const project = graph.nodes.get(node.uniqueId);
      if (project?.resourceType === "test" || project?.resourceType === "unit_test") {
        lines.push(
          `  declared in ${project.at.file}${project.at.line === undefined ? "" : `:${project.at.line}`}`,
        );
      }
    }
    lines.push(...lookAt(node, result));
    return [lines.join("\n")];
  });
  if (result.error !== undefined) blocks.push(renderError(result.error, options));
  return blocks.join("\n\n");
}

/** How to see the rows behind a failure. */
function lookAt(node: NodeResult, result: RunResult): string[] {
  const lines: string[] = [];
  if (node.failuresTable !== undefined) lines.push(`  failing rows: table ${tableName(node.failuresTable)}`);
  else if (node.resourceType === "test" && node.error === undefined) {
    const staged = result.staged ? ` --run ${result.runId}` : "";
    lines.push(`  failing rows: lake show ${shortName(node.uniqueId)}${staged}`);
  }
  if (node.compiledPath !== undefined) lines.push(`  compiled SQL: ${node.compiledPath}`);
  return lines;
}

function rejectedSection(result: RunResult, { style }: SummaryOptions): string {
  return builtTables(result)
    .filter(({ table }) => table.rejectedRows > 0)
    .map(
      ({ table }) =>
        `${style.yellow("quarantined")} ${formatQuantity(table.rejectedRows, "line")} of the landing files of ${tableName(table.identifier)}`,
    )
    .join("\n");
}

function headline(result: RunResult, { style }: SummaryOptions): string {
  const time = style.dim(`in ${formatDuration(result.elapsedMs)}`);
  const tables = result.results.filter(({ resourceType }) =>
    ["model", "seed", "snapshot"].includes(resourceType),
  );
  const changed = tables.filter((node) => node.table !== undefined && node.status === "success").length;
  const reused = tables.filter((node) => node.status === "reused").length;
  if (result.results.length === 0) return `${style.yellow("Nothing to do:")} no node is selected`;
  if (!result.success) {
    const published = result.published
      ? "some tables were published, see above"
      : "nothing was published: every table is as it was before";
    return `${style.red("Failed")} ${time}: ${result.command === "test" ? "see above" : published}`;
  }
  if (result.command === "test") return `${style.green("Passed")} ${time}`;
  if (changed === 0 && reused > 0) {
    return `${style.green("Nothing new:")} ${formatQuantity(reused, "table")} up to date ${time}`;
  }
  const also = reused === 0 ? "" : `, ${formatCount(reused)} up to date`;
  return `${style.green("Done:")} ${formatQuantity(changed, "table")} built${also} ${time}`;
}

function counts(result: RunResult, { style }: SummaryOptions): string {
  const parts: string[] = [];
  const add = (status: NodeResult["status"], singular: string, plural: string): void => {
    const found = result.results.filter((node) => node.status === status).length;
    if (found > 0) parts.push(paintStatus(status, formatQuantity(found, singular, plural), style));
  };
  add("pass", "test passed", "tests passed");
  add("warn", "warning", "warnings");
  add("fail", "test failed", "tests failed");
  add("error", "error", "errors");
  add("reused", "unchanged", "unchanged");
  add("skipped", "skipped", "skipped");
  return parts.join(", ");
}

/** After a failure: how to look at what was staged, and how to go on without making it again. */
function goOn(result: RunResult, style: SummaryOptions["style"]): string {
  const [staged] = builtTables(result).slice(-1);
  if (!result.staged || staged === undefined) return "";
  return [
    style.dim("Go on"),
    `  lake show ${shortName(staged.uniqueId)} --run ${result.runId}`,
    "  mend it, then: lake retry     takes over what was staged and passed, builds the rest",
    "  lake staged                   what failed runs left, and how to remove it",
  ].join("\n");
}

function nextSection(result: RunResult, { graph, style }: SummaryOptions): string {
  if (result.command !== "build" && result.command !== "run") return "";
  if (!result.success) return goOn(result, style);
  const models = builtTables(result).filter((node) => node.resourceType === "model");
  const last = models.at(-1);
  if (last === undefined) return "";
  // The table that most depends on: changing its model shows what a selection does.
  const hub = models.reduce((best, node) =>
    (graph.children.get(node.uniqueId)?.length ?? 0) > (graph.children.get(best.uniqueId)?.length ?? 0)
      ? node
      : best,
  );
  const name = shortName(hub.uniqueId);
  return [
    style.dim("Try next"),
    `  lake show ${shortName(last.uniqueId)}`,
    `  lake query 'select count(*) from {{ref "${name}"}}'`,
    `  lake ls -s ${name}+`,
    `  edit ${graph.nodes.get(hub.uniqueId)?.path ?? "a model"}, then: lake build -s ${name}+`,
  ].join("\n");
}
