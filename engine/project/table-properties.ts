// What a model may say about its Iceberg table beside lake's own keys: names are free, since other engines have some of
// their own; a value that lake would not be able to keep to is refused here rather than after the work.
import { didYouMean } from "../common/suggest.ts";
import { mapOf, scalarText, type Reader } from "./readers.ts";

interface Rule {
  readonly expected: string;
  readonly fits: (value: string) => boolean;
}

const words = (...allowed: readonly string[]): Rule => ({
  expected: allowed.length === 1 ? String(allowed[0]) : `one of ${allowed.join(", ")}`,
  fits: (value) => allowed.includes(value.toLowerCase()),
});
const flag = words("true", "false");
const aboveZero: Rule = {
  expected: "a whole number above 0",
  fits: (value) => Number.isSafeInteger(Number(value)) && Number(value) > 0,
};
const metrics: Rule = {
  expected: "none, counts, full or truncate(16)",
  fits: (value) => /^(?:none|counts|full|truncate\([1-9]\d*\))$/i.test(value.trim()),
};
const modes = words("copy-on-write", "merge-on-read");
/** Lake writes no other format. */
const parquet = words("parquet");

/** A name that ends in a dot stands for those of all columns. */
const rules: Readonly<Record<string, Rule>> = {
  "write.format.default": parquet,
  "write.delete.format.default": parquet,
  "write.target-file-size-bytes": aboveZero,
  "write.parquet.compression-codec": words(
    "zstd",
    "snappy",
    "gzip",
    "lz4",
    "lz4_raw",
    "brotli",
    "none",
    "uncompressed",
  ),
  "write.parquet.compression-level": aboveZero,
  "write.parquet.row-group-size-bytes": aboveZero,
  "write.parquet.row-group-limit": aboveZero,
  "write.parquet.bloom-filter-enabled.column.": flag,
  "write.metadata.compression-codec": words("none", "gzip"),
  "write.metadata.previous-versions-max": aboveZero,
  "write.metadata.delete-after-commit.enabled": flag,
  "write.metadata.metrics.default": metrics,
  "write.metadata.metrics.column.": metrics,
  "write.metadata.metrics.max-inferred-column-defaults": aboveZero,
  "write.merge.mode": modes,
  "write.delete.mode": modes,
  "commit.manifest.target-size-bytes": aboveZero,
  "commit.manifest.min-count-to-merge": aboveZero,
  "commit.manifest-merge.enabled": flag,
  "history.expire.max-snapshot-age-ms": aboveZero,
  "history.expire.min-snapshots-to-keep": aboveZero,
  "history.expire.max-ref-age-ms": aboveZero,
  "gc.enabled": flag,
};

/** Table properties, checked where lake itself keeps to them; a name that is nearly one of those is told. */
export const tableProperties: Reader<Readonly<Record<string, string>>> = (node, what, problems) => {
  const read = mapOf(scalarText)(node, what, problems);
  for (const [name, value] of Object.entries(read ?? {})) {
    const at = node.entries?.get(name)?.node.at ?? node.at;
    const rule = rules[name] ?? rules[name.replace(/(?<=\.column\.).*$/, "")];
    if (rule === undefined) {
      const near = /^(?:write|commit|history|gc)\./.test(name) && didYouMean(name, Object.keys(rules));
      if (near) problems.warn(`${what}.${name} is no property that lake knows: ${near}`, at);
    } else if (!rule.fits(value)) {
      problems.add(
        "project/bad-value",
        { what: `${what}.${name}`, found: value, expected: rule.expected },
        at,
      );
    }
  }
  return read;
};
