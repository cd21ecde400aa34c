// One landing file more on a table of 1,000,001 events: what it costs for files of three sizes.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { columns, measure, row, table } from "./measure.ts";
import { scratchProject } from "./scratch-project.ts";

const events = Number(process.env["BENCH_EVENTS"] ?? 1_000_001);

export async function oneFile(): Promise<string> {
  using project = scratchProject();
  await project.lake("run-operation", "generate_events", "--args", `{events: ${events}}`);
  const silver = ["-s", "user_events_silver"] as const;
  await project.lake("seed");
  const first = await project.lake("run", ...silver);
  const rows = [row(`all ${events.toLocaleString("en")} events`, first, null).slice(0, 4)];
  for (const size of [1000, 10_000, 100_000]) {
    addFile(project.root, size);
    const name = `one more file of ${size.toLocaleString("en")} events`;
    const measured = await project.lake("run", ...silver);
    if (!measured.stdout.includes(`+${size.toLocaleString("en")}`))
      throw new Error(`the file of ${size} events was not taken in:\n${measured.stdout}`);
    rows.push(row(name, measured, null).slice(0, 4));
  }
  rows.push(row("no new file", await project.lake("run", ...silver), null).slice(0, 4));
  const version = await measure([process.execPath, "--version"], { cwd: project.root });
  rows.push(row("(bare Node)", version, null).slice(0, 4));
  return `### \`lake run -s user_events_silver\`, one landing file at a time (one run each)\n\n${table([columns.slice(0, 4), ...rows])}`;
}

/** Events that are there already under ids of their own: the next file of the landing zone. */
function addFile(root: string, size: number): void {
  const folder = path.join(root, "landing-zone/events");
  const sample = readdirSync(folder).find((name) => /^batch_.*\.jsonl$/.test(name)) ?? "";
  const lines = readFileSync(path.join(folder, sample), "utf8").split("\n").filter(Boolean);
  const text = Array.from({ length: size }, (_, index) =>
    (lines[index % lines.length] as string).replace(
      /"event_id":\s*"/,
      (found) => `${found}${size}-${index}-`,
    ),
  );
  writeFileSync(path.join(folder, `batch_events_more_${size}.jsonl`), `${text.join("\n")}\n`);
}
