// A synthetic project of 10,000 models: what reading, selecting and binding cost.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { makeProject } from "./make-project.ts";
import { columns, measure, row, table } from "./measure.ts";
import type { Measured } from "./measure.ts";

const models = Number(process.env["BENCH_MODELS"] ?? 10_000);

export async function manyModels(): Promise<string> {
  const root = mkdtempSync(path.join(tmpdir(), "lake-bench-models-"));
  try {
    makeProject(root, models);
    const launcher = path.join(import.meta.dirname, "../../engine/bin/lake.js");
    const lake = (...args: string[]): Promise<Measured> =>
      measure([process.execPath, launcher, ...args], { cwd: root });
    const forget = (): void => rmSync(path.join(root, "target"), { recursive: true, force: true });
    const rows: string[][] = [];
    const add = async (name: string, ...args: string[]): Promise<void> => {
      rows.push(row(name, await lake(...args), null).slice(0, 4));
    };
    await lake("--version");
    await add("`lake ls`, first time", "ls");
    await add("`lake ls`, nothing changed", "ls");
    forget();
    await add("`lake parse`, first time", "parse");
    await add("`lake parse`, nothing changed", "parse");
    await add("`lake compile`, binds all", "compile", "--quiet");
    await add("`lake compile`, nothing changed", "compile", "--quiet");
    await add("`lake plan`, nothing built", "plan");
    await add("`lake run`, builds all", "run", "--quiet");
    await add("`lake run`, everything reused", "run", "--quiet");
    await add("`lake plan`, everything reused", "plan");
    return `### ${models.toLocaleString("en")} models and their tests (one run each)\n\n${table([columns.slice(0, 4), ...rows])}`;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
