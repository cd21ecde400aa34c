// Ten times the events under a 1 GB limit of the engine: bounded memory, one file per partition.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { columns, row, table } from "./measure.ts";
import { scratchProject } from "./scratch-project.ts";

export async function tenMillion(): Promise<string> {
  const rows: string[][] = [];
  let base = null;
  for (const events of [1_000_001, 10_000_001]) {
    using project = scratchProject();
    const profiles = path.join(project.root, "profiles.yml");
    writeFileSync(
      profiles,
      readFileSync(profiles, "utf8").replace("type: duckdb", "type: duckdb\n        memory_limit: 1GB"),
    );
    await project.lake("run-operation", "generate_events", "--args", `{events: ${events}}`);
    await project.lake("seed");
    const measured = await project.lake(
      "run",
      "-s",
      "user_events_silver",
      "daily_user_activity",
      "ml_features",
      "--output",
      "json",
    );
    base ??= measured;
    const files = (
      await project.lake(
        "query",
        'select count(distinct (year, month, day, hour)) as partitions from {{ref "user_events_silver"}}',
        "--output",
        "json",
      )
    ).stdout;
    rows.push([...row(`${events.toLocaleString("en")} events`, measured, base), files.replace(/\D/g, "")]);
  }
  return `### Ten times the events, engine limited to 1 GB (one run each)\n\n${table([[...columns, "partitions"], ...rows])}`;
}
