// The house's walls: who may import whom (engine/README.md). A wrong import fails here with its line.
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const root = path.join(import.meta.dirname, "../engine");

/** Folder → folders whose code it may use. Types are held to the same rule, the seams' own types apart. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  common: [],
  template: ["common"],
  project: ["template", "common"],
  graph: ["project", "template", "common"],
  plan: ["graph", "project", "template", "iceberg", "catalog", "common"],
  run: ["plan", "graph", "project", "template", "iceberg", "catalog", "compute", "storage", "common"],
  upkeep: ["run", "plan", "graph", "project", "iceberg", "catalog", "compute", "storage", "common"],
  storage: ["common"],
  iceberg: ["storage", "catalog", "common"],
  catalog: ["iceberg", "common"],
  compute: ["iceberg", "common"],
  report: ["upkeep", "run", "plan", "graph", "project", "template", "catalog", "compute", "common"],
  cli: ["report", "upkeep", "run", "plan", "graph", "project", "template", "compute", "catalog", "common"],
};

/** Pure folders: text and values in, text and values out. */
const pure = new Set(["template", "graph", "plan"]);

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
  /** `import("…")` where it is needed. */
  readonly dynamic: boolean;
  readonly where: string;
}

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const full = path.join(folder, name);
    if (name === "node_modules") return [];
    if (statSync(full).isDirectory()) return sources(full);
    return name.endsWith(".ts") && !name.endsWith(".test.ts") ? [full] : [];
  });
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8");
  const pattern = /(?:^|\n)\s*(?:import|export)\s+(type\s+)?[^;"']*?from\s+"([^"]+)"|import\("([^"]+)"\)/g;
  return [...text.matchAll(pattern)].map((match) => ({
    from: path.relative(root, file),
    to: match[2] ?? match[3] ?? "",
    typeOnly: match[1] !== undefined,
    dynamic: match[3] !== undefined,
    where: `${path.relative(root, file)}:${text.slice(0, match.index).split("\n").length + 1}`,
  }));
}

const imports = sources(root).flatMap(importsOf);

function folderOf(file: string): string {
  return file.includes("/") ? (file.split("/")[0] as string) : "";
}

test("there are imports to check", () => {
  expect(imports.length).toBeGreaterThan(200);
});

test("imports point one way", () => {
  const wrong = imports.flatMap((one) => {
    if (!one.to.startsWith(".")) return [];
    const target = path.relative(root, path.resolve(root, path.dirname(one.from), one.to));
    const [from, to] = [folderOf(one.from), folderOf(target)];
    if (from === "" || from === to) return [];
    // A seam's own types are the language between the stages.
    const seam = /^(storage\/storage|catalog\/catalog|compute\/compute)\.ts$/.test(target);
    if (
      seam &&
      (one.typeOnly || from === "run" || from === "upkeep" || from === "iceberg" || from === "plan")
    )
      return [];
    return allowed[from]?.includes(to) === true ? [] : [`${one.where} imports ${target}`];
  });
  expect(wrong).toEqual([]);
});

test("adapters know their own seam only, and only wire.ts knows an adapter", () => {
  const adapter = /^(catalog|compute|storage)\/([a-z0-9-]+)\//;
  const wrong = imports.flatMap((one) => {
    if (!one.to.startsWith(".")) return [];
    const target = path.relative(root, path.resolve(root, path.dirname(one.from), one.to));
    const into = adapter.exec(target);
    if (into === null || one.from === "wire.ts") return [];
    const within = adapter.exec(one.from);
    return within?.[1] === into[1] && within?.[2] === into[2] ? [] : [`${one.where} imports ${target}`];
  });
  expect(wrong).toEqual([]);
});

test("pure folders do not touch the machine", () => {
  const wrong = imports.filter((one) => pure.has(folderOf(one.from)) && one.to.startsWith("node:"));
  expect(wrong.map((one) => `${one.where} imports ${one.to}`)).toEqual([]);
});

test("commands load what does their work only when they are called", () => {
  // Static imports are paid by every command: 110 files of `run` and `iceberg` cost a tenth of a second.
  const working = /^(run|upkeep|iceberg|graph|plan)\//;
  const wrong = imports.filter((one) => {
    if (folderOf(one.from) !== "cli" || one.typeOnly || one.dynamic || !one.to.startsWith(".")) return false;
    return working.test(path.relative(root, path.resolve(root, path.dirname(one.from), one.to)));
  });
  expect(wrong.map((one) => `${one.where} imports ${one.to}`)).toEqual([]);
});

test("only main.ts ends the process", () => {
  const guilty = sources(root)
    .filter((file) => path.relative(root, file) !== "main.ts")
    .filter((file) => /process\.exit\(/.test(readFileSync(file, "utf8")));
  expect(guilty.map((file) => path.relative(root, file))).toEqual([]);
});
