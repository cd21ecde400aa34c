// npm run bench [-- main-job | ten-million | many-models …]: prints Markdown tables. Nothing here is a test;
// times are those of the machine it runs on, so read the ratios.
import { cpus, totalmem } from "node:os";
import { compaction } from "./compaction.ts";
import { hiveCommits } from "./hive-commits.ts";
import { lakehouse } from "./lakehouse.ts";
import { mainJob } from "./main-job.ts";
import { manyModels } from "./many-models.ts";
import { oneFile } from "./one-file.ts";
import { reading } from "./reading.ts";
import { s3Reading } from "./s3-reading.ts";
import { tenMillion } from "./ten-million.ts";

const benches: Readonly<Record<string, () => Promise<string>>> = {
  "main-job": mainJob,
  lakehouse,
  "hive-commits": hiveCommits,
  reading,
  compaction,
  "s3-reading": s3Reading,
  "many-models": manyModels,
  "one-file": oneFile,
  "ten-million": tenMillion,
};
const wanted = process.argv.slice(2);
for (const name of wanted)
  if (benches[name] === undefined)
    throw new Error(`no bench ${name}; there are ${Object.keys(benches).join(", ")}`);
console.log(
  `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}\n`,
);
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length === 0 || wanted.includes(name)) console.log(`${await bench()}\n`);
}
