// How an incremental model's rows meet those that its table holds already: one file for each way.
import type { CatalogTable } from "../../catalog/catalog.ts";
import type { KeptRows, Relation, WriteRequest, WriteResult } from "../../compute/compute.ts";
import type { ChangeOperation } from "../../iceberg/change.ts";
import type { DataFile, Schema } from "../../iceberg/types.ts";
import type { Model } from "../../project/types.ts";
import type { BuildContext } from "../writing/build-table.ts";
import type { ChangedKeys } from "../writing/keep-changed.ts";
import type { PlannedNode } from "../planning/planner.ts";
import type { Shape } from "../binding/shapes.ts";

export interface Strategy {
  /** Whether it may take in landing files one by one: each run sees the new ones alone. */
  readonly ingests: boolean;
  /** What is wrong with the model's config, asked before anything runs. */
  readonly check: (model: Model) => void;
  /** … and with the columns that its table will have. */
  readonly checkColumns?: (model: Model, schema: Schema) => void;
  /** Writes the files of the change, also where the table is made anew. */
  readonly write: (table: TableWrite) => Promise<Written>;
}

/** One table in the making. Files that it wrote are gone when its strategy fails. */
export interface TableWrite {
  readonly context: BuildContext;
  readonly node: PlannedNode;
  readonly model: Model;
  /** What is changed; null where the table is made anew. */
  readonly base: CatalogTable | null;
  readonly shape: Shape;
  /** Of the table, as it will have them. */
  readonly properties: Readonly<Record<string, string>>;
  /** What the model's statement reads. */
  readonly relations: readonly Relation[];
  /** What changed in the inputs that the model follows with `{{changed …}}`; none where the table is made anew. */
  readonly changed: readonly ChangedKeys[];
  /** The rows of the model's statement as data files of the table; over other relations than its own if given. */
  writeResult(relations?: readonly Relation[]): Promise<WriteResult>;
  /** The rows of the model's statement beside the engine, as the relation `resultName`. */
  keepResult(): Promise<KeptRows>;
  /** Whether rows that are written again keep their ids: then they come with `lineageFields`. */
  readonly lineage: boolean;
  /** Other rows as data files of the table. */
  writeRows(sql: string, relations: readonly Relation[]): Promise<WriteResult>;
  /** A file of deletion vectors, beside the table's data files: its path as metadata spells it. */
  writePuffin(bytes: Uint8Array): Promise<string>;
  /** Rows of a delete file, beside the table's data files. */
  writeDeletes(
    request: Pick<WriteRequest, "sql" | "relations" | "schema" | "sortOrder">,
  ): Promise<readonly DataFile[]>;
}

export interface Written {
  readonly operation: Exclude<ChangeOperation, { readonly kind: "none" }>;
  /** Of the model's statement; `files` are those that the table gets. */
  readonly result: WriteResult;
  /** Further keys for the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>;
}

/** `{{this}}`, inputs and results are relations of a project or end in names of their own: these are neither. */
export const resultName = "lake@result";

/** The model's rows are the whole table. */
export async function writeWhole(table: TableWrite): Promise<Written> {
  const result = await table.writeResult();
  return { operation: wholeOperation(table, result), result };
}

export function wholeOperation({ node }: TableWrite, { files }: WriteResult): Written["operation"] {
  return { kind: node.step.mode === "replace" ? "replace-all" : "append", add: files };
}
