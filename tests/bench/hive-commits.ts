// Commits per second through one Hive Metastore: whole appends of one row by lake and by PyIceberg, in turn.
import { catalogAdapters } from "../conformance/adapters.ts";
import { appendingWriters, type Appended } from "../interop/appending-writers.ts";
import { median, table } from "./measure.ts";

const runs = Number(process.env["BENCH_RUNS"] ?? 5);
const appends = Number(process.env["BENCH_APPENDS"] ?? 40);

export async function hiveCommits(): Promise<string> {
  const adapter = catalogAdapters.find(({ name }) => name === "hive");
  if (adapter === undefined) throw new Error("no adapter for Hive Metastore");
  const service = await adapter.start();
  try {
    const rates = new Map<string, number[]>();
    // In turn, on a new table each time, so that neither appends to a longer history.
    for (let run = 0; run < runs; run += 1) {
      for (const count of [1, 4]) {
        for (const writer of ["lake", "pyiceberg"] as const) {
          await using writers = await appendingWriters(await service.fresh());
          const outcomes = await writers.append({ lake: 0, pyiceberg: 0, [writer]: count }, appends);
          const key = `${writer} ${count}`;
          rates.set(key, [...(rates.get(key) ?? []), rateOf(outcomes)]);
        }
      }
    }
    const rate = (writer: string, count: number): number => median(rates.get(`${writer} ${count}`) ?? []);
    const rows = [1, 4].map((count) => {
      const [ours, theirs] = [rate("lake", count), rate("pyiceberg", count)];
      return [
        count === 1 ? "one writer" : `${count} writers on one table`,
        ours.toFixed(1),
        theirs.toFixed(1),
        (ours / theirs).toFixed(2),
      ];
    });
    const head = ["appends of one row, each a commit", "lake /s", "PyIceberg /s", "ratio"];
    return `### Commits through Hive Metastore (medians of ${runs}, ${appends} appends by each writer)\n\n${table([head, ...rows])}`;
  } finally {
    await service.stop();
  }
}

function rateOf(outcomes: readonly Appended[]): number {
  const commits = outcomes.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  return (commits * 1000) / Math.max(...outcomes.map(({ elapsedMs }) => elapsedMs));
}
