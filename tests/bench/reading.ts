// Reading: planning a scan of 100,000 data files, and one hour of the 744-partition table, beside PyIceberg and
// plain DuckDB on the right files. Each is a process of its own, start-up included.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pyiceberg } from "../interop/pyiceberg.ts";
import { firstDay, writeManyFilesTable } from "./many-files-table.ts";
import { columns, inTurn, measure, row, table, type Measured } from "./measure.ts";
import { scratchProject } from "./scratch-project.ts";

const runs = Number(process.env["BENCH_RUNS"] ?? 5);
const events = Number(process.env["BENCH_EVENTS"] ?? 1_000_001);
const files = Number(process.env["BENCH_FILES"] ?? 100_000);

export async function reading(): Promise<string> {
  const python = await pyiceberg();
  return `${await planning(python)}\n\n${await oneHour(python)}`;
}

type Commands = Record<string, () => Promise<Measured>>;

async function planning(python: string | null): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "lake-bench-planning-"));
  try {
    const { metadataLocation } = writeManyFilesTable(folder, files);
    const script = path.join(import.meta.dirname, "plan-scan.ts");
    const commands: Commands = {};
    const filters = {
      "every file": [null, null],
      "one hour, a partition": [{ day: firstDay + 100, hour: 5 }, "day = '2025-01-12' and hour = 5"],
      "one value of a column that is no partition": [{ id: 5_000_000 }, "id = 5000000"],
    } as const;
    for (const [name, [ours, theirs]] of Object.entries(filters)) {
      commands[`lake, ${name}`] = () =>
        measure([process.execPath, script, metadataLocation, JSON.stringify(ours)], { cwd: folder });
      if (python === null) continue;
      commands[`PyIceberg, ${name}`] = () =>
        measure([python, "-c", planningInPython, `file://${metadataLocation}`, theirs ?? ""], {
          cwd: folder,
        });
    }
    return titled(
      `Planning a scan of ${files.toLocaleString("en")} data files`,
      await inTurn(runs, commands),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const planningInPython = `
import sys
from pyiceberg.table import StaticTable
table = StaticTable.from_metadata(sys.argv[1])
scan = table.scan(row_filter=sys.argv[2]) if sys.argv[2] else table.scan()
print(len(list(scan.plan_files())))
`;

async function oneHour(python: string | null): Promise<string> {
  using project = scratchProject();
  await project.lake("run-operation", "generate_events", "--args", `{events: ${events}}`);
  await project.lake("seed");
  await project.lake("run", "-s", "user_events_silver");
  const where = "year = 2025 and month = 7 and day = 14 and hour = 5";
  const hour = "warehouse/recipe_analytics.db/user_events_silver/data/year=2025/month=7/day=14/hour=5";
  const commands: Commands = {
    "`lake query`": () =>
      project.lake(
        "query",
        `select event_name, count(*) as n from {{ref "user_events_silver"}} where ${where} group by 1`,
      ),
    "raw DuckDB on the right files": () =>
      measure(
        [
          process.execPath,
          path.join(import.meta.dirname, "raw/query.ts"),
          `select event_name, count(*) as n from read_parquet('${path.join(project.root, hour)}/*.parquet') group by 1`,
        ],
        { cwd: project.root },
      ),
  };
  if (python !== null) {
    const uri = `sqlite:///${project.root}/warehouse/catalog.db`;
    commands["PyIceberg"] = () => measure([python, "-c", hourInPython, uri, where], { cwd: project.root });
  }
  return titled(
    `One hour of ${events.toLocaleString("en")} events in 744 partitions`,
    await inTurn(runs, commands),
  );
}

const hourInPython = `
import sys
from pyiceberg.catalog.sql import SqlCatalog
table = SqlCatalog("lake", uri=sys.argv[1]).load_table("recipe_analytics.user_events_silver")
rows = table.scan(row_filter=sys.argv[2], selected_fields=("event_name",)).to_arrow()
print(rows.group_by("event_name").aggregate([([], "count_all")]))
`;

function titled(title: string, measured: ReadonlyMap<string, Measured>): string {
  const [base = null] = measured.values();
  const rows = [...measured].map(([name, one]) => row(name, one, base));
  return `### ${title} (medians of ${runs}; ratios to the first)\n\n${table([columns, ...rows])}`;
}
