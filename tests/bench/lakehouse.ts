// The main job on the second target: files, tables and metadata on the S3 server, tables in the metastore of this
// machine; beside the embedded default and the hand-written scripts, which reach the same bucket by httpfs.
import { readdirSync } from "node:fs";
import path from "node:path";
import { findHttpfs } from "../services/httpfs.ts";
import { startLakehouse } from "../services/lakehouse.ts";
import { columns, inTurn, measure, row, table, type Measured } from "./measure.ts";
import { scratchProject } from "./scratch-project.ts";

const runs = Number(process.env["BENCH_RUNS"] ?? 5);
const events = Number(process.env["BENCH_EVENTS"] ?? 1_000_001);

export async function lakehouse(): Promise<string> {
  const extension = await findHttpfs();
  const house = await startLakehouse();
  try {
    using project = scratchProject();
    await project.lake("run-operation", "generate_events", "--args", `{events: ${events}}`);
    const landingZone = path.join(project.root, "landing-zone/events");
    const files = readdirSync(landingZone).map((name) => path.join(landingZone, name));
    const embedded = {
      schema: "recipe_analytics",
      warehouse: "warehouse",
      landing: "landing-zone",
      threads: 2,
      catalog: { type: "sql", uri: "sqlite:///warehouse/catalog.db" },
    };
    let schemas = 0;
    /** Each run has tables of its own: nothing is there yet. */
    const targets = (): void =>
      project.targets({ dev: embedded, prod: house.target({ schema: `bench_${(schemas += 1)}` }) });
    targets();
    const landed = await project.lake("land", "-t", "prod", ...files);

    const raw = (plan: string): Promise<Measured> => {
      const { endpoint, region, accessKeyId, secretAccessKey } = house.s3;
      const { landing } = house;
      const server = { extension, landing, endpoint, region, accessKeyId, secretAccessKey };
      const output = `s3://${house.bucket}/raw-${(schemas += 1)}`;
      const script = path.join(import.meta.dirname, "raw/run.ts");
      return measure([process.execPath, script, plan, project.root, output], {
        cwd: project.root,
        env: { RAW_S3: JSON.stringify(server) },
      });
    };
    const lake = async (target: string): Promise<Measured> => {
      project.reset();
      targets();
      await project.lake("seed", "-t", target);
      const models = ["user_events_silver", "daily_user_activity", "ml_features"];
      return project.lake("run", "-t", target, "-s", ...models);
    };
    const measured = await inTurn(runs, {
      "raw script with httpfs, direct": () => raw("direct"),
      "raw script with httpfs, staged by day": () => raw("staged"),
      "`lake run -t prod`: S3, Hive Metastore": () => lake("prod"),
      "`lake run`: folder, SQLite": () => lake("dev"),
    });
    const scripts = [...measured].filter(([name]) => name.startsWith("raw")).map(([, one]) => one);
    const base = scripts.reduce((best, one) => (one.wallSeconds < best.wallSeconds ? one : best));
    const rows = [...measured].map(([name, one]) => row(name, one, base));
    const of = (target: string): number =>
      [...measured].find(([name]) => name.includes(target))?.[1].wallSeconds ?? Number.NaN;
    const ratio = (of("prod") / of("folder")).toFixed(2);
    return [
      `### ${events.toLocaleString("en")} events on S3 and Hive Metastore (medians of ${runs}; ratios to the faster script)`,
      table([columns, ...rows]),
      `S3 and Hive Metastore take ${ratio} times the embedded default. \`lake land\` brought the ${files.length} files there in ${landed.wallSeconds.toFixed(1)} s.`,
    ].join("\n\n");
  } finally {
    await house.stop();
  }
}
