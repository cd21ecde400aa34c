// Unit tests: a model's rows for given inputs, declared in property files as dbt has them.
import { sha256, stableStringify } from "../common/hash.ts";
import type { Location } from "../common/errors.ts";
import type { Json } from "../common/json.ts";
import { didYouMean } from "../common/suggest.ts";
import { addNode, foldersOfProperties } from "./builder.ts";
import type { Builder } from "./builder.ts";
import { readConfig } from "./config.ts";
import { inputText } from "./input-text.ts";
import { makeFixture } from "./make-fixture.ts";
import { parsePinned } from "./parse-reference.ts";
import { place, raw } from "./properties.ts";
import type { UnitTestEntry } from "./properties.ts";
import { flag, json, mapOf, object, scalarText } from "./readers.ts";
import type { Reader } from "./readers.ts";
import type { Model, UnitTest, UnitTestConfig, UnitTestInput, UnitTestOverrides } from "./types.ts";
import type { YamlNode } from "./yaml.ts";

export function makeUnitTests(builder: Builder): void {
  for (const file of builder.properties) {
    const folders = foldersOfProperties(builder, file.file);
    for (const entry of file.unit_tests ?? []) {
      const test = makeUnitTest(builder, entry, { file: file.file, folders });
      if (test !== null) addNode(builder, test, entry.at);
    }
  }
}

function makeUnitTest(
  builder: Builder,
  entry: UnitTestEntry,
  file: { readonly file: string; readonly folders: readonly string[] },
): UnitTest | null {
  const { settings, problems } = builder;
  const { name, at } = entry;
  const before = problems.errors.length;
  const owner = `the unit test ${name}`;
  const model = modelOf(builder, entry);
  if (entry.expect === undefined) problems.add("project/missing-key", { key: "expect", owner }, at);
  if (model === null || entry.expect === undefined) return null;
  const expect = makeFixture(builder, { test: name, node: entry.expect, what: `expect of ${owner}` });
  const given = givenOf(builder, entry, model);
  const { overrides, incremental } = readOverrides(builder, entry);
  const config = configOf(builder, entry);
  if (expect === null || problems.errors.length > before) return null;
  const fqn = [settings.name, ...file.folders, model.name, name];
  const rows = { incremental: entry.incremental ?? incremental, given, expect, overrides };
  return {
    resourceType: "unit_test",
    uniqueId: `unit_test.${settings.name}.${model.name}.${name}`,
    name,
    fqn,
    path: file.file,
    ...(entry.description !== undefined && { description: entry.description }),
    config,
    checksum: sha256(stableStringify(withoutPlaces([model.uniqueId, rows]))),
    attachedTo: model.uniqueId,
    ...rows,
    at,
  };
}

/** The same test some lines further down is no other test. */
function withoutPlaces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPlaces);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).filter(([key, item]) => key !== "at" || !isPlace(item));
  return Object.fromEntries(entries.map(([key, item]) => [key, withoutPlaces(item)]));
}

function isPlace(value: unknown): boolean {
  return value !== null && typeof value === "object" && "file" in value;
}

function modelOf(builder: Builder, entry: UnitTestEntry): Model | null {
  const { settings, nodes, problems } = builder;
  const { name, model, at } = entry;
  if (model === undefined) {
    problems.add("project/missing-key", { key: "model", owner: `the unit test ${name}` }, at);
    return null;
  }
  const found = nodes.get(`model.${settings.name}.${model}`);
  if (found?.resourceType === "model") return found;
  const known = [...nodes.values()].filter((node) => node.resourceType === "model").map((node) => node.name);
  problems.add("project/unit-test-model", { test: name, model }, at, didYouMean(model, known));
  return null;
}

function configOf(builder: Builder, entry: UnitTestEntry): UnitTestConfig {
  const owner = `unit test ${entry.name}`;
  const values =
    entry.config === undefined ? {} : readConfig("unit_test", entry.config, owner, builder.problems);
  return { enabled: values.enabled ?? true, tags: values.tags ?? [], meta: values.meta ?? {} };
}

function givenOf(builder: Builder, entry: UnitTestEntry, model: Model): UnitTest["given"] {
  const { problems } = builder;
  const { name } = entry;
  const seen = new Map<string, Location>();
  return (entry.given ?? []).flatMap((node) => {
    const { input: inputNode, ...others } = Object.fromEntries(node.entries ?? []);
    const input = readInput(builder, { test: name, node, text: inputNode?.node.value ?? null, model });
    if (input === null) return [];
    const title = inputText(input);
    const what = `given ${title} of the unit test ${name}`;
    const first = seen.get(title);
    if (first !== undefined) {
      const parameters = { kind: "given input", name: title, first: place(first) };
      problems.add("project/duplicate-entry", parameters, node.at);
      return [];
    }
    seen.set(title, node.at);
    const rest = { ...node, entries: new Map(Object.entries(others)) };
    const fixture = makeFixture(builder, { test: name, node: rest, what });
    return fixture === null ? [] : [{ input, fixture, at: inputNode?.node.at ?? node.at }];
  });
}

function readInput(
  builder: Builder,
  given: { readonly test: string; readonly node: YamlNode; readonly text: Json; readonly model: Model },
): UnitTestInput | null {
  const { problems } = builder;
  const { test, node, model } = given;
  const owner = `a given input of the unit test ${test}`;
  if (given.text === null) {
    problems.add("project/missing-key", { key: "input", owner }, node.at);
    return null;
  }
  const at = node.entries?.get("input")?.node.at ?? node.at;
  const input = typeof given.text === "string" ? parseInput(given.text, at) : null;
  if (input === null) {
    const expected = "ref('…'), source('…', '…') or this";
    const found = problems.shown(given.text);
    problems.add("project/bad-value", { what: `input of ${owner}`, found, expected }, at);
    return null;
  }
  const known = readBy(model);
  const title = inputText(input);
  if (known.includes(title)) return input;
  const parameters = { test, input: title, model: model.name, known };
  problems.add("project/unit-test-input", parameters, at, didYouMean(title, known));
  return null;
}

function parseInput(input: string, at: Location): UnitTestInput | null {
  if (/^\s*(\{\{\s*)?this(\s*\}\})?\s*$/.test(input)) return { kind: "this" };
  const found = parsePinned(input, at);
  if (found === null) return null;
  const { at: _at, ...what } = found;
  return "table" in what ? { kind: "source", ...what } : { kind: "ref", ...what };
}

/** All that a model may be given: in either branch of `{{#if incremental}}`. */
function readBy({ references }: Model): string[] {
  const { refs, sources, usesThis } = references;
  const inputs: UnitTestInput[] = [
    ...refs.map(({ at: _at, ...what }) => ({ kind: "ref" as const, ...what })),
    ...sources.map(({ at: _at, ...what }) => ({ kind: "source" as const, ...what })),
    ...(usesThis ? [{ kind: "this" as const }] : []),
  ];
  return inputs.map(inputText);
}

/** An instant: without an offset it would be another one on another machine. */
const instant: Reader<number> = (node, what, problems) => {
  const value = typeof node.value === "string" ? node.value.trim() : "";
  const ms = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*(Z|[+-]\d\d:\d\d)$/.test(value)
    ? Date.parse(value.replace(" ", "T"))
    : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  const expected = "an instant with its offset, as in 2025-07-31T00:00:00+09:00";
  problems.add("project/bad-value", { what, found: problems.shown(node.value), expected }, node.at);
  return undefined;
};

const overrideFields = {
  vars: mapOf(json),
  macros: raw,
  env_vars: mapOf(scalarText),
  now: instant,
};

function readOverrides(
  builder: Builder,
  entry: UnitTestEntry,
): { readonly overrides: UnitTestOverrides; readonly incremental: boolean } {
  const { problems } = builder;
  const owner = `overrides of the unit test ${entry.name}`;
  const read =
    entry.overrides === undefined ? {} : (object(overrideFields)(entry.overrides, owner, problems) ?? {});
  const macros: Record<string, string> = {};
  let incremental = false;
  for (const [name, { node, keyAt }] of read.macros?.entries ?? []) {
    const what = `${name} of ${owner}`;
    if (name === "is_incremental") incremental = flag(node, what, problems) ?? false;
    else if (!builder.macros.has(name)) {
      const known = ["is_incremental", ...builder.macros.keys()];
      const parameters = { key: name, owner: `macros of ${owner}`, known };
      problems.add("project/unknown-key", parameters, keyAt, didYouMean(name, known));
    } else if (node.value === null) macros[name] = "";
    else macros[name] = scalarText(node, what, problems) ?? "";
  }
  const overrides = {
    vars: read.vars ?? {},
    macros,
    envVars: read.env_vars ?? {},
    ...(read.now !== undefined && { nowMs: read.now }),
  };
  return { overrides, incremental };
}
