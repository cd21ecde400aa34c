// What a statement's WHERE clauses say about a relation, for pruning its files before it is read.
// Whatever is not certain is left out: a weaker condition reads more, a wrong one loses rows.
import type { DuckDBConnection } from "@duckdb/node-api";
import type { ComparisonOperator, Predicate } from "../../iceberg/predicate.ts";
import type { IcebergType, Schema, StructType } from "../../iceberg/types.ts";
import { parseSelects, type AstNode } from "./ast.ts";
import { ConstantEvaluator } from "./constant-value.ts";
import { UseFinder, type Use } from "./relation-uses.ts";
import type { DuckDbSession } from "./session.ts";

/**
 * A condition that every row which `sql` needs of the relation meets, or null when none is certain.
 * A statement that cannot be parsed has none either: binding says what is wrong with it.
 */
export async function pushdownPredicate(
  session: DuckDbSession,
  request: { readonly sql: string; readonly relation: string; readonly schema: Schema },
): Promise<Predicate | null> {
  return session.withConnection(async (connection) => {
    const [parsed] = await parseSelects(connection, [request.sql]);
    if (!parsed || "error" in parsed) return null;
    const uses: Use[] = [];
    new UseFinder(request.relation.toLowerCase(), uses).query(parsed.node, new Map());
    if (uses.length === 0) return null;
    const predicates: Predicate[] = [];
    for (const use of uses) {
      const predicate = await predicateOfUse(connection, use, request);
      if (predicate === null) return null;
      predicates.push(predicate);
    }
    return predicates.length === 1 ? predicates[0]! : { kind: "or", terms: predicates };
  });
}

async function predicateOfUse(
  connection: DuckDBConnection,
  use: Use,
  request: { readonly schema: Schema },
): Promise<Predicate | null> {
  const reader = new ConditionReader(connection, use, request.schema);
  const terms: Predicate[] = [];
  for (const condition of use.conditions) {
    const term = await reader.implied(condition);
    if (term) terms.push(term);
  }
  if (terms.length === 0) return null;
  return terms.length === 1 ? terms[0]! : { kind: "and", terms };
}

const comparisons: Readonly<Record<string, ComparisonOperator>> = {
  COMPARE_EQUAL: "=",
  COMPARE_NOTEQUAL: "!=",
  COMPARE_LESSTHAN: "<",
  COMPARE_LESSTHANOREQUALTO: "<=",
  COMPARE_GREATERTHAN: ">",
  COMPARE_GREATERTHANOREQUALTO: ">=",
};
const mirrored: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  "=": "=",
  "!=": "!=",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
};

interface ColumnPlace {
  readonly column: readonly string[];
  readonly type: IcebergType;
}

class ConditionReader {
  readonly #constants: ConstantEvaluator;
  readonly #use: Use;
  readonly #schema: Schema;

  constructor(connection: DuckDBConnection, use: Use, schema: Schema) {
    this.#constants = new ConstantEvaluator(
      connection,
      (name) => !use.alone || fieldOf(schema, name) !== null,
    );
    this.#use = use;
    this.#schema = schema;
  }

  /** Something that holds whenever the expression does; parts of an AND may be left out. */
  async implied(node: AstNode): Promise<Predicate | null> {
    const children = (node["children"] as readonly AstNode[] | undefined) ?? [];
    if (node.type === "CONJUNCTION_AND") {
      const terms: Predicate[] = [];
      for (const child of children) {
        const term = await this.implied(child);
        if (term) terms.push(term);
      }
      return terms.length === 0 ? null : { kind: "and", terms };
    }
    if (node.type === "CONJUNCTION_OR") {
      const terms: Predicate[] = [];
      for (const child of children) {
        const term = await this.implied(child);
        if (!term) return null;
        terms.push(term);
      }
      return { kind: "or", terms };
    }
    return this.#leaf(node);
  }

  async #leaf(node: AstNode): Promise<Predicate | null> {
    if (isFalse(node)) return { kind: "false" };
    const operator = node.class === "COMPARISON" ? comparisons[node.type ?? ""] : undefined;
    if (operator) return this.#comparison(operator, node["left"] as AstNode, node["right"] as AstNode);
    if (node.class === "BETWEEN") return this.#between(node);
    if (node.class === "FUNCTION" && node["function_name"] === "~~") return this.#like(node);
    if (node.class !== "OPERATOR") return null;
    const children = (node["children"] as readonly AstNode[] | undefined) ?? [];
    const place = children[0] && this.#column(children[0]);
    if (!place) return null;
    switch (node.type) {
      case "OPERATOR_IS_NULL":
        return { kind: "is-null", column: place.column };
      case "OPERATOR_IS_NOT_NULL":
        return { kind: "not-null", column: place.column };
      case "COMPARE_IN":
        return this.#in(place, children.slice(1));
      case undefined:
      default:
        return null;
    }
  }

  async #comparison(operator: ComparisonOperator, left: AstNode, right: AstNode): Promise<Predicate | null> {
    const place = this.#column(left);
    if (place) return this.#compare(place, operator, right);
    const other = this.#column(right);
    return other ? this.#compare(other, mirrored[operator], left) : null;
  }

  async #compare(
    place: ColumnPlace,
    operator: ComparisonOperator,
    constant: AstNode,
  ): Promise<Predicate | null> {
    // The engine sorts NaN above all numbers; a file's bounds leave it out.
    const isFloat = place.type === "float" || place.type === "double";
    if (isFloat && [">", ">=", "!="].includes(operator)) return null;
    const value = await this.#constants.valueOf(constant, place.type);
    return value === null ? null : { kind: "compare", column: place.column, operator, value };
  }

  async #between(node: AstNode): Promise<Predicate | null> {
    const place = this.#column(node["input"] as AstNode);
    if (!place) return null;
    const bounds = [
      await this.#compare(place, ">=", node["lower"] as AstNode),
      await this.#compare(place, "<=", node["upper"] as AstNode),
    ];
    const terms = bounds.filter((bound) => bound !== null);
    return terms.length === 0 ? null : { kind: "and", terms };
  }

  async #in(place: ColumnPlace, items: readonly AstNode[]): Promise<Predicate | null> {
    const values = [];
    for (const item of items) {
      const value = await this.#constants.valueOf(item, place.type);
      if (value === null) return null;
      values.push(value);
    }
    return values.length === 0 ? null : { kind: "in", column: place.column, values };
  }

  #like(node: AstNode): Predicate | null {
    const [input, pattern] = node["children"] as readonly AstNode[];
    const place = input && this.#column(input);
    const value = pattern?.class === "CONSTANT" ? (pattern["value"] as { value?: unknown }).value : undefined;
    if (!place || place.type !== "string" || typeof value !== "string") return null;
    const prefix = /^[^%_\\]*/.exec(value)![0];
    return prefix === "" ? null : { kind: "starts-with", column: place.column, prefix };
  }

  #column(node: AstNode): ColumnPlace | null {
    if (node.class !== "COLUMN_REF") return null;
    const names = node["column_names"] as readonly string[];
    const qualified = names[0]!.toLowerCase() === this.#use.qualifier;
    // A column of the relation's own name makes the first part ambiguous.
    if (qualified) return fieldOf(this.#schema, this.#use.qualifier) ? null : this.#place(names.slice(1));
    // Beside other relations a plain name that binds is this one's if it has it: two would be ambiguous.
    return this.#use.alone || names.length === 1 ? this.#place(names) : null;
  }

  #place(names: readonly string[]): ColumnPlace | null {
    let struct: StructType = this.#schema;
    const column: string[] = [];
    for (const [index, name] of names.entries()) {
      const field = fieldOf(struct, name);
      if (!field) return null;
      column.push(field.name);
      if (index === names.length - 1) return { column, type: field.type };
      if (typeof field.type === "string" || field.type.type !== "struct") return null;
      struct = field.type;
    }
    return null;
  }
}

/** The parser's form of the word. */
function isFalse(node: AstNode): boolean {
  const type = node["cast_type"] as { id?: string } | undefined;
  const child = node["child"] as { class?: string; value?: { value?: unknown } } | undefined;
  return (
    node.class === "CAST" &&
    type?.id === "BOOLEAN" &&
    child?.class === "CONSTANT" &&
    child.value?.value === "f"
  );
}

function fieldOf(struct: StructType, name: string) {
  const matches = struct.fields.filter((field) => field.name.toLowerCase() === name.toLowerCase());
  return matches.length === 1 ? matches[0]! : null;
}
