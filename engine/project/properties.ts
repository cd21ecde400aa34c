// Property files (`version: 2`), dbt's shape: what they say, checked key by key, not yet joined to nodes.
import type { Location } from "../common/errors.ts";
import {
  count,
  describe,
  flag,
  ignored,
  isName,
  json,
  listOf,
  mapOf,
  mappingEntries,
  name,
  object,
  oneOf,
  Problems,
  readFields,
  scalarText,
  text,
} from "./readers.ts";
import type { Fields, Read, Reader } from "./readers.ts";
import type { YamlNode } from "./yaml.ts";

/** Kept as it stands; who knows what it is declared on reads it later. */
export const raw: Reader<YamlNode> = (node) => node;
const raws: Reader<readonly YamlNode[]> = (node, what, problems) => {
  if (node.items !== null) return node.items;
  problems.add("project/wrong-type", { what, found: "no list", expected: "a list" }, node.at);
  return undefined;
};

const constraint = object({
  type: oneOf("not_null", "unique", "primary_key", "foreign_key", "check", "custom"),
  expression: text,
  columns: listOf(text),
  name: text,
  warn_unenforced: ignored,
  warn_unsupported: ignored,
});

const columnFields = {
  name: scalarText,
  description: scalarText,
  data_type: text,
  was: listOf(scalarText),
  default: scalarText,
  required: flag,
  constraints: listOf(constraint),
  meta: mapOf(json),
  tags: listOf(scalarText),
  data_tests: raws,
  tests: raws,
  config: object({ meta: mapOf(json), tags: listOf(scalarText) }),
  quote: ignored,
} satisfies Fields;

export type ColumnEntry = Entry<typeof columnFields>;

const nodeFields = {
  name: scalarText,
  description: scalarText,
  columns: entries("column", columnFields),
  config: raw,
  data_tests: raws,
  tests: raws,
  meta: mapOf(json),
  tags: listOf(scalarText),
  docs: ignored,
} satisfies Fields;

const modelFields = {
  ...nodeFields,
  constraints: listOf(constraint),
  access: oneOf("private", "protected", "public"),
  group: text,
} satisfies Fields;

const snapshotFields = { ...nodeFields, relation: text } satisfies Fields;

const period = object({ count, period: oneOf("minute", "hour", "day") });
const freshness: Reader<FreshnessEntry | false> = (node, what, problems) =>
  node.value === false
    ? false
    : object({ warn_after: period, error_after: period, filter: text })(node, what, problems);
type Period = Read<{ count: Reader<number>; period: Reader<"minute" | "hour" | "day"> }>;
interface FreshnessEntry {
  readonly warn_after?: Period;
  readonly error_after?: Period;
  readonly filter?: string;
}

const sourceSettings = {
  type: oneOf("landing", "iceberg"),
  location: text,
  files: listOf(text),
  format: oneOf("jsonl"),
  on_bad_record: oneOf("fail", "quarantine"),
  freshness,
  loaded_at_field: text,
} satisfies Fields;

const tableFields = {
  ...nodeFields,
  ...sourceSettings,
  identifier: scalarText,
  table: text,
  metadata_location: text,
  loader: ignored,
} satisfies Fields;

const sourceFields = {
  name: scalarText,
  description: scalarText,
  schema: scalarText,
  meta: mapOf(json),
  tags: listOf(scalarText),
  config: raw,
  loader: ignored,
  ...sourceSettings,
  tables: entries("table", tableFields),
} satisfies Fields;

const exposureFields = {
  name: scalarText,
  type: oneOf("dashboard", "notebook", "analysis", "ml", "application"),
  owner: mapOf(json),
  url: text,
  label: text,
  maturity: oneOf("high", "medium", "low"),
  description: scalarText,
  depends_on: raws,
  tags: listOf(scalarText),
  meta: mapOf(json),
  config: raw,
} satisfies Fields;

const groupFields = {
  name: name("group"),
  owner: mapOf(json),
  description: scalarText,
  config: ignored,
} satisfies Fields;
const singularFields = {
  name: scalarText,
  description: scalarText,
  config: raw,
  meta: mapOf(json),
  tags: listOf(scalarText),
  docs: ignored,
} satisfies Fields;
const unitTestFields = {
  name: name("unit test"),
  description: scalarText,
  model: text,
  given: raws,
  expect: raw,
  overrides: raw,
  incremental: flag,
  config: raw,
} satisfies Fields;
const macroFields = {
  name: text,
  description: scalarText,
  arguments: ignored,
  docs: ignored,
  meta: ignored,
} satisfies Fields;

const fileFields = {
  version: oneOf(2),
  models: entries("model", modelFields),
  seeds: entries("seed", nodeFields),
  snapshots: entries("snapshot", snapshotFields),
  sources: entries("source", sourceFields),
  exposures: entries("exposure", exposureFields),
  groups: entries("group", groupFields),
  data_tests: entries("test", singularFields),
  unit_tests: entries("unit test", unitTestFields),
  macros: entries("macro", macroFields),
} satisfies Fields;

export type Entry<F extends Fields> = Read<F> & { readonly name: string; readonly at: Location };
export type ModelEntry = Entry<typeof modelFields>;
export type SeedEntry = Entry<typeof nodeFields>;
export type SnapshotEntry = Entry<typeof snapshotFields>;
export type TableEntry = Entry<typeof tableFields>;
export type SourceEntry = Entry<typeof sourceFields>;
export type ExposureEntry = Entry<typeof exposureFields>;
export type SingularEntry = Entry<typeof singularFields>;
export type UnitTestEntry = Entry<typeof unitTestFields>;

/** A list of named mappings; one without a name is an error and left out, so is the second of a name. */
function entries<F extends Fields>(kind: string, fields: F): Reader<readonly Entry<F>[]> {
  return (node, what, problems) => {
    if (node.items === null) {
      problems.add("project/wrong-type", { what, found: "no list", expected: `a list of ${kind}s` }, node.at);
      return undefined;
    }
    const seen = new Map<string, Location>();
    return node.items.flatMap((item) => {
      const entry = readEntry({ kind, fields, item, problems });
      if (entry === undefined) return [];
      const first = seen.get(entry.name);
      if (first !== undefined) {
        problems.add("project/duplicate-entry", { kind, name: entry.name, first: place(first) }, entry.at);
        return [];
      }
      seen.set(entry.name, entry.at);
      return [entry];
    });
  };
}

function readEntry<F extends Fields>(options: {
  readonly kind: string;
  readonly fields: F;
  readonly item: YamlNode;
  readonly problems: Problems;
}): Entry<F> | undefined {
  const { kind, fields, item, problems } = options;
  const found = mappingEntries(item, `a ${kind}`, problems);
  if (found === undefined) return undefined;
  const nameEntry = found.get("name");
  const title = nameEntry === undefined ? `a ${kind}` : `${kind} ${describe(nameEntry.node.value)}`;
  const read = readFields({ entries: found, fields, owner: title, problems });
  const entryName = (read as { name?: string }).name;
  if (entryName === undefined) {
    if (nameEntry === undefined || nameEntry.node.value === null) {
      problems.add("project/missing-key", { key: "name", owner: `a ${kind}` }, item.at);
    }
    return undefined;
  }
  return { ...read, name: entryName, at: nameEntry?.node.at ?? item.at };
}

export function place(at: Location): string {
  return at.line === undefined ? at.file : `${at.file}:${at.line}`;
}

export type PropertyFile = Read<typeof fileFields> & { readonly file: string };

/** One parsed property file; what is wrong with it goes to `problems`. */
export function readProperties(node: YamlNode, file: string, problems: Problems): PropertyFile {
  const read = object(fileFields)(node, file, problems) ?? {};
  for (const source of read.sources ?? []) {
    for (const { name, at } of [source, ...(source.tables ?? [])]) {
      if (!isName(name)) problems.add("project/bad-name", { kind: "source", name }, at);
    }
  }
  return { ...read, file };
}
