// Generic data tests: those that property files declare.
import { md5, sha256, stableStringify } from "../common/hash.ts";
import type { Json } from "../common/json.ts";
import { LakeError, type Location } from "../common/errors.ts";
import { didYouMean } from "../common/suggest.ts";
import type { References } from "../template/types.ts";
import { addNode, foldersOfProperties, noReferences } from "./builder.ts";
import type { Builder } from "./builder.ts";
import { builtinTestArguments } from "./builtin-tests.ts";
import { mergeConfig, readConfig, testConfig, testFields } from "./config.ts";
import type { ConfigValues } from "./config.ts";
import { isTableNode } from "./node-kinds.ts";
import { parseReference } from "./parse-reference.ts";
import type { ColumnEntry } from "./properties.ts";
import { name as nameReader, scalarText } from "./readers.ts";
import { genericTestName } from "./test-names.ts";
import type { DataTest, Model, Seed, Source } from "./types.ts";
import type { YamlNode } from "./yaml.ts";

interface Target {
  readonly node: Model | Seed | Source;
  readonly file: string;
  readonly folders: readonly string[];
  readonly column: ColumnEntry | null;
}

export function makeGenericTests(builder: Builder): void {
  const { settings, nodes, properties } = builder;
  for (const file of properties) {
    const folders = foldersOfProperties(builder, file.file);
    const add = (id: string, entry: Testable): void => {
      const node = nodes.get(id);
      if (!isTableNode(node) && node?.resourceType !== "source") return;
      addTests(builder, { node, file: file.file, folders, column: null }, entry);
      for (const column of entry.columns ?? []) {
        addTests(builder, { node, file: file.file, folders, column }, column);
      }
    };
    for (const entry of file.models ?? []) add(`model.${settings.name}.${entry.name}`, entry);
    for (const entry of file.seeds ?? []) add(`seed.${settings.name}.${entry.name}`, entry);
    for (const entry of file.snapshots ?? []) add(`snapshot.${settings.name}.${entry.name}`, entry);
    for (const source of file.sources ?? []) {
      for (const table of source.tables ?? [])
        add(`source.${settings.name}.${source.name}.${table.name}`, table);
    }
  }
}

interface Testable {
  readonly data_tests?: readonly YamlNode[];
  readonly tests?: readonly YamlNode[];
  readonly columns?: readonly ColumnEntry[];
}

function addTests(builder: Builder, target: Target, entry: Testable): void {
  for (const item of [...(entry.data_tests ?? []), ...(entry.tests ?? [])]) {
    const declared = readDeclaration(builder, target, item);
    const test = declared && makeGenericTest(builder, target, declared);
    if (test !== undefined && test !== null) addNode(builder, test, item.at);
  }
}

interface Declaration {
  readonly testName: string;
  readonly name?: string;
  readonly description?: string;
  readonly arguments: ReadonlyMap<string, YamlNode>;
  readonly config: ConfigValues;
  readonly at: Location;
}

function ownerOf({ node, column }: Target): string {
  const name = node.resourceType === "source" ? `${node.sourceName}.${node.name}` : node.name;
  return `${node.resourceType} ${name}${column === null ? "" : `, column ${column.name}`}`;
}

/** `- unique`, `- accepted_values: {values: […]}`, `- test_name: unique`. */
function readDeclaration(builder: Builder, target: Target, item: YamlNode): Declaration | null {
  const { problems } = builder;
  const at = item.at;
  if (typeof item.value === "string") {
    return checkedName(builder, target, item.value, at)
      ? { testName: item.value, arguments: new Map(), config: {}, at }
      : null;
  }
  const entries = item.entries === null ? [] : [...item.entries];
  const byName = item.entries?.get("test_name");
  const single = byName === undefined ? entries[0] : undefined;
  if (byName === undefined && (single === undefined || entries.length !== 1)) {
    const hint = entries.length > 1 ? "the test's arguments must be indented below its name" : undefined;
    const expected = "the name of a test, or one name with its arguments";
    const found =
      entries.length > 1 ? `a mapping of ${entries.map(([key]) => key).join(", ")}` : "something else";
    problems.add("project/wrong-type", { what: `a test of ${ownerOf(target)}`, found, expected }, at, hint);
    return null;
  }
  const testName = single === undefined ? textOf(byName?.node) : single[0];
  if (!checkedName(builder, target, testName, at)) return null;
  const body = single === undefined ? item : single[1].node;
  return { testName, at, ...readBody(builder, `test ${testName} of ${ownerOf(target)}`, body) };
}

function textOf(node: YamlNode | undefined): string {
  return typeof node?.value === "string" ? node.value : "";
}

function checkedName(builder: Builder, target: Target, testName: string, at: Location): boolean {
  const custom = builder.macros.has(`test_${testName}`);
  if (custom || Object.hasOwn(builtinTestArguments, testName)) return true;
  const macros = [...builder.macros.keys()]
    .filter((name) => name.startsWith("test_"))
    .map((name) => name.slice(5));
  const hint = didYouMean(testName, [...Object.keys(builtinTestArguments), ...macros]);
  builder.problems.add("project/unknown-test", { name: testName, owner: ownerOf(target) }, at, hint);
  return false;
}

function readBody(builder: Builder, owner: string, body: YamlNode): Omit<Declaration, "testName" | "at"> {
  const { problems } = builder;
  const args = new Map<string, YamlNode>();
  const layers: ConfigValues[] = [];
  const result: { name?: string; description?: string } = {};
  if (body.entries === null && body.value !== null) {
    problems.add(
      "project/wrong-type",
      { what: owner, found: "no mapping", expected: "a mapping of arguments" },
      body.at,
    );
  }
  for (const [key, { node, keyAt }] of body.entries ?? []) {
    if (key === "test_name") continue;
    if (key === "config") layers.push(readConfig("test", node, owner, problems));
    else if (key === "arguments" || key === "args") {
      for (const [name, entry] of node.entries ?? []) args.set(name, entry.node);
    } else if (key === "name" || key === "description") {
      const read = key === "name" ? nameReader("test") : scalarText;
      const value = read(node, `${key} of ${owner}`, problems);
      if (value !== undefined) result[key] = value;
    }
    // dbt's older habit: config beside the arguments.
    else if (Object.hasOwn(testFields, key)) {
      const entries = new Map([[key, { node, keyAt }]]);
      layers.push(readConfig("test", { ...body, entries }, owner, problems));
    } else args.set(key, node);
  }
  return { ...result, arguments: args, config: mergeConfig(layers) };
}

function makeGenericTest(builder: Builder, target: Target, declared: Declaration): DataTest | null {
  const { settings, defaults } = builder;
  const { node, column, folders, file } = target;
  const { testName, at } = declared;
  const args: Record<string, Json> = {};
  for (const [name, { value }] of declared.arguments) args[name] = value;
  if (!checkArguments(builder, target, declared)) return null;
  const named = column === null ? args : { column_name: column.name, ...args };
  const title = node.resourceType === "source" ? `${node.sourceName}_${node.name}` : node.name;
  const prefix = node.resourceType === "source" ? "source_" : "";
  const name = declared.name ?? genericTestName(`${prefix}${testName}`, title, named);
  const path = [...folders, name];
  const columnTags = [...(column?.tags ?? []), ...(column?.config?.tags ?? [])];
  const config = testConfig(mergeConfig([defaults.test.for(path), { tags: columnTags }, declared.config]));
  if (!node.config.enabled) return null;
  const identity = stableStringify([
    testName,
    node.uniqueId,
    column?.name ?? null,
    args,
    declared.name ?? null,
  ]);
  const references = referencesOf(builder, declared, column);
  if (references === undefined) return null;
  return {
    resourceType: "test",
    uniqueId: `test.${settings.name}.${name}.${md5(identity).slice(-10)}`,
    name,
    fqn: [settings.name, ...path],
    path: file,
    ...(declared.description !== undefined && { description: declared.description }),
    checksum: sha256(stableStringify([identity, config])),
    testType: "generic",
    testName,
    ...(column !== null && { columnName: column.name }),
    arguments: args,
    attachedTo: node.uniqueId,
    references,
    testConfig: config,
    at,
  };
}

/** Whether the arguments fit a built-in test; those of a macro are checked when it is walked. */
function checkArguments(builder: Builder, target: Target, declared: Declaration): boolean {
  const { testName, at } = declared;
  const builtin = builder.macros.has(`test_${testName}`) ? undefined : builtinTestArguments[testName];
  if (builtin === undefined) return true;
  const { problems } = builder;
  const owner = `test ${testName} of ${ownerOf(target)}`;
  const before = problems.errors.length;
  const known = [
    ...builtin.required,
    ...builtin.optional,
    ...(target.column === null && builtin.column !== "none" ? ["column_name"] : []),
  ];
  for (const [key, node] of declared.arguments) {
    if (!known.includes(key))
      problems.add("project/unknown-key", { key, owner, known }, node.at, didYouMean(key, known));
  }
  for (const key of builtin.required) {
    if (!declared.arguments.has(key)) problems.add("project/missing-key", { key, owner }, at);
  }
  if (builtin.column === "needed" && target.column === null && !declared.arguments.has("column_name")) {
    problems.add("project/missing-key", { key: "column_name", owner }, at, "or put the test under a column");
  }
  return problems.errors.length === before;
}

/** Refs in arguments (`to: ref('x')`), and those inside a custom test's macro. */
function referencesOf(
  builder: Builder,
  declared: Declaration,
  column: ColumnEntry | null,
): References | undefined {
  const refs: References["refs"][number][] = [];
  const sources: References["sources"][number][] = [];
  const locals: Record<string, Json> = { model: "model" };
  if (column !== null) locals["column_name"] = column.name;
  for (const [name, { value, at }] of declared.arguments) {
    locals[name] = value;
    const found = typeof value === "string" ? parseReference(value, at) : null;
    if (found === null) continue;
    if ("table" in found) sources.push(found);
    else refs.push(found);
  }
  const macro = `test_${declared.testName}`;
  if (!builder.macros.has(macro)) return { ...noReferences, refs, sources };
  const call = Object.keys(locals).map((name) => ` ${name}=${name}`);
  const { file, line } = declared.at;
  const { errors } = builder.problems;
  const before = errors.length;
  const inner = builder.references({
    text: `{{> ${macro}${call.join("")}}}`,
    file,
    ...(line !== undefined && { line }),
    locals,
  });
  // The call is none that anybody wrote: what is wrong with it stands where the test is declared.
  for (const [index, { code, message, at, hint }] of errors.entries()) {
    if (index >= before && at?.file === file)
      errors[index] = new LakeError(code, message, { at: declared.at, hint });
  }
  return inner && { ...inner, refs: [...refs, ...inner.refs], sources: [...sources, ...inner.sources] };
}
