// The engine's own parse tree of a statement, as JSON, for everything that must be known before it runs.
import type { DuckDBConnection } from "@duckdb/node-api";
import { lakeError, type LakeError } from "../../common/errors.ts";
import { engineError, parserError } from "./errors.ts";
import { literal } from "./text.ts";

/** A node of the tree: of a query (`type` ends in `_NODE`), a table reference, or (with `class`) an expression. */
export interface AstNode {
  readonly class?: string;
  readonly type?: string;
  readonly alias?: string;
  /** UTF-8 bytes from the statement's start. */
  readonly query_location?: number;
  readonly [key: string]: unknown;
}

export type ParsedSelect = { readonly node: AstNode } | { readonly error: LakeError };

const batchSize = 200;

/** Parses each text, which must be exactly one SELECT (WITH, VALUES, FROM-first and UNION are such). */
export async function parseSelects(
  connection: DuckDBConnection,
  texts: readonly string[],
): Promise<ParsedSelect[]> {
  const parsed: ParsedSelect[] = [];
  for (let start = 0; start < texts.length; start += batchSize) {
    const batch = texts.slice(start, start + batchSize);
    const rows = batch.map((text, index) => `(${index}, ${literal(text)})`).join(", ");
    try {
      const reader = await connection.runAndReadAll(
        `select k, json_serialize_sql(sql, skip_null := true, skip_empty := true, skip_default := true)
           from (values ${rows}) as given(k, sql)`,
      );
      const trees: string[] = [];
      for (const [index, json] of reader.getRows()) trees[Number(index)] = String(json);
      batch.forEach((text, index) => parsed.push(readTree(text, trees[index]!)));
    } catch (error) {
      throw engineError(error);
    }
  }
  return parsed;
}

interface SerializedTree {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly position?: string;
  readonly statements?: readonly { readonly node: AstNode; readonly named_param_map?: unknown }[];
}

function readTree(text: string, json: string): ParsedSelect {
  const tree = JSON.parse(json) as SerializedTree;
  if (tree.error) {
    if (tree.error_type === "not implemented") return { error: notOneSelect(statementWord(text)) };
    return { error: parserError(tree.error_message ?? "", tree.position) };
  }
  const statements = tree.statements ?? [];
  if (statements.length !== 1) {
    return {
      error: notOneSelect(statements.length === 0 ? "none" : `${statements.length} statements`),
    };
  }
  return { node: statements[0]!.node };
}

function notOneSelect(found: string): LakeError {
  const hint = found.includes("PIVOT")
    ? "name the columns: from (pivot … on … in ('a', 'b') using …)"
    : found === "none"
      ? "nothing but blanks and comments is left after the template was rendered"
      : "what writes or changes settings is not a model: see `lake run-operation`";
  return lakeError("compute/not-one-select", { found }, { hint });
}

/** What kind of statement the text starts with, for the message alone. */
function statementWord(text: string): string {
  const bare = text.replace(/^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, "");
  const word = /^\w+/.exec(bare)?.[0].toUpperCase() ?? "something else";
  if (word === "SELECT" || word === "WITH" || word === "FROM") {
    return /\bpivot\b/i.test(bare)
      ? "a PIVOT whose columns depend on the data"
      : "a statement that is not a SELECT";
  }
  return `${/^[AEIOU]/.test(word) ? "an" : "a"} ${word} statement`;
}

/** The WITH clause of a query node, in order. */
export function commonTables(node: AstNode): readonly { key: string; value: AstNode }[] {
  const map = (node["cte_map"] as { map?: { key: string; value: AstNode }[] } | undefined)?.map;
  return map ?? [];
}
