// Writes a synthetic project: `node tests/bench/make-project.ts <folder> [models]`. Five layers of
// models, each with two or three references into the layers before, and tests on one in five.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

const layerNames = ["staging", "base", "core", "metrics", "reports"];

/** Deterministic, so that two runs write the same project. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export function makeProject(folder: string, models: number): void {
  rmSync(folder, { recursive: true, force: true });
  const perLayer = Math.ceil(models / layerNames.length);
  const next = random(42);
  const before: string[] = [];
  let made = 0;
  for (const [level, layer] of layerNames.entries()) {
    const own: string[] = [];
    for (let index = 0; index < perLayer && made < models; index++, made++) {
      const name = `${layer}_${index}`;
      const area = path.join(folder, "models", layer, `area_${Math.floor(index / 100)}`);
      if (index % 100 === 0) mkdirSync(area, { recursive: true });
      const parents = new Set<string>();
      const wanted = level === 0 ? 0 : 2 + Math.floor(next() * 2);
      while (parents.size < Math.min(wanted, before.length)) {
        parents.add(before[Math.floor(next() * before.length)] as string);
      }
      writeFileSync(path.join(area, `${name}.sql`), modelText([...parents], index));
      own.push(name);
    }
    for (let start = 0; start < own.length; start += 100) {
      const area = path.join(folder, "models", layer, `area_${start / 100}`);
      writeFileSync(path.join(area, "_models.yml"), propertiesText(own.slice(start, start + 100)));
    }
    before.push(...own);
  }
  writeFileSync(path.join(folder, "models", "_sources.yml"), sourcesText);
  writeFileSync(path.join(folder, "lake.yml"), settingsText);
  writeFileSync(path.join(folder, "profiles.yml"), profilesText);
  mkdirSync(path.join(folder, "landing-zone", "events"), { recursive: true });
}

function modelText(parents: readonly string[], index: number): string {
  if (parents.length === 0) {
    return `select event_id as id, ${index} as area, amount\nfrom {{source "raw" "events"}}\nwhere amount > ${index}\n`;
  }
  const [first = "", ...others] = parents;
  const joins = others.map(
    (name, at) => `join {{ref "${name}"}} as other_${at} on other_${at}.id = first.id\n`,
  );
  const config = index % 4 === 0 ? `{{config materialized="table"}}\n` : "";
  return `${config}select first.id, first.area, first.amount\nfrom {{ref "${first}"}} as first\n${joins.join("")}where first.amount > ${index % 7}\n`;
}

function propertiesText(names: readonly string[]): string {
  const entries = names
    .filter((_, index) => index % 5 === 0)
    .map(
      (name) =>
        `  - name: ${name}\n    columns:\n      - name: id\n        data_tests: [not_null, unique]\n      - name: amount\n`,
    );
  return `version: 2\nmodels:\n${entries.join("")}`;
}

const sourcesText = `version: 2
sources:
  - name: raw
    tables:
      - name: events
        location: events
        columns:
          - {name: event_id, data_type: varchar, required: true}
          - {name: amount, data_type: bigint}
`;
const settingsText = `name: large
profile: large
models:
  large:
    staging: {materialized: view, tags: [staging]}
    metrics: {+materialized: table}
`;
const profilesText = `large:
  target: dev
  outputs:
    dev: {schema: large, warehouse: warehouse, landing: landing-zone}
`;

if (process.argv[1] === import.meta.filename) {
  const [folder, models = "10000"] = process.argv.slice(2);
  if (folder === undefined) throw new Error("usage: node tests/bench/make-project.ts <folder> [models]");
  makeProject(path.resolve(folder), Number(models));
}
