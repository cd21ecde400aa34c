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

/** What of the config decides about rows, columns or layout. */
function configPart(config: NodeConfig): Record<string, unknown> {
  const { materialized, strategy, uniqueKey, partitionBy, sortedBy, formatVersion } = config;
  const { properties, onSchemaChange, columnTypes, delimiter, quoteColumns, contract } = config;
  return {
    materialized,
    strategy,
    uniqueKey,
    partitionBy,
    sortedBy,
    formatVersion,
    properties,
    onSchemaChange,
    columnTypes,
    delimiter,
    quoteColumns,
    contract,
  };
}

/**
 * `sql` is the rendered statement with both branches of `{{#if incremental}}`, so that first and later
 * runs agree, and with names of nodes, so that an environment agrees with what it stands on; `inlined` the
 * rendered views and ephemerals it reads, by unique id; `landing` the
 * landing sources behind them, whose declaration is part of the meaning.
 */
export function modelFingerprint(options: {
  readonly model: Model;
  readonly sql: string;
  readonly inlined: ReadonlyMap<string, string>;
  readonly landing: readonly Source[];
  readonly context: FingerprintContext;
  /** `normaliseSql`, or one that remembers: a view's text is part of all fingerprints that it is below. */
  readonly normalise?: (sql: string) => string;
}): string {
  const { model, sql, inlined, landing, context, normalise = normaliseSql } = options;
  return sha256(
    stableStringify({
      sql: normalise(sql),
      inlined: [...inlined].map(([name, text]): [string, unknown] => [name, normalise(text)]).sort(byFirst),
      landing: landing.map(landingPart).sort(byFirst),
      config: configPart(model.config),
      contract: model.config.contract?.enforced === true ? [model.columns, model.constraints] : null,
      context,
    }),
  );
}

function landingPart(source: Source): [string, unknown] {
  return [source.uniqueId, [source.format, source.landingColumns, source.onBadRecord]];
}

function byFirst(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
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
