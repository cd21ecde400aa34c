// The landing files of one write: read as checked rows, verified beside that, counted and accounted for.
import { createWriteStream } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { isLakeError, lakeError, type LakeError } from "../../common/errors.ts";
import type { LandingCount, LandingRelation, RejectedRecord, WriteRequest } from "../compute.ts";
import { copySealed, findBadRecords, textOf } from "./bad-records.ts";
import { engineError, executionError } from "./errors.ts";
import {
  badRecordMark,
  checkedLandingSql,
  failSql,
  flaggedFilesSql,
  type LandingSqlOptions,
} from "./landing.ts";
import { replacedFiles } from "./engine-files.ts";
import { localPath } from "./paths.ts";
import { readRows, type DuckDbSession } from "./session.ts";
import { identifier, literal } from "./text.ts";
import { decompressor, type VerifiedFile } from "./verify-file.ts";
import { verifyFiles, type Verification } from "./verify-files.ts";

/** How many bad lines an error shows. */
const shownRecords = 10;
/** How many bad lines a quarantining write takes before it fails: more are not bad lines but a bad source. */
const mostRejected = 10_000;
const mostRejectedBytes = 64 << 20;

export interface IngestRequest {
  readonly session: DuckDbSession;
  readonly connection: DuckDBConnection;
  readonly request: WriteRequest;
  /** The longest line that the reader is to take. */
  readonly longestLine: number;
  /** Whether files are looked through for values that span lines, which the engine cannot leave out. */
  readonly sealed: boolean;
}

/** The landing side of one attempt to write. */
export class Ingest {
  readonly #options: IngestRequest;
  readonly #relations: LandingRelation[] = [];
  readonly #replaced = new Map<string, string>();
  readonly #sequence: string;
  readonly #scratch: string;
  #verification: Verification = verifyFiles([]);

  constructor(options: IngestRequest) {
    this.#options = options;
    this.#sequence = `lake bad rows ${options.request.writeId}`;
    this.#scratch = join(options.session.scratchDirectory, `ingest-${options.request.writeId}`);
  }

  /** The SELECT of a landing relation's good rows. */
  async landingSql(relation: LandingRelation): Promise<string> {
    if (this.#relations.length === 0) {
      await mkdir(this.#scratch, { recursive: true });
      await this.#options.connection.run(
        `create or replace sequence memory.main.${identifier(this.#sequence)}`,
      );
    }
    this.#relations.push(relation);
    for (const [path, local] of replacedFiles(this.#options.session, relation))
      this.#replaced.set(path, local);
    for (const { path } of relation.files) await this.#replaceUnreadable(path);
    const count = `nextval(${literal(`memory.main.${identifier(this.#sequence)}`)}) < 0`;
    const onBad = relation.onBadRecord === "fail" ? failSql() : count;
    return checkedLandingSql({ ...this.#sqlOptions(relation), onBad });
  }

  #sqlOptions(relation: LandingRelation): Omit<LandingSqlOptions, "onBad"> {
    return { relation, replaced: this.#replaced, longestLine: this.#options.longestLine };
  }

  #local(path: string): string {
    return this.#options.session.files.localPath(path);
  }

  /** The engine takes a byte order mark for a part of the first line, and fails at values that span lines: such a
   *  file is read from a copy without them. */
  async #replaceUnreadable(path: string): Promise<void> {
    const local = this.#local(path);
    const copy = join(this.#scratch, `${this.#replaced.size}.jsonl`);
    if (this.#options.sealed && (await copySealed(local, copy))) {
      this.#replaced.set(path, copy);
      return;
    }
    if (!(await beginsWithMark(local))) return;
    await pipeline(withoutMark(textOf(local)), createWriteStream(copy));
    this.#replaced.set(path, copy);
  }

  /** Starts reading every file to its end beside the engine. */
  startVerification(): void {
    const files = this.#relations.flatMap((relation) => relation.files);
    this.#verification = verifyFiles([...new Set(files.map(({ path }) => this.#local(path)))]);
  }

  /** What each file gave, once all of them are proven whole and unchanged. */
  async finish(): Promise<{ readonly counts: LandingCount[]; readonly rejected: RejectedRecord[] }> {
    if (this.#relations.length === 0) return { counts: [], rejected: [] };
    const verified = await this.#verified();
    const rejected = (await this.#rejectedRows()) > 0 ? await this.#search("quarantine", mostRejected) : [];
    const counts = new Map<string, LandingCount>();
    for (const { path } of this.#relations.flatMap((relation) => relation.files)) {
      const file = verified.get(this.#local(path))!;
      const rejectedRows = rejected.filter((record) => record.path === path).length;
      const { sizeBytes, contentHash, modifiedMs } = file;
      counts.set(path, {
        path,
        sizeBytes,
        contentHash,
        modifiedMs,
        validRows: file.lines - rejectedRows,
        rejectedRows,
      });
    }
    return { counts: [...counts.values()], rejected };
  }

  /** Every file's proof; `compute/damaged-archive` or `compute/landing-changed` where it fails. */
  async #verified(): Promise<ReadonlyMap<string, VerifiedFile>> {
    const verified = await this.#verification.done;
    for (const { path, sizeBytes } of this.#relations.flatMap((relation) => relation.files)) {
      const file = verified.get(this.#local(path))!;
      if (file.problem?.kind === "damaged") {
        throw lakeError(
          "compute/damaged-archive",
          { path, problem: file.problem.message },
          { at: { file: path }, hint: "land the file again, complete" },
        );
      }
      const now = await this.#options.session.files.current(path);
      const same = now !== null && now.sizeBytes === file.sizeBytes && now.modifiedMs === file.modifiedMs;
      if (!same || file.problem || sizeBytes !== file.sizeBytes) {
        throw lakeError("compute/landing-changed", {
          path,
          expectedBytes: sizeBytes,
          foundBytes: now?.sizeBytes ?? null,
        });
      }
    }
    return verified;
  }

  async #rejectedRows(): Promise<number> {
    if (!this.#relations.some(({ onBadRecord }) => onBadRecord === "quarantine")) return 0;
    const sql = `select last_value as rows from duckdb_sequences() where sequence_name = ${literal(this.#sequence)}`;
    const [row] = await readRows(this.#options.connection, sql);
    return Number(row?.["rows"] ?? 0);
  }

  /** Reads the files with bad rows again, as bytes. */
  async #search(mode: LandingRelation["onBadRecord"], limit: number): Promise<RejectedRecord[]> {
    const { connection } = this.#options;
    const found = new Map<string, RejectedRecord[]>();
    let count = 0;
    let bytes = 0;
    for (const relation of this.#relations) {
      if (relation.onBadRecord !== mode) continue;
      for (const row of await readRows(connection, flaggedFilesSql(this.#sqlOptions(relation)))) {
        const path = String(row["path"]);
        // Two relations may read the same files; a line is bad once.
        if (found.has(path)) continue;
        // One more than allowed is looked for, so that the limit itself is no failure.
        const search = {
          connection,
          relation,
          path,
          localPath: this.#local(path),
          scratchDirectory: this.#scratch,
          limit: limit + 1 - count,
        };
        const records = await findBadRecords(search);
        found.set(path, records);
        count += records.length;
        for (const { raw } of records) bytes += raw.length;
        if (mode === "fail" && count >= limit) return [...found.values()].flat().slice(0, limit);
        if (count > limit || bytes > mostRejectedBytes) {
          const hint = `the declaration in ${placeOf(relation)} may not fit the source`;
          throw lakeError("compute/too-many-bad-records", { limit, path }, { hint });
        }
      }
    }
    return [...found.values()].flat();
  }

  /** The failure in the house's words: a bad record with its file and line, a damaged archive rather than its symptom. */
  async explain(error: unknown): Promise<LakeError> {
    const failure = executionError(error);
    if (this.#relations.length === 0 || isLakeError(error) || failure.code === "compute/out-of-memory")
      return failure;
    if (!failure.message.includes(badRecordMark)) {
      // A cut archive may look like bad rows or like a broken stream: the proof decides.
      return this.#verified().then(() => failure, engineError);
    }
    try {
      await this.#verified();
      return badRecordError(this.#relations, await this.#search("fail", shownRecords)) ?? failure;
    } catch (found) {
      return engineError(found);
    }
  }

  async close(): Promise<void> {
    await this.#verification.stop();
    if (this.#relations.length === 0) return;
    await rm(this.#scratch, { recursive: true, force: true });
    const drop = `drop sequence if exists memory.main.${identifier(this.#sequence)} cascade`;
    await this.#options.session.withConnection((connection) => connection.run(drop)).catch(() => undefined);
  }
}

function badRecordError(
  relations: readonly LandingRelation[],
  records: readonly RejectedRecord[],
): LakeError | null {
  const [first] = records;
  if (!first) return null;
  const relation =
    relations.find(({ files }) => files.some(({ path }) => path === first.path)) ?? relations[0]!;
  const lines = records.length === 1 ? "the line" : "the lines";
  const hint = `mend ${lines}, or set on_bad_record: quarantine in ${placeOf(relation)}`;
  const errors = records.map(({ path, line, reason }) => {
    const file = localPath(path);
    return lakeError("compute/bad-record", { path: file, line, reason }, { at: { file, line } });
  });
  const at = { file: localPath(first.path), line: first.line };
  if (records.length > 1) {
    const parameters = { count: records.length, most: shownRecords, path: at.file, line: at.line };
    return lakeError("compute/bad-records", parameters, { at, hint, errors });
  }
  const { line, reason } = first;
  return lakeError("compute/bad-record", { path: at.file, line, reason }, { at, hint });
}

function placeOf({ declaredAt }: LandingRelation): string {
  return declaredAt.line === undefined ? declaredAt.file : `${declaredAt.file}:${declaredAt.line}`;
}

const mark = Buffer.from([0xef, 0xbb, 0xbf]);

async function beginsWithMark(path: string): Promise<boolean> {
  if (decompressor(path) === null) {
    const handle = await open(path).catch(() => null);
    if (handle === null) return false;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(3), 0, 3, 0).finally(() => handle.close());
    return bytesRead === 3 && buffer.equals(mark);
  }
  try {
    for await (const chunk of textOf(path)) return chunk.subarray(0, 3).equals(mark);
  } catch {
    // Damaged: the verification says so, with the file's name.
  }
  return false;
}

async function* withoutMark(text: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let first = true;
  for await (const chunk of text) {
    yield first ? chunk.subarray(3) : chunk;
    first = false;
  }
}
