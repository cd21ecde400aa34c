// YAML with positions: js-yaml's values, joined with where its parser met them.
import {
  CORE_SCHEMA,
  constructFromEvents,
  EVENT_ID,
  getScalarValue,
  mergeTag,
  parseEvents,
  YAMLException,
} from "js-yaml";
import type { Event } from "js-yaml";
import { lakeError } from "../common/errors.ts";
import type { Location } from "../common/errors.ts";
import type { Json } from "../common/json.ts";

/** A value and where it stands. `entries` for mappings, `items` for lists; both null for scalars. */
export interface YamlNode {
  readonly value: Json;
  readonly at: Location;
  readonly entries: ReadonlyMap<string, YamlEntry> | null;
  readonly items: readonly YamlNode[] | null;
}
export interface YamlEntry {
  readonly keyAt: Location;
  readonly node: YamlNode;
}

/** Offsets only; lines are counted when the tree of values is joined to it. */
interface Place {
  readonly offset: number;
  readonly keys: Map<string, { offset: number; place: Place }> | null;
  readonly items: Place[] | null;
}

const schema = CORE_SCHEMA.withTags(mergeTag);

/** Parses one document; an empty file is null. Errors: `project/bad-yaml` with its line. */
export function parseYaml(text: string, file: string): YamlNode {
  // A byte order mark is invisible and common on Windows.
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  try {
    const events = parseEvents(source, { filename: file });
    const documents = constructFromEvents(events, { source, filename: file, schema, maxAliases: 1000 });
    if (documents.length > 1) {
      throw lakeError(
        "project/bad-yaml",
        { file, problem: "it holds more than one document" },
        { at: { file, line: 1 } },
      );
    }
    const lines = lineStarts(source);
    const place = documents.length === 0 ? undefined : readPlaces(events, source);
    return join((documents[0] ?? null) as Json, place ?? leaf(0), (offset) => locate(lines, offset, file));
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = error.mark === undefined ? {} : { line: error.mark.line + 1, column: error.mark.column + 1 };
    const hint = error.reason.startsWith("bad indentation")
      ? "the keys of one mapping and the items of one list start in the same column, with spaces and no tabs"
      : undefined;
    throw lakeError("project/bad-yaml", { file, problem: error.reason }, { at: { file, ...line }, hint });
  }
}

/** A value that did not come from YAML (`{{config}}`), all of it at one place. */
export function yamlFromJson(value: Json, at: Location): YamlNode {
  if (Array.isArray(value)) {
    return {
      value,
      at,
      entries: null,
      items: (value as readonly Json[]).map((item) => yamlFromJson(item, at)),
    };
  }
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).map(
      ([key, item]) => [key, { keyAt: at, node: yamlFromJson(item, at) }] as const,
    );
    return { value, at, entries: new Map(entries), items: null };
  }
  return { value, at, entries: null, items: null };
}

function leaf(offset: number): Place {
  return { offset, keys: null, items: null };
}

function readPlaces(events: readonly Event[], source: string): Place {
  let index = 0;
  const next = (): Event | undefined => events[index++];
  const read = (event: Event | undefined): Place => {
    switch (event?.type) {
      case EVENT_ID.SCALAR:
        return leaf(event.valueStart);
      case EVENT_ID.ALIAS:
        return leaf(event.anchorStart);
      case EVENT_ID.SEQUENCE: {
        const items: Place[] = [];
        for (let item = next(); item !== undefined && item.type !== EVENT_ID.POP; item = next())
          items.push(read(item));
        return { offset: event.start, keys: null, items };
      }
      case EVENT_ID.MAPPING: {
        const keys = new Map<string, { offset: number; place: Place }>();
        for (let key = next(); key !== undefined && key.type !== EVENT_ID.POP; key = next()) {
          const name = key.type === EVENT_ID.SCALAR ? getScalarValue(source, key) : "";
          const { offset } = read(key);
          keys.set(name, { offset, place: read(next()) });
        }
        return { offset: event.start, keys, items: null };
      }
      default:
        return leaf(0);
    }
  };
  for (let event = next(); event !== undefined; event = next()) {
    if (event.type !== EVENT_ID.DOCUMENT) return read(event);
  }
  return leaf(0);
}

function join(value: Json, place: Place, at: (offset: number) => Location): YamlNode {
  const here = at(place.offset);
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item, index) =>
      join(item, place.items?.[index] ?? leaf(place.offset), at),
    );
    return { value, at: here, entries: null, items };
  }
  if (value === null || typeof value !== "object") {
    refuseInexact(value, here);
    return { value, at: here, entries: null, items: null };
  }
  const entries = new Map<string, YamlEntry>();
  for (const [key, item] of Object.entries(value)) {
    // A key that a merge (`<<`) brought stands where the mapping stands.
    const found = place.keys?.get(key);
    const offset = found?.offset ?? place.offset;
    const keyAt = at(offset);
    const valuePlace = found?.place ?? leaf(offset);
    // An empty value has no place of its own.
    entries.set(key, { keyAt, node: join(item, valuePlace.offset < offset ? leaf(offset) : valuePlace, at) });
  }
  return { value, at: here, entries, items: null };
}

/** A number with more digits than JavaScript keeps would be another number in SQL. */
function refuseInexact(value: Json, at: Location): void {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return;
  if (Number.isFinite(value) && !Number.isInteger(value)) return;
  const problem = "a number has more digits than can be kept exactly";
  throw lakeError("project/bad-yaml", { file: at.file, problem }, { at, hint: "put it in quotes" });
}

function lineStarts(source: string): readonly number[] {
  const starts = [0];
  for (let at = source.indexOf("\n"); at !== -1; at = source.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function locate(starts: readonly number[], offset: number, file: string): Location {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] as number) <= offset) low = middle;
    else high = middle - 1;
  }
  return { file, line: low + 1, column: offset - (starts[low] as number) + 1 };
}
