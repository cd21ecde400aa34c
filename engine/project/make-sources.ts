// Sources, exposures and groups: nodes that stand in property files only.
import { sha256, stableStringify } from "../common/hash.ts";
import { lakeError } from "../common/errors.ts";
import { mergeConfig, nodeConfig, readConfig } from "./config.ts";
import type { ConfigValues } from "./config.ts";
import {
  addNode,
  checkGroup,
  columnProperties,
  entryConfig,
  foldersOfProperties,
  noReferences,
} from "./builder.ts";
import type { Builder } from "./builder.ts";
import type { ColumnEntry, ExposureEntry, SourceEntry, TableEntry } from "./properties.ts";
import { parseReference } from "./parse-reference.ts";
import type { Exposure, Source } from "./types.ts";
import type { LandingColumn } from "../compute/compute.ts";
import type { References } from "../template/types.ts";

const defaultFiles = ["*.jsonl", "*.jsonl.gz", "*.jsonl.zst"];

export function makeGroups(builder: Builder): void {
  for (const file of builder.properties) {
    for (const { name, owner, at } of file.groups ?? []) {
      if (builder.groups.has(name)) {
        builder.problems.add("project/duplicate-entry", { kind: "group", name, first: file.file }, at);
      }
      builder.groups.set(name, { name, path: file.file, owner: owner ?? {} });
    }
  }
}

export function makeSources(builder: Builder): void {
  for (const file of builder.properties) {
    const folders = foldersOfProperties(builder, file.file);
    for (const source of file.sources ?? []) {
      for (const table of source.tables ?? []) {
        addNode(builder, makeSource({ builder, file: file.file, folders, source, table }), table.at);
      }
    }
  }
}

function makeSource(options: {
  readonly builder: Builder;
  readonly file: string;
  readonly folders: readonly string[];
  readonly source: SourceEntry;
  readonly table: TableEntry;
}): Source {
  const { builder, file, folders, source, table } = options;
  const { settings, problems, defaults } = builder;
  const owner = `source ${source.name}.${table.name}`;
  const path = [...folders, source.name, table.name];
  const layers: ConfigValues[] = [defaults.source.for(path)];
  for (const entry of [source, table]) {
    layers.push(entryConfig(entry));
    if (entry.config !== undefined) layers.push(readConfig("source", entry.config, owner, problems));
  }
  const config = nodeConfig(mergeConfig(layers), "view");
  checkGroup(builder, { group: config.group, owner, at: table.at });
  const type = table.type ?? source.type ?? "landing";
  const loadedAtField = table.loaded_at_field ?? source.loaded_at_field;
  const node = {
    resourceType: "source" as const,
    uniqueId: `source.${settings.name}.${source.name}.${table.name}`,
    name: table.name,
    sourceName: source.name,
    fqn: [settings.name, ...path],
    path: file,
    ...(table.description !== undefined && { description: table.description }),
    config,
    type,
    ...(type === "landing" ? landingPart(builder, source, table) : icebergPart(builder, source, table)),
    onBadRecord: table.on_bad_record ?? source.on_bad_record ?? config.onBadRecord ?? "fail",
    columns: columnProperties(table.columns),
    ...(loadedAtField !== undefined && { loadedAtField }),
    ...freshnessPart(source, table),
    at: table.at,
  };
  const { at, ...content } = node;
  return { ...content, at, checksum: sha256(stableStringify(content)) };
}

function landingPart(builder: Builder, source: SourceEntry, table: TableEntry) {
  refuse(builder, table, ["table", "metadata_location"], "landing");
  const base = source.location;
  const own = table.location ?? table.name;
  // A source's location is the folder of its tables' folders.
  const location = base === undefined || isAbsolute(own) ? own : `${base.replace(/\/+$/, "")}/${own}`;
  return {
    identifier: table.identifier ?? table.name,
    location,
    files: table.files ?? source.files ?? defaultFiles,
    format: table.format ?? source.format ?? ("jsonl" as const),
    landingColumns: landingColumns(builder, table),
  };
}

function isAbsolute(location: string): boolean {
  return location.startsWith("/") || /^[a-z][a-z0-9+.-]*:\/\//i.test(location);
}

function landingColumns(builder: Builder, table: TableEntry): readonly LandingColumn[] {
  return (table.columns ?? []).flatMap((column: ColumnEntry) => {
    if (column.data_type === undefined) {
      const owner = `column ${column.name} of source ${table.name}`;
      builder.problems.add(
        "project/missing-key",
        { key: "data_type", owner },
        column.at,
        "varchar takes any text",
      );
      return [];
    }
    const required = column.required ?? column.constraints?.some(({ type }) => type === "not_null") ?? false;
    return [{ name: column.name, type: column.data_type, ...(required && { required }) }];
  });
}

function icebergPart(builder: Builder, source: SourceEntry, table: TableEntry) {
  refuse(builder, table, ["files", "format", "on_bad_record", "location"], "iceberg");
  const name = table.table ?? table.identifier ?? table.name;
  const identifier = name.includes(".") || source.schema === undefined ? name : `${source.schema}.${name}`;
  return { identifier, ...(table.metadata_location !== undefined && { location: table.metadata_location }) };
}

function refuse(
  builder: Builder,
  table: TableEntry,
  keys: readonly (keyof TableEntry)[],
  type: string,
): void {
  for (const key of keys) {
    if (table[key] === undefined) continue;
    const owner = `source ${table.name} of type ${type}`;
    builder.problems.add(
      "project/bad-value",
      { what: `${key} of ${owner}`, found: "set", expected: "nothing: it has no meaning here" },
      table.at,
    );
  }
}

function freshnessPart(source: SourceEntry, table: TableEntry): Pick<Source, "freshness"> {
  const own = table.freshness ?? source.freshness;
  if (own === undefined || own === false) return {};
  const bound = (period: typeof own.warn_after): NonNullable<Source["freshness"]>["warnAfter"] =>
    period?.count === undefined || period.period === undefined
      ? undefined
      : { count: period.count, period: period.period };
  const warnAfter = bound(own.warn_after);
  const errorAfter = bound(own.error_after);
  return {
    freshness: {
      ...(warnAfter !== undefined && { warnAfter }),
      ...(errorAfter !== undefined && { errorAfter }),
      ...(own.filter !== undefined && { filter: own.filter }),
    },
  };
}

export function makeExposures(builder: Builder): void {
  for (const file of builder.properties) {
    const folders = foldersOfProperties(builder, file.file);
    for (const entry of file.exposures ?? []) {
      const node = makeExposure({ builder, file: file.file, folders, entry });
      if (node !== undefined) addNode(builder, node, entry.at);
    }
  }
}

function makeExposure(options: {
  readonly builder: Builder;
  readonly file: string;
  readonly folders: readonly string[];
  readonly entry: ExposureEntry;
}): Exposure | undefined {
  const { builder, file, folders, entry } = options;
  const { settings, problems } = builder;
  if (entry.type === undefined) {
    problems.add("project/missing-key", { key: "type", owner: `exposure ${entry.name}` }, entry.at);
    return undefined;
  }
  const own =
    entry.config === undefined
      ? {}
      : readConfig("exposure", entry.config, `exposure ${entry.name}`, problems);
  const config = mergeConfig([entryConfig(entry), own]);
  if (config.enabled === false) return undefined;
  return {
    resourceType: "exposure",
    uniqueId: `exposure.${settings.name}.${entry.name}`,
    name: entry.name,
    fqn: [settings.name, ...folders, entry.name],
    path: file,
    type: entry.type,
    owner: entry.owner ?? {},
    ...(entry.url !== undefined && { url: entry.url }),
    ...(entry.label !== undefined && { label: entry.label }),
    ...(entry.maturity !== undefined && { maturity: entry.maturity }),
    ...(entry.description !== undefined && { description: entry.description }),
    tags: config.tags ?? [],
    meta: config.meta ?? {},
    references: dependsOn(entry, builder),
  };
}

function dependsOn(entry: ExposureEntry, { problems }: Builder): References {
  const refs: References["refs"][number][] = [];
  const sources: References["sources"][number][] = [];
  for (const item of entry.depends_on ?? []) {
    const found = typeof item.value === "string" ? parseReference(item.value, item.at) : null;
    if (found === null) {
      problems.errors.push(
        lakeError(
          "project/wrong-type",
          {
            what: `depends_on of exposure ${entry.name}`,
            found: JSON.stringify(item.value),
            expected: "ref('…') or source('…', '…')",
          },
          { at: item.at },
        ),
      );
    } else if ("table" in found) sources.push(found);
    else refs.push(found);
  }
  return { ...noReferences, refs, sources };
}
