// What was bound before. A statement's columns depend on its text, the columns of what it reads, the engine and
// the time zone: where all are as they were, it binds as it did. Only success is kept, so no error is hidden.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { sha256, stableStringify } from "../../common/hash.ts";
import type { BindRequest, BindResult, Column, EmptyRelation } from "../../compute/compute.ts";
import { codeVersion } from "../../project/parse-cache.ts";
import type { Session } from "../session.ts";

/** Of the file; another number when its meaning changes. */
const layout = 1;

/** Other selections of the project share the file; beyond this many statements the oldest go. */
const maximumEntries = 50_000;

/** Place of the columns in the list of shapes; then, of each relation read, its name and its columns' place. */
type Entry = readonly [shape: number, inputs: readonly (readonly [name: string, shape: number])[]];

interface Content {
  /** Distinct lists of columns: thousands of statements share a few hundred. */
  readonly shapes: readonly (readonly Column[])[];
  /** SHA-256 of the statement's text (`entryKey`) → what it gave. */
  readonly entries: readonly (readonly [string, Entry])[];
}

/** As `Compute.bind`, except that the engine is asked only for what differs from earlier times. */
export async function bindRemembered(
  session: Session,
  requests: readonly BindRequest[],
  inputs: readonly EmptyRelation[],
): Promise<readonly BindResult[]> {
  const compute = await session.compute();
  const cache = await BindCache.open(session);
  for (const { name, columns } of inputs) cache.learn(name, columns);
  const asked = requests.map((request) => {
    const columns = cache.find(request);
    cache.learn(request.name, columns);
    return columns === undefined ? request : { ...request, columns };
  });
  const results = await compute.bind(asked, inputs);
  cache.save(requests, results);
  return results;
}

class BindCache {
  readonly #file: string;
  readonly #key: string;
  readonly #shapes: (readonly Column[])[] = [];
  readonly #places = new Map<string, number>();
  readonly #entries: Map<string, Entry>;
  /** Relation, lower case → the place of its columns, as far as they are known so far. */
  readonly #known = new Map<string, number>();

  private constructor(file: string, key: string, content: Content) {
    this.#file = file;
    this.#key = key;
    for (const columns of content.shapes) this.#placeOf(columns);
    this.#entries = new Map(content.entries);
  }

  static async open(session: Session): Promise<BindCache> {
    const { root, settings } = session.graph.project;
    const { profile, name, compute } = session.profile;
    const code = codeVersion(["compute", `compute/${compute.type}`, "common"]);
    const key = sha256(
      stableStringify([layout, code, compute, await session.engineVersion(), settings.timezone]),
    );
    const file = path.join(root, settings.targetPath, "cache", `bound-${profile}-${name}.json`);
    return new BindCache(file, key, readContent(file, key));
  }

  /** Says what a relation looks like to those that come after; undefined where it must be bound first. */
  learn(name: string, columns: readonly Column[] | undefined): void {
    if (columns === undefined) this.#known.delete(name.toLowerCase());
    else this.#known.set(name.toLowerCase(), this.#placeOf(columns));
  }

  find(request: BindRequest): readonly Column[] | undefined {
    const entry = this.#entries.get(entryKey(request));
    if (entry === undefined) return undefined;
    const [shape, inputs] = entry;
    return inputs.every(([name, place]) => this.#known.get(name) === place) ? this.#shapes[shape] : undefined;
  }

  save(requests: readonly BindRequest[], results: readonly BindResult[]): void {
    const fresh = new Map<string, Entry>();
    for (const [index, result] of results.entries()) {
      const request = requests[index] as BindRequest;
      const { name } = request;
      this.learn(name, "columns" in result ? result.columns : undefined);
      if ("error" in result || result.inputs === undefined) continue;
      const inputs = result.inputs.map((input) => [
        input.toLowerCase(),
        this.#known.get(input.toLowerCase()),
      ]);
      if (inputs.some(([, place]) => place === undefined)) continue;
      fresh.set(entryKey(request), [this.#placeOf(result.columns), inputs as [string, number][]]);
    }
    if (fresh.size === 0) return;
    for (const [key, entry] of this.#entries) {
      if (fresh.size >= maximumEntries) break;
      if (!fresh.has(key)) fresh.set(key, entry);
    }
    writeContent(this.#file, this.#key, this.#compact([...fresh]));
  }

  /** Without shapes that no entry is left for. */
  #compact(entries: readonly (readonly [string, Entry])[]): Content {
    const shapes: (readonly Column[])[] = [];
    const moved = new Map<number, number>();
    const move = (place: number): number => {
      let to = moved.get(place);
      if (to === undefined) moved.set(place, (to = shapes.push(this.#shapes[place] ?? []) - 1));
      return to;
    };
    return {
      entries: entries.map(([key, [shape, inputs]]) => [
        key,
        [move(shape), inputs.map(([name, place]) => [name, move(place)])],
      ]),
      shapes,
    };
  }

  #placeOf(columns: readonly Column[]): number {
    const text = JSON.stringify(columns.map(({ name, type }) => [name, type]));
    let place = this.#places.get(text);
    if (place === undefined) {
      place = this.#shapes.push(columns) - 1;
      this.#places.set(text, place);
    }
    return place;
  }
}

/** What binds as the rows of a test may still be no model. */
function entryKey({ sql, rowsOnly }: BindRequest): string {
  return sha256(rowsOnly === true ? `rows of\n${sql}` : sql);
}

/** Nothing, unless the file is whole and was written under the same key. */
function readContent(file: string, key: string): Content {
  try {
    const text = readFileSync(file, "utf8");
    const end = text.indexOf("\n");
    const body = text.slice(end + 1);
    if (text.slice(0, end) === `${key} ${sha256(body)}`) return JSON.parse(body) as Content;
  } catch {
    // No file yet, or one that cannot be read: it is a cache.
  }
  return { shapes: [], entries: [] };
}

function writeContent(file: string, key: string, content: Content): void {
  const temporary = `${file}.${process.pid}`;
  try {
    const body = JSON.stringify(content);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(temporary, `${key} ${sha256(body)}\n${body}`);
    renameSync(temporary, file);
  } catch {
    remove(temporary);
  }
}

/** A full disk must not be filled further by what could not be finished. */
function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // Then there is no folder for it either.
  }
}
