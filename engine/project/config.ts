// What a node may be configured with, wherever it is written: lake.yml < properties < {{config}}.
import type { Json } from "../common/json.ts";
import type { CompactionOrder, NodeConfig, SnapshotConfig, TestConfig } from "./types.ts";
import {
  commaList,
  count,
  flag,
  flagOrAge,
  json,
  listOf,
  mapOf,
  name,
  object,
  oneOf,
  readFields,
  scalarText,
  text,
} from "./readers.ts";
import type { Fields, Problems, Read, Reader } from "./readers.ts";
import { tableProperties } from "./table-properties.ts";
import type { YamlEntry, YamlNode } from "./yaml.ts";

const shared = {
  enabled: flag,
  tags: listOf(scalarText),
  meta: mapOf(json),
  group: text,
} satisfies Fields;

const contract: Reader<{ enforced: boolean }> = (node, what, problems) => {
  if (typeof node.value === "boolean") return { enforced: node.value };
  const read = object({ enforced: flag })(node, what, problems);
  return read === undefined ? undefined : { enforced: read.enforced ?? false };
};

const compaction: Reader<boolean | CompactionOrder> = (node, what, problems) => {
  if (typeof node.value === "boolean") return node.value;
  const fields = { strategy: oneOf("binpack", "sort", "zorder"), by: commaList };
  const read = object(fields)(node, what, problems);
  return read && { strategy: read.strategy ?? "sort", by: read.by ?? [] };
};

const maintenance = object({
  compact: compaction,
  rewrite_manifests: flag,
  expire_snapshots: flagOrAge,
  remove_orphan_files: flagOrAge,
});

const table = {
  ...shared,
  schema: name("schema"),
  alias: name("table"),
  format_version: oneOf(2, 3),
  partition_by: commaList,
  sorted_by: commaList,
  properties: tableProperties,
  reuse: flag,
  publish: oneOf("run", "each"),
  full_refresh: flag,
  maintain: maintenance,
  event_time: text,
} satisfies Fields;

const strategies = oneOf("append", "merge", "delete+insert", "replace_partitions", "microbatch");

export const modelFields = {
  ...table,
  materialized: oneOf("view", "ephemeral", "table", "incremental"),
  access: oneOf("private", "protected", "public"),
  strategy: strategies,
  incremental_strategy: strategies,
  unique_key: commaList,
  batch_size: oneOf("hour", "day", "month", "year"),
  begin: text,
  lookback: count,
  on_schema_change: oneOf("ignore", "fail", "append_new_columns", "sync_all_columns"),
  contract,
} satisfies Fields;

const metaColumns = object({
  dbt_scd_id: name("column"),
  dbt_updated_at: name("column"),
  dbt_valid_from: name("column"),
  dbt_valid_to: name("column"),
  dbt_is_deleted: name("column"),
});

export const snapshotFields = {
  ...table,
  strategy: oneOf("timestamp", "check"),
  unique_key: commaList,
  updated_at: text,
  check_cols: commaList,
  hard_deletes: oneOf("ignore", "invalidate", "new_record"),
  invalidate_hard_deletes: flag,
  snapshot_meta_column_names: metaColumns,
  dbt_valid_to_current: text,
  target_schema: name("schema"),
} satisfies Fields;

export const seedFields = {
  ...table,
  column_types: mapOf(text),
  delimiter: text,
  quote_columns: flag,
} satisfies Fields;

export const sourceFields = {
  ...shared,
  event_time: text,
  on_bad_record: oneOf("fail", "quarantine"),
} satisfies Fields;

/** Compared with the number of failures: `!= 0`, `> 10`, `between 1 and 5`. */
const condition: Reader<string> = (node, what, problems) => {
  const value = scalarText(node, what, problems);
  if (value === undefined) return undefined;
  if (/^\s*((!=|<>|==?|>=?|<=?)\s*\d+|between\s+\d+\s+and\s+\d+)\s*$/i.test(value)) return value.trim();
  const expected = "a condition such as > 10 or between 1 and 5";
  problems.add("project/bad-value", { what, found: problems.shown(value), expected }, node.at);
  return undefined;
};

export const testFields = {
  enabled: flag,
  severity: oneOf("error", "warn", "ERROR", "WARN"),
  warn_if: condition,
  error_if: condition,
  where: text,
  limit: count,
  store_failures: flag,
  tags: listOf(scalarText),
  meta: mapOf(json),
} satisfies Fields;

export const unitTestFields = {
  enabled: flag,
  tags: listOf(scalarText),
  meta: mapOf(json),
} satisfies Fields;

export const exposureFields = {
  enabled: flag,
  tags: listOf(scalarText),
  meta: mapOf(json),
} satisfies Fields;

/** Any of the above, as read from one place. */
export type ConfigValues = Omit<Read<typeof modelFields>, "strategy"> & {
  readonly strategy?: Read<typeof modelFields>["strategy"] | Read<typeof snapshotFields>["strategy"];
} & Omit<Read<typeof snapshotFields>, "strategy"> &
  Read<typeof seedFields> &
  Read<typeof sourceFields> &
  Read<typeof testFields>;

export const configFields = {
  model: modelFields,
  seed: seedFields,
  snapshot: snapshotFields,
  source: sourceFields,
  test: testFields,
  unit_test: unitTestFields,
  exposure: exposureFields,
} as const;
export type ConfigKind = keyof typeof configFields;

/** Reads a `config:` block or the values of a `{{config}}`; a `+` before a key is allowed, as in lake.yml. */
export function readConfig(
  kind: ConfigKind,
  node: YamlNode,
  owner: string,
  problems: Problems,
): ConfigValues {
  if (node.value === null) return {};
  if (node.entries === null) {
    object({})(node, `config of ${owner}`, problems);
    return {};
  }
  return readConfigEntries(kind, node.entries, owner, problems);
}

export function readConfigEntries(
  kind: ConfigKind,
  entries: Iterable<readonly [string, YamlEntry]>,
  owner: string,
  problems: Problems,
): ConfigValues {
  const plain = [...entries].map(
    ([key, entry]) => [key.startsWith("+") ? key.slice(1) : key, entry] as const,
  );
  return readFields<Fields>({
    entries: plain,
    fields: configFields[kind],
    owner: `config of ${owner}`,
    problems,
  });
}

/** The nearer wins; tags and meta accumulate. Layers come from far to near. */
export function mergeConfig(layers: readonly ConfigValues[]): ConfigValues {
  if (layers.length === 1) return layers[0] as ConfigValues;
  const merged: Record<string, unknown> = {};
  const tags = new Set<string>();
  const meta: Record<string, Json> = {};
  for (const layer of layers) {
    Object.assign(merged, layer);
    for (const tag of layer.tags ?? []) tags.add(tag);
    Object.assign(meta, layer.meta);
  }
  return { ...merged, tags: [...tags], meta };
}

/** Snake case of the files → the engine's names, with defaults. */
export function nodeConfig(values: ConfigValues, materialized: NodeConfig["materialized"]): NodeConfig {
  const strategy = values.strategy ?? values.incremental_strategy;
  const isSnapshot = materialized === "snapshot";
  const config: Record<string, unknown> = {
    enabled: values.enabled ?? true,
    materialized: values.materialized ?? materialized,
    tags: values.tags ?? [],
    meta: values.meta ?? {},
    schema: values.schema ?? values.target_schema,
    alias: values.alias,
    group: values.group,
    access: values.access,
    strategy: isSnapshot ? undefined : strategy,
    uniqueKey: values.unique_key,
    snapshot: isSnapshot ? snapshotConfig(values) : undefined,
    partitionBy: values.partition_by,
    sortedBy: values.sorted_by,
    formatVersion: values.format_version,
    properties: values.properties,
    eventTime: values.event_time,
    batchSize: values.batch_size,
    begin: values.begin,
    lookback: values.lookback,
    onSchemaChange: values.on_schema_change,
    fullRefresh: values.full_refresh,
    reuse: values.reuse,
    publish: values.publish,
    maintain: values.maintain && {
      compact: values.maintain.compact ?? true,
      rewriteManifests: values.maintain.rewrite_manifests ?? true,
      expireSnapshots: values.maintain.expire_snapshots ?? true,
      removeOrphanFiles: values.maintain.remove_orphan_files ?? true,
    },
    contract: values.contract,
    columnTypes: values.column_types,
    delimiter: values.delimiter,
    quoteColumns: values.quote_columns,
    onBadRecord: values.on_bad_record,
  };
  for (const key of Object.keys(config)) if (config[key] === undefined) delete config[key];
  return config as unknown as NodeConfig;
}

function snapshotConfig(values: ConfigValues): SnapshotConfig {
  const names = values.snapshot_meta_column_names ?? {};
  const check = values.check_cols;
  return {
    // What is missing is said by who makes the node.
    strategy: values.strategy === "check" ? "check" : "timestamp",
    ...(values.updated_at !== undefined && { updatedAt: values.updated_at }),
    ...(check !== undefined && { checkCols: check.length === 1 && check[0] === "all" ? "all" : check }),
    hardDeletes: values.hard_deletes ?? (values.invalidate_hard_deletes === true ? "invalidate" : "ignore"),
    columns: {
      scdId: names.dbt_scd_id ?? "dbt_scd_id",
      updatedAt: names.dbt_updated_at ?? "dbt_updated_at",
      validFrom: names.dbt_valid_from ?? "dbt_valid_from",
      validTo: names.dbt_valid_to ?? "dbt_valid_to",
      isDeleted: names.dbt_is_deleted ?? "dbt_is_deleted",
    },
    ...(values.dbt_valid_to_current !== undefined && { validToCurrent: values.dbt_valid_to_current }),
  };
}

export function testConfig(values: ConfigValues): TestConfig {
  return {
    enabled: values.enabled ?? true,
    severity: (values.severity ?? "error").toLowerCase() as TestConfig["severity"],
    warnIf: values.warn_if ?? "!= 0",
    errorIf: values.error_if ?? "!= 0",
    ...(values.where !== undefined && { where: values.where }),
    ...(values.limit !== undefined && { limit: values.limit }),
    storeFailures: values.store_failures ?? false,
    tags: values.tags ?? [],
    meta: values.meta ?? {},
  };
}
