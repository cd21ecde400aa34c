// What the engine refuses, in the house's words. `errors_as_json` is on for every connection.
import { isLakeError, lakeError, LakeError } from "../../common/errors.ts";
import { isSplitValue } from "./landing.ts";
import { suggest } from "../../common/suggest.ts";

interface EngineReport {
  readonly type: string;
  readonly message: string;
  readonly subtype?: string | undefined;
  readonly name?: string | undefined;
  readonly candidates: readonly string[];
  readonly positionBytes?: number | undefined;
}

const longestCandidateList = 5;
/** How the engine says that it lacks a part of Parquet. */
const unreadable = /encoding is only supported for|unsupported (?:compression codec|encoding|page type)/i;
const memoryHint = "raise memory_limit under `compute:` of the target, lower threads, or split the model";

/**
 * Turns whatever the engine threw into a `compute/*` error, with the place in the statement where it names one.
 * `prefixBytes` stood before the statement in what the engine was given.
 */
export function engineError(error: unknown, prefixBytes = 0): LakeError {
  if (isLakeError(error)) return error;
  const report = readReport(error instanceof Error ? error.message : String(error));
  const position = report.positionBytes === undefined ? -1 : report.positionBytes - prefixBytes;
  const details = { positionBytes: position < 0 ? undefined : position, hint: hintOf(report), cause: error };
  const message = shortMessage(report);
  if (unreadable.test(message))
    return lakeError("compute/unsupported-feature", { what: `a Parquet file (${message})` }, details);
  switch (report.type) {
    case "Parser":
    case "Syntax":
      return lakeError("compute/syntax", { message }, details);
    case "Binder":
    case "Catalog":
      return lakeError("compute/bind", { message }, details);
    case "Conversion":
    case "Out of Range":
    case "Invalid Input":
    case "Mismatch Type":
      if (isSplitValue(report)) return lakeError("compute/landing-unreadable", { message }, details);
      // A file that cannot be read is no value either.
      return /magic bytes|parquet file|\.parquet'/i.test(report.message)
        ? lakeError("compute/failed", { message }, details)
        : lakeError("compute/bad-value", { message }, details);
    case "Permission":
      return lakeError("compute/not-allowed", { what: message }, details);
    case "Out of Memory":
      return lakeError(
        "compute/out-of-memory",
        { message: firstLine(report.message) },
        { ...details, hint: memoryHint, retryable: true },
      );
    case "IO":
      return /no space left|disk quota/i.test(report.message)
        ? lakeError("compute/disk-full", { message: firstLine(report.message) }, details)
        : lakeError("compute/failed", { message }, details);
    case "INTERRUPT":
    case "Interrupt":
      return lakeError("compute/interrupted", {}, details);
    default:
      return lakeError("compute/failed", { message }, details);
  }
}

/**
 * A failure of a statement that wraps others: its position counts from the start of whichever the engine
 * parsed (a view's, the wrapper's), so it is none at all; a wrong place is worse.
 */
export function executionError(error: unknown): LakeError {
  const { code, message, hint, retryable, cause } = engineError(error);
  return isLakeError(error) ? error : new LakeError(code, message, { hint, retryable, cause });
}

/** A failure of `json_serialize_sql`, which reports instead of throwing. */
export function parserError(message: string, position: string | undefined): LakeError {
  const bytes = position === undefined ? undefined : Number(position);
  return lakeError("compute/syntax", { message: lowerFirst(message) }, { positionBytes: bytes });
}

function readReport(text: string): EngineReport {
  // Parser errors are JSON behind a prefix: `Parser Error: {…}`.
  const start = text.indexOf("{");
  if (start >= 0 && text.endsWith("}")) {
    try {
      const json = JSON.parse(text.slice(start)) as Record<string, unknown>;
      if (typeof json["exception_message"] === "string") return reportOf(json, json["exception_message"]);
    } catch {
      // Not JSON after all: a message that happens to hold braces.
    }
  }
  const prefixed = /^(\w[\w ]*?) Error: ([\s\S]*)$/.exec(text);
  return { type: prefixed?.[1] ?? "", message: prefixed?.[2] ?? text, candidates: [] };
}

function reportOf(json: Record<string, unknown>, message: string): EngineReport {
  const text = (key: string) => (typeof json[key] === "string" ? json[key] : undefined);
  const position = Number(text("position"));
  return {
    type: text("exception_type") ?? "",
    message,
    subtype: text("error_subtype"),
    name: text("name"),
    candidates: splitCandidates(text("candidates")),
    positionBytes: text("position") !== undefined && Number.isSafeInteger(position) ? position : undefined,
  };
}

/** Candidates are joined by commas, also those of functions: `sum(DECIMAL) -> DECIMAL,sum(…`. */
function splitCandidates(text: string | undefined): string[] {
  if (!text) return [];
  const parts = text.includes("->") ? text.split(/,(?=[^()]*\()/) : text.split(",");
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

function hintOf(report: EngineReport): string | undefined {
  const quoted = /Candidate (?:bindings|Entries):[: ]*([^\n]*)/i.exec(report.message)?.[1];
  const candidates =
    report.candidates.length > 0
      ? report.candidates
      : (quoted?.split(",").map((part) => part.trim().replace(/^"|"$/g, "")) ?? []);
  // A name of 255 bytes is the most that file systems take.
  if (/file name too long/i.test(report.message))
    return "a partition's value names a folder: partition by truncate(…) or bucket(…) of long text";
  if (isSplitValue(report)) return "JSON lines hold one object on each line; lake build names the lines";
  if (report.type === "Conversion") return "try_cast gives null where a value does not fit";
  if (candidates.length === 0) {
    const suggestion = /Did you mean "([^"]+)"\?/.exec(report.message)?.[1];
    return suggestion === undefined ? undefined : `did you mean ${suggestion}?`;
  }
  const missing =
    /"([^"]+)" not found|named "([^"]+)"|(?:Function|Table) with name "?(\w+)"? does not exist/.exec(
      report.message,
    );
  const name = missing?.slice(1).find((group) => group !== undefined);
  const near = name === undefined ? undefined : suggest(name, candidates);
  if (near !== undefined) return `did you mean ${near}?`;
  const shown = candidates.slice(0, longestCandidateList);
  const rest = candidates.length - shown.length;
  const more = rest > 0 ? ` (and ${rest} more)` : "";
  if (candidates.some((candidate) => candidate.includes("->"))) {
    return `it takes ${shown.map((candidate) => candidate.replace(/ -> .*$/, "")).join(", ")}${more}`;
  }
  return `did you mean ${shown.join(", ")}${more}?`;
}

/** Lists of candidates go into the hint; for `+` the engine prints forty lines of them. */
function shortMessage(report: EngineReport): string {
  const cut = report.message
    .split(/\n\s*(?:Candidate |Did you mean|LINE \d+:)/i)[0]!
    .replace(/ You might need to add explicit type casts\.$/, "")
    .trim();
  const line = cut.replace(/\s*\n\s*/g, " ").replace(/[.!]+$/, "");
  return lowerFirst(line.replace(/^(Scalar|Table|Aggregate|Window|Macro) Function\b/, "$1 function"));
}

function firstLine(text: string): string {
  return lowerFirst(
    text
      .split("\n")[0]!
      .trim()
      .replace(/[.!]+$/, ""),
  );
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z ]/.test(text) ? text[0]!.toLowerCase() + text.slice(1) : text;
}
