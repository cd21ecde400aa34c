// The fingerprint of a node: equal fingerprints over equal inputs give equal rows (rules 19 to 21).
import { sha256, stableStringify } from "../common/hash.ts";
import type { Model, NodeConfig, Seed, Source } from "../project/types.ts";
import { normaliseSql } from "../common/normalise-sql.ts";

export interface FingerprintContext {
  /** IANA name of the session's time zone. */
  readonly timezone: string;
  /** Engine and version, for example `duckdb v1.5.5`. */
  readonly engine: string;
}

/** What a model's rows follow from, apart from its inputs. Its fingerprint is the hash of this, and what changed
 *  since a build is seen by comparing two of them. */
export interface ModelCode {
  /** As the first build or a rebuild renders it, with unique ids of nodes in place of the target's tables. */
  readonly sql: string;
  /** Of an incremental model: as later runs render it. */
  readonly incrementalSql?: string;
  /** Unique id → text, of the views and ephemerals on the way. */
  readonly inlined: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, unknown>>;
  /** Of a microbatch model: unique id → event time of the inputs that it reads batch by batch. */
  readonly batchedBy?: Readonly<Record<string, string>>;
  /** Unique id → declaration, of the landing sources behind it. */
  readonly landing: Readonly<Record<string, unknown>>;
  readonly context: FingerprintContext;
}

/** Config that is about the table's columns and layout: it changes without a row being written. */
const saysHowRowsLie: readonly (keyof NodeConfig)[] = [
  "partitionBy",
  "sortedBy",
  "formatVersion",
  "properties",
  "onSchemaChange",
  "contract",
];

/** Config that says nothing of rows. All else counts, also what is new to this list. */
const saysNothingOfRows: ReadonlySet<string> = new Set<keyof NodeConfig>([
  ...saysHowRowsLie,
  "enabled",
  "tags",
  "meta",
  "group",
  "access",
  "fullRefresh",
  "reuse",
  "publish",
  "maintain",
  "lookback",
  // The table's name: another one is another table.
  "schema",
  "alias",
]);

function configPart(config: NodeConfig): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).filter(
      ([key]) =>
        !saysNothingOfRows.has(key) &&
        // Elsewhere it speaks to the models that read the table.
        (key !== "eventTime" || config.strategy === "microbatch"),
    ),
  );
}

export function modelCode(options: {
  readonly model: Model;
  readonly sql: string;
  readonly incrementalSql?: string;
  readonly inlined: Readonly<Record<string, string>>;
  readonly landing: readonly Source[];
  readonly batchedBy?: Readonly<Record<string, string>>;
  readonly context: FingerprintContext;
}): ModelCode {
  const { model, landing, ...rest } = options;
  return {
    ...rest,
    config: configPart(model.config),
    landing: Object.fromEntries(landing.map((source) => [source.uniqueId, landingPart(source)])),
  };
}

/**
 * What names, types and layout of a table follow from: its model, and all that changes the table without changing
 * a row. A table that was made or last looked at with the same definition needs no other look.
 */
export function tableDefinition(node: Model | Seed, fingerprint: string): string {
  const { config } = node;
  const isEnforced = config.contract?.enforced === true;
  return sha256(
    stableStringify({
      fingerprint,
      config: saysHowRowsLie.map((key) => [key, config[key] ?? null]),
      columns: node.columns.map(({ name, description, was, default: value, dataType, constraints }) => [
        name,
        description ?? null,
        was ?? [],
        ...(value === undefined ? [] : [{ default: value }]),
        ...(isEnforced ? [dataType ?? null, constraints ?? []] : []),
      ]),
    }),
  );
}

function landingPart({ format, landingColumns, onBadRecord }: Source): unknown {
  return { format, columns: landingColumns, onBadRecord };
}

/** Comments and layout of SQL do not count. `normalise` is `normaliseSql`, or one that remembers: a view's text is
 *  part of all fingerprints that it is below. */
export function modelFingerprint(code: ModelCode, normalise: (sql: string) => string = normaliseSql): string {
  const { sql, incrementalSql, inlined, ...rest } = code;
  return sha256(
    stableStringify({
      ...rest,
      sql: normalise(sql),
      incrementalSql: incrementalSql === undefined ? null : normalise(incrementalSql),
      inlined: Object.fromEntries(Object.entries(inlined).map(([name, text]) => [name, normalise(text)])),
    }),
  );
}

export function seedFingerprint(seed: Seed, context: FingerprintContext): string {
  return sha256(
    stableStringify({
      file: seed.checksum,
      config: configPart(seed.config),
      columns: seed.columns.map((column) => [column.name, column.dataType]),
      context,
    }),
  );
}

/** A test's own fingerprint: what it asks, and how its answer is judged. */
export function testFingerprint(sql: string, judgement: unknown, context: FingerprintContext): string {
  return sha256(stableStringify({ sql: normaliseSql(sql), judgement, context }));
}
