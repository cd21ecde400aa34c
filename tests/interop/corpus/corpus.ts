// Tables that another engine wrote, with the rows that it reads from them; `lake query` reads them as sources.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseTableMetadata } from "../../../engine/iceberg/metadata.ts";
import { asRelation, planScan } from "../../../engine/iceberg/scan.ts";
import type { Schema } from "../../../engine/iceberg/types.ts";
import { queryProject } from "../../../engine/run/query-project.ts";
import type { Session } from "../../../engine/run/session.ts";
import { makeProject, type TestProject } from "../../e2e/project.ts";
import { canonicalColumns, canonicalRows } from "../canonical.ts";

/** What `corpus.py` says of a table, or of one question to it. */
export interface Answer {
  readonly case: string;
  readonly table: string;
  /** Of one table; its whole content where null. */
  readonly query: string | null;
  /** Metadata file, as the engine spells it. */
  readonly metadata: string;
  readonly snapshot: bigint | number | null;
  readonly rows: readonly unknown[];
  /** What lake refuses the table for. */
  readonly refused?: string;
}

export interface Corpus {
  readonly folder: string;
  readonly answers: readonly Answer[];
}

/** Runs a script of this folder over a new folder; the tables stay until that is removed. */
export async function makeCorpus(
  script: string,
  run: (path: string, args: readonly string[]) => Promise<unknown>,
): Promise<Corpus> {
  const folder = mkdtempSync(join(tmpdir(), "lake-corpus-"));
  const path = fileURLToPath(new URL(script, import.meta.url));
  return { folder, answers: (await run(path, [folder])) as Answer[] };
}

/** A project with each table of the corpus as a source, named by its metadata file alone. */
export function corpusProject({ answers }: Corpus): TestProject {
  const tables = new Map(answers.map(({ table, metadata }) => [table, metadata]));
  const sources = [...tables].map(
    ([table, metadata]) =>
      `      - {name: ${sourceName(table)}, metadata_location: ${JSON.stringify(metadata)}}`,
  );
  return makeProject({
    "models/sources.yml": `version: 2
sources:
  - name: corpus
    type: iceberg
    tables:
${sources.join("\n")}
`,
  });
}

export function sourceName(table: string): string {
  return table.replaceAll(".", "_");
}

/** The answer's rows and lake's, both in canonical form. */
export async function bothReadings(
  session: Session,
  answer: Answer,
): Promise<{ readonly theirs: string[]; readonly ours: string[] }> {
  const { schema, rows } =
    answer.snapshot === null ? await ofCurrentState(session, answer) : await ofSnapshot(session, answer);
  return { theirs: canonicalRows(schema, answer.rows), ours: canonicalRows(schema, rows) };
}

interface Reading {
  readonly schema: Schema;
  readonly rows: readonly unknown[];
}

async function ofCurrentState(session: Session, { table, query }: Answer): Promise<Reading> {
  const source = `{{source "corpus" "${sourceName(table)}"}}`;
  const sql = (query ?? `select * from ${table}`).replaceAll(table, source);
  const { columns } = await queryProject(session, { sql, limit: 0 });
  const schema = (await session.compute()).toSchema(columns);
  // A plain list of columns is replaced, so that the filter prunes; around others the query is a subquery.
  const plain = /^select (?:\*|[a-z_, ]+) (from .*)$/is.exec(sql)?.[1];
  const canonical = `select ${canonicalColumns(schema)} ${plain ?? `from (${sql})`}`;
  return { schema, rows: (await queryProject(session, { sql: canonical })).rows };
}

async function ofSnapshot(session: Session, { metadata: location, snapshot }: Answer): Promise<Reading> {
  const [storage, compute] = await Promise.all([session.storage(), session.compute()]);
  const metadata = parseTableMetadata(await storage.read(location), location);
  const snapshotId = BigInt(snapshot ?? 0);
  const tasks = await planScan({ storage, metadata, snapshotId });
  const relation = asRelation({ name: "t", metadata, snapshotId, tasks });
  const sql = `select ${canonicalColumns(relation.schema)} from "t"`;
  return { schema: relation.schema, rows: (await compute.query({ sql, relations: [relation] })).rows };
}
