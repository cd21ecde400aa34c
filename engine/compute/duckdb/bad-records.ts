// Finds the bad lines of landing files that are known to have some: their number, reason and bytes.
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import type { LandingRelation, RejectedRecord } from "../compute.ts";
import { reasonsSql } from "./landing.ts";
import { endsInside, recordReason } from "./record-reason.ts";
import { readRows } from "./session.ts";
import { decompressor } from "./verify-file.ts";

interface Line {
  readonly number: number;
  readonly bytes: Buffer;
}

export interface BadRecordSearch {
  readonly connection: DuckDBConnection;
  readonly relation: LandingRelation;
  /** As the relation spells it. */
  readonly path: string;
  /** Where it is read. */
  readonly localPath: string;
  readonly scratchDirectory: string;
  /** The search ends at this many. */
  readonly limit: number;
}

/** Few enough to be one batch of the engine, so that their order is kept. */
const linesPerChunk = 2000;
const bytesPerChunk = 8 << 20;
const chunksPerQuery = 16;
const newline = Buffer.from("\n");
const notJson = Buffer.from("x");

/** The file's bad lines in order. The same SQL that flagged a row says why, over small copies of its lines. */
export async function findBadRecords(search: BadRecordSearch): Promise<RejectedRecord[]> {
  const found: RejectedRecord[] = [];
  let waiting: Line[][] = [];
  for await (const chunk of chunksOf(linesOf(search.localPath))) {
    waiting.push(chunk);
    if (waiting.length < chunksPerQuery) continue;
    found.push(...(await checkChunks(search, waiting)));
    waiting = [];
    if (found.length >= search.limit) return found.slice(0, search.limit);
  }
  found.push(...(await checkChunks(search, waiting)));
  return found.slice(0, search.limit);
}

async function checkChunks(search: BadRecordSearch, chunks: readonly Line[][]): Promise<RejectedRecord[]> {
  if (chunks.length === 0) return [];
  const reasons = await reasonsOf(search, chunks);
  const found: RejectedRecord[] = [];
  for (const [index, lines] of chunks.entries()) {
    const ofChunk = reasons[index]!;
    // One row per line is the rule; where the engine disagrees, each line is read by itself.
    const each = ofChunk.length === lines.length ? ofChunk : await singly(search, lines);
    lines.forEach((line, at) => {
      const reason = each[at];
      if (typeof reason !== "string") return;
      const said = recordReason(reason, line.bytes, search.relation.columns);
      found.push({ path: search.path, line: line.number, reason: said, raw: line.bytes });
    });
  }
  return found;
}

/** A line that those after it might complete, as one that nothing completes: the engine would read across them. */
function sealed(line: Buffer): Buffer {
  return endsInside(line) ? notJson : line;
}

/** Copies the text of a file, its unfinished lines sealed; false, and no copy, where it has none. */
export async function copySealed(path: string, copy: string): Promise<boolean> {
  let unfinished = false;
  for await (const { bytes } of linesOf(path)) {
    unfinished = endsInside(bytes);
    if (unfinished) break;
  }
  if (!unfinished) return false;
  async function* lines(): AsyncGenerator<Buffer> {
    for await (const { bytes } of linesOf(path)) {
      yield sealed(bytes);
      yield newline;
    }
  }
  await pipeline(lines, createWriteStream(copy));
  return true;
}

async function singly(search: BadRecordSearch, lines: readonly Line[]): Promise<DuckDBValue[]> {
  const reasons = await reasonsOf(
    search,
    lines.map((line) => [line]),
  );
  return reasons.map((ofLine) =>
    ofLine.length === 1 ? ofLine[0]! : "not exactly one JSON object on the line",
  );
}

/** For each chunk the reasons of its lines, null for good ones. */
async function reasonsOf(
  search: BadRecordSearch,
  chunks: readonly (readonly Line[])[],
): Promise<DuckDBValue[][]> {
  const folder = join(search.scratchDirectory, `bad-records-${process.hrtime.bigint()}`);
  await mkdir(folder, { recursive: true });
  try {
    const paths = chunks.map((_, index) => join(folder, `${index}.jsonl`));
    let largest = 1 << 20;
    for (const [index, lines] of chunks.entries()) {
      const bytes = Buffer.concat(lines.flatMap((line) => [sealed(line.bytes), newline]));
      largest = Math.max(largest, bytes.length);
      await writeFile(paths[index]!, bytes);
    }
    const rows = await readRows(search.connection, reasonsSql(paths, search.relation, largest));
    const byPath = new Map(rows.map((row) => [String(row["path"]), itemsOf(row["reasons"])]));
    return paths.map((path) => byPath.get(path) ?? []);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function itemsOf(value: DuckDBValue | undefined): DuckDBValue[] {
  return typeof value === "object" && value !== null && "items" in value
    ? [...(value.items as DuckDBValue[])]
    : [];
}

async function* chunksOf(lines: AsyncIterable<Line>): AsyncGenerator<Line[]> {
  let chunk: Line[] = [];
  let bytes = 0;
  for await (const line of lines) {
    if (chunk.length > 0 && (chunk.length >= linesPerChunk || bytes + line.bytes.length > bytesPerChunk)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(line);
    bytes += line.bytes.length;
  }
  if (chunk.length > 0) yield chunk;
}

/** Lines with anything but white space, with their numbers; without a byte order mark and line ends. */
async function* linesOf(path: string): AsyncGenerator<Line> {
  let number = 0;
  let rest: Buffer[] = [];
  const take = (bytes: Buffer): Line | null => {
    number += 1;
    let line = bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes;
    if (number === 1 && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf) line = line.subarray(3);
    return line.some((byte) => byte !== 32 && (byte < 9 || byte > 13)) ? { number, bytes: line } : null;
  };
  for await (const chunk of textOf(path)) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = take(Buffer.concat([...rest, chunk.subarray(start, end)]));
      rest = [];
      start = end + 1;
      if (line) yield line;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  const last = rest.length > 0 ? take(Buffer.concat(rest)) : null;
  if (last) yield last;
}

/** The decompressed bytes of a landing file. */
export function textOf(path: string): AsyncIterable<Buffer> {
  const source = createReadStream(path, { highWaterMark: 1 << 20 });
  const unpack = decompressor(path);
  if (unpack === null) return source;
  source.on("error", (error) => unpack.destroy(error));
  return source.pipe(unpack);
}
