// Ten times the events under a 1 GB limit of the engine: bounded memory, one file per partition.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { columns, row, table } from "./measure.ts";
import { scratchProject } from "./scratch-project.ts";

/** BENCH_EVENTS=20001 tries the bench itself. */
const small = Number(process.env["BENCH_EVENTS"] ?? 1_000_001);

interface Results {
  readonly results: readonly {
    readonly unique_id: string;
    readonly adapter_response: { readonly files_total?: number; readonly partitions?: number };
  }[];
}

export async function tenMillion(): Promise<string> {
  const rows: string[][] = [];
  let base = null;
  for (const events of [small, (small - 1) * 10 + 1]) {
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
    const { results } = JSON.parse(measured.stdout) as Results;
    const silver = results.find(({ unique_id }) => unique_id.endsWith(".user_events_silver"));
    const { partitions, files_total } = silver?.adapter_response ?? {};
    const cells = row(`${events.toLocaleString("en")} events`, measured, base);
    rows.push([...cells, String(partitions), String(files_total)]);
  }
  return `### Ten times the events, engine limited to 1 GB (one run each)\n\n${table([[...columns, "partitions", "files"], ...rows])}`;
}
