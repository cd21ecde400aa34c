// What of a model's code is no longer what its table was built with.
import { stableStringify } from "../common/hash.ts";
import type { ModelCode } from "./fingerprint.ts";
import { diffLines } from "./line-diff.ts";
import type { DiffLine } from "./line-diff.ts";

export interface CodeChange {
  readonly what:
    | "sql"
    /** Only where later runs of an incremental model are meant, and the first is not. */
    | "incremental sql"
    /** A view or ephemeral model that goes into the statement. */
    | "view"
    | "config"
    /** The declaration of a landing source. */
    | "source"
    | "time zone"
    | "engine";
  /** Of the view, the config key or the source. */
  readonly name?: string;
  /** Of texts. */
  readonly diff?: readonly DiffLine[];
  /** Of all else; null where it is not there. */
  readonly before?: string | null;
  readonly after?: string | null;
}

type Normalise = (sql: string) => string;

/** Empty for code that gives the same fingerprint. */
export function codeChanges(before: ModelCode, after: ModelCode, normalise: Normalise): CodeChange[] {
  return [
    ...sqlChanges(before, after, normalise),
    ...viewChanges(before, after, normalise),
    ...valueChanges("config", before.config, after.config),
    ...valueChanges("source", before.landing, after.landing),
    ...oneChange("time zone", before.context.timezone, after.context.timezone),
    ...oneChange("engine", before.context.engine, after.context.engine),
  ];
}

function sqlChanges(before: ModelCode, after: ModelCode, normalise: Normalise): CodeChange[] {
  const isSame = (a: string, b: string): boolean => normalise(a) === normalise(b);
  if (!isSame(before.sql, after.sql)) return [{ what: "sql", diff: diffLines(before.sql, after.sql) }];
  const [old, now] = [before.incrementalSql ?? before.sql, after.incrementalSql ?? after.sql];
  return isSame(old, now) ? [] : [{ what: "incremental sql", diff: diffLines(old, now) }];
}

function viewChanges(before: ModelCode, after: ModelCode, normalise: Normalise): CodeChange[] {
  const names = [...new Set([...Object.keys(after.inlined), ...Object.keys(before.inlined)])].sort();
  return names.flatMap((name): CodeChange[] => {
    const [old, now] = [before.inlined[name] ?? "", after.inlined[name] ?? ""];
    return normalise(old) === normalise(now) ? [] : [{ what: "view", name, diff: diffLines(old, now) }];
  });
}

function valueChanges(
  what: "config" | "source",
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): CodeChange[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key): CodeChange[] => {
    const [old, now] = [textOf(before[key]), textOf(after[key])];
    if (old === now) return [];
    const name = what === "config" ? key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : key;
    return [{ what, name, before: old, after: now }];
  });
}

function oneChange(what: "time zone" | "engine", before: string, after: string): CodeChange[] {
  return before === after ? [] : [{ what, before, after }];
}

function textOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const isText = (one: unknown): one is string => typeof one === "string";
  if (Array.isArray(value) && value.every(isText)) return value.join(", ");
  return isText(value) ? value : stableStringify(value);
}
