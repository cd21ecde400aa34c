// What a model may do: read the relations it was given through functions that touch nothing outside.
// The engine's own gate (`enable_external_access=false`) stands behind this one.
import type { DuckDBConnection } from "@duckdb/node-api";
import { lakeError, type LakeError } from "../../common/errors.ts";
import { commonTables, parseSelects, type AstNode } from "./ast.ts";

export interface SelectFacts {
  /** Relations that the statement reads, as written, without its own CTEs; each once. */
  readonly tables: readonly string[];
  /** Functions it calls, lower case; operators left out. */
  readonly functions: readonly string[];
  /** Whether it takes a sample of its rows. */
  readonly samples: boolean;
  readonly node: AstNode;
}
export type CheckedSelect = SelectFacts | { readonly error: LakeError };

const tableFunctions = new Set([
  "range",
  "generate_series",
  "unnest",
  "json_each",
  "json_tree",
  "repeat",
  "repeat_row",
  "pg_timezone_names",
  "icu_calendar_names",
]);

/** They read or change what belongs to the engine: settings may hold secrets, sequences and logs are state. */
const refusedFunctions = new Set([
  "current_setting",
  "getenv",
  "getvariable",
  "nextval",
  "currval",
  "setseed",
  "sleep_ms",
  "write_log",
  "which_secret",
  "current_query",
]);

/** Their unqualified names mean the run's clock; a qualified call would go past it. */
const clockFunctions = new Set([
  "now",
  "today",
  "current_date",
  "get_current_time",
  "get_current_timestamp",
  "transaction_timestamp",
  "current_localtime",
  "current_localtimestamp",
]);

/** Keyword → the function that it calls. */
export const clockKeywords: ReadonlyMap<string, string> = new Map([
  ["current_date", "current_date"],
  ["current_time", "get_current_time"],
  ["current_timestamp", "get_current_timestamp"],
  ["localtime", "current_localtime"],
  ["localtimestamp", "current_localtimestamp"],
]);

const tableReferences = new Set([
  "BASE_TABLE",
  "EMPTY",
  "EMPTY_FROM",
  "EXPRESSION_LIST",
  "JOIN",
  "PIVOT",
  "SHOW_REF",
  "SUBQUERY",
  "TABLE_FUNCTION",
]);

/** Parses and checks each statement; `mayRead` says for a statement's index and a lower-case name whether it was given. */
export async function checkSelects(
  connection: DuckDBConnection,
  texts: readonly string[],
  mayRead: (name: string, index: number) => boolean,
): Promise<CheckedSelect[]> {
  const parsed = await parseSelects(connection, texts);
  return parsed.map((select, index) =>
    "error" in select ? select : inspect(select.node, (name) => mayRead(name, index)),
  );
}

class Refusal extends Error {
  readonly error: LakeError;
  constructor(error: LakeError) {
    super(error.message);
    this.error = error;
  }
}

/** Walks one statement; the first thing not allowed is its error. */
export function inspect(node: AstNode, mayRead: (name: string) => boolean): CheckedSelect {
  const found = { tables: new Map<string, string>(), functions: new Set<string>(), samples: false };
  try {
    new Inspection(found, mayRead).query(node, new Set());
  } catch (error) {
    if (error instanceof Refusal) return { error: error.error };
    throw error;
  }
  return {
    tables: [...found.tables.values()],
    functions: [...found.functions],
    samples: found.samples,
    node,
  };
}

interface Found {
  readonly tables: Map<string, string>;
  readonly functions: Set<string>;
  samples: boolean;
}

type Scope = ReadonlySet<string>;

class Inspection {
  readonly #found: Found;
  readonly #mayRead: (name: string) => boolean;

  constructor(found: Found, mayRead: (name: string) => boolean) {
    this.#found = found;
    this.#mayRead = mayRead;
  }

  /** A CTE is known to those after it and to the body; to itself only if it is recursive. */
  query(node: AstNode, outer: Scope): void {
    if (node["sample"] !== undefined) this.#found.samples = true;
    const scope = new Set(outer);
    for (const { key, value } of commonTables(node)) {
      const query = (value["query"] as { node?: AstNode } | undefined)?.node;
      if (query)
        this.query(
          query,
          query.type === "RECURSIVE_CTE_NODE" ? new Set([...scope, key.toLowerCase()]) : scope,
        );
      scope.add(key.toLowerCase());
    }
    for (const [key, value] of Object.entries(node)) {
      if (key === "from_table") this.#tableReference(value as AstNode, scope);
      else if (key !== "cte_map") this.#walk(value, scope);
    }
  }

  #walk(value: unknown, scope: Scope): void {
    if (Array.isArray(value)) {
      for (const item of value) this.#walk(item, scope);
      return;
    }
    if (typeof value !== "object" || value === null) return;
    const node = value as AstNode;
    if (node.class === undefined && typeof node.type === "string") {
      if (node.type.endsWith("_NODE")) return this.query(node, scope);
      if (tableReferences.has(node.type)) return this.#tableReference(node, scope);
    }
    switch (node.class) {
      case "CONSTANT":
        return;
      case "COLUMN_REF":
        return this.#columnReference(node);
      case "PARAMETER":
        throw refuse(
          lakeError(
            "compute/parameter",
            { name: parameterName(node) },
            { ...at(node), hint: 'write {{var "name"}}, or the value itself' },
          ),
        );
      case "FUNCTION":
      case "WINDOW":
        this.#functionCall(node);
        break;
      case undefined:
      default:
    }
    for (const [key, child] of Object.entries(node)) {
      if (key === "from_table") this.#tableReference(child as AstNode, scope);
      else if (typeof child === "object") this.#walk(child, scope);
    }
  }

  /** The clock's keywords are parsed as columns and become calls where no column has their name. */
  #columnReference(node: AstNode): void {
    const names = node["column_names"] as readonly string[];
    const call = names.length === 1 ? clockKeywords.get(names[0]!.toLowerCase()) : undefined;
    if (call !== undefined) this.#found.functions.add(call);
  }

  #functionCall(node: AstNode): void {
    const name = String(node["function_name"]).toLowerCase();
    if (refusedFunctions.has(name)) throw notAllowed(`the function ${name}()`, node);
    if (clockFunctions.has(name) && node["schema"] !== undefined) {
      throw notAllowed(`a qualified call of ${name}(), which is not the run's clock`, node);
    }
    if (node["is_operator"] !== true) this.#found.functions.add(name);
  }

  #tableReference(node: AstNode, scope: Scope): void {
    if (typeof node !== "object" || node === null) return;
    if (node["sample"] !== undefined) this.#found.samples = true;
    switch (node.type) {
      case "BASE_TABLE":
        return this.#baseTable(node, scope);
      case "TABLE_FUNCTION":
        return this.#tableFunction(node, scope);
      case "SHOW_REF":
        if (node["query"] === undefined) throw notAllowed("SHOW", node);
        return this.query(node["query"] as AstNode, scope);
      case "SUBQUERY":
        return this.query((node["subquery"] as { node: AstNode }).node, scope);
      case "EMPTY":
      case "EMPTY_FROM":
        return;
      case "JOIN":
      case "PIVOT":
      case "EXPRESSION_LIST":
        for (const [key, child] of Object.entries(node)) {
          if (key === "left" || key === "right" || key === "source")
            this.#tableReference(child as AstNode, scope);
          else if (typeof child === "object") this.#walk(child, scope);
        }
        return;
      case undefined:
      default:
        throw notAllowed(`a table reference of kind ${node.type ?? "unknown"}`, node);
    }
  }

  #baseTable(node: AstNode, scope: Scope): void {
    const name = String(node["table_name"]);
    const qualifier = [node["catalog_name"], node["schema_name"]].filter(Boolean).join(".");
    if (qualifier !== "") throw unknownRelation(`${qualifier}.${name}`, node);
    const key = name.toLowerCase();
    if (scope.has(key)) return;
    if (!this.#mayRead(key)) throw unknownRelation(name, node);
    if (!this.#found.tables.has(key)) this.#found.tables.set(key, name);
  }

  #tableFunction(node: AstNode, scope: Scope): void {
    const call = node["function"] as AstNode;
    const name = String(call["function_name"]).toLowerCase();
    if (!tableFunctions.has(name)) throw notAllowed(`the table function ${name}()`, call);
    this.#found.functions.add(name);
    this.#walk(call["children"], scope);
  }
}

function at(node: AstNode): { positionBytes?: number | undefined } {
  return { positionBytes: node.query_location };
}

function refuse(error: LakeError): Refusal {
  return new Refusal(error);
}

function notAllowed(what: string, node: AstNode): Refusal {
  const hint = "a model reads what ref() and source() name, and calls functions that touch nothing else";
  return refuse(lakeError("compute/not-allowed", { what }, { ...at(node), hint }));
}

function unknownRelation(name: string, node: AstNode): Refusal {
  const plain = /^\w+$/.test(name) ? `"${name}"` : "…";
  const hint = `write {{ref ${plain}}} for a model or seed, {{source "…" "…"}} for a source, or declare it as a CTE`;
  return refuse(lakeError("compute/unknown-relation", { name }, { ...at(node), hint }));
}

function parameterName(node: AstNode): string {
  const identifier = typeof node["identifier"] === "string" ? node["identifier"] : "";
  return /^\d*$/.test(identifier) ? `?${identifier}` : `$${identifier}`;
}
