// The main job: 1,000,001 events in, silver and gold tables out, against two scripts written by hand.
import path from "node:path";
import { columns, inTurn, measure, row, table } from "./measure.ts";
import type { Measured } from "./measure.ts";
import { scratchProject } from "./scratch-project.ts";

const runs = Number(process.env["BENCH_RUNS"] ?? 5);
/** BENCH_EVENTS=20001 tries the bench itself. */
const events = Number(process.env["BENCH_EVENTS"] ?? 1_000_001);

export async function mainJob(): Promise<string> {
  using project = scratchProject();
  await project.lake("run-operation", "generate_events", "--args", `{events: ${events}}`);
  let outputs = 0;
  const raw = (plan: string): Promise<Measured> =>
    measure(
      [
        process.execPath,
        path.join(import.meta.dirname, "raw/run.ts"),
        plan,
        project.root,
        path.join(project.root, `raw-${outputs++}`),
      ],
      {
        cwd: project.root,
      },
    );
  const whole = async (...args: string[]): Promise<Measured> => {
    project.reset();
    await project.lake("seed");
    return project.lake(...args);
  };
  const measured = await inTurn(runs, {
    "raw script, direct": () => raw("direct"),
    "raw script, staged by day": () => raw("staged"),
    "`lake run`, silver and two gold tables": () =>
      whole("run", "-s", "user_events_silver", "daily_user_activity", "ml_features"),
    "`lake build`, the same without their tests": () =>
      whole(
        "build",
        "-s",
        "user_events_silver",
        "daily_user_activity",
        "ml_features",
        "--resource-type",
        "model",
      ),
    "`lake build`, the same with their tests": () =>
      whole(
        "build",
        "-s",
        "user_events_silver",
        "daily_user_activity",
        "ml_features",
        "--indirect-selection",
        "cautious",
      ),
    "`lake build`, the whole project": () => whole("build"),
    "`lake build` again, nothing new": () => project.lake("build"),
  });
  const scripts = [...measured].filter(([name]) => name.startsWith("raw")).map(([, one]) => one);
  const base = scripts.reduce((best, one) => (one.wallSeconds < best.wallSeconds ? one : best));
  const rows = [...measured].map(([name, one]) => row(name, one, base));
  return `### ${events.toLocaleString("en")} events (medians of ${runs}; ratios to the faster script)\n\n${table([columns, ...rows])}`;
}
