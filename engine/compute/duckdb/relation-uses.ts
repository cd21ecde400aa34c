// Where a statement reads a relation, and which conditions its rows must meet there.
import { commonTables, type AstNode } from "./ast.ts";

/** One place where the statement reads the relation, with the conditions that its rows must meet there. */
export interface Use {
  readonly conditions: readonly AstNode[];
  /** Lower case names that qualify the relation's columns. */
  readonly qualifier: string;
  /** Whether an unqualified name can only be this relation's. */
  readonly alone: boolean;
}

export class UseFinder {
  readonly #relation: string;
  readonly #uses: Use[];

  constructor(relation: string, uses: Use[]) {
    this.#relation = relation;
    this.#uses = uses;
  }

  query(node: AstNode, outer: Scope): void {
    const scope = new Map(outer);
    for (const { key, value } of commonTables(node)) {
      const name = key.toLowerCase();
      const query = (value["query"] as { node?: AstNode } | undefined)?.node;
      const isAlias = query !== undefined && value["aliases"] === undefined && this.#isAlias(query, scope);
      if (query && !isAlias) {
        this.query(query, query.type === "RECURSIVE_CTE_NODE" ? new Map([...scope, [name, false]]) : scope);
      }
      scope.set(name, isAlias);
    }
    const where = node["where_clause"] as AstNode | undefined;
    const from = node["from_table"] as AstNode | undefined;
    if (from) {
      const alone = from.type === "BASE_TABLE";
      this.#source(from, { scope, alone, conditions: where ? [where] : [] });
    }
    for (const [key, value] of Object.entries(node)) {
      if (key !== "cte_map" && key !== "from_table") this.#walk(value, scope);
    }
  }

  #source(node: AstNode, place: SourcePlace): void {
    switch (node.type) {
      case "BASE_TABLE":
        return this.#table(node, place);
      case "JOIN":
        return this.#join(node, place);
      case "SUBQUERY":
        return this.query((node["subquery"] as { node: AstNode }).node, place.scope);
      case undefined:
      default:
        this.#walk(node, place.scope, true);
    }
  }

  /** A filter of the whole holds for a side's rows by themselves only where the join invents no rows for that side. */
  #join(node: AstNode, place: SourcePlace): void {
    const { left, right, ...rest } = node as AstNode & { left: AstNode; right: AstNode };
    const kind = textOf(node["join_type"]) ?? "INNER";
    const plain = ["REGULAR", "CROSS"].includes(textOf(node["ref_type"]) ?? "REGULAR");
    const keepsLeft = plain && ["INNER", "LEFT", "SEMI", "ANTI"].includes(kind);
    const keepsRight = plain && kind === "INNER";
    this.#source(left, { ...place, conditions: keepsLeft ? place.conditions : [] });
    this.#source(right, { ...place, conditions: keepsRight ? place.conditions : [] });
    this.#walk(rest["condition"], place.scope);
  }

  #table(node: AstNode, place: SourcePlace): void {
    const name = String(node["table_name"]).toLowerCase();
    if (!this.#isRelation(node, place.scope)) return;
    // A sample is taken before WHERE, and column aliases rename what WHERE sees.
    const opaque = node["sample"] !== undefined || node["column_name_alias"] !== undefined;
    this.#uses.push({
      conditions: opaque ? [] : place.conditions,
      qualifier: (node.alias || name).toLowerCase(),
      alone: place.alone,
    });
  }

  #isRelation(node: AstNode, scope: Scope): boolean {
    if (node.type !== "BASE_TABLE" || node["schema_name"] !== undefined) return false;
    const name = String(node["table_name"]).toLowerCase();
    return scope.get(name) ?? name === this.#relation;
  }

  /** `select * from …` and nothing else: the habit of naming inputs first costs no pruning. */
  #isAlias(query: AstNode, scope: Scope): boolean {
    const list = query["select_list"] as readonly AstNode[] | undefined;
    const from = query["from_table"] as AstNode | undefined;
    return (
      onlyHas(query, ["type", "select_list", "from_table", "aggregate_handling"]) &&
      list?.length === 1 &&
      list[0]!.class === "STAR" &&
      onlyHas(list[0]!, ["class", "type", "query_location"]) &&
      from !== undefined &&
      onlyHas(from, ["type", "query_location", "table_name", "alias"]) &&
      this.#isRelation(from, scope)
    );
  }

  #walk(value: unknown, scope: Scope, inside = false): void {
    if (Array.isArray(value)) {
      for (const item of value) this.#walk(item, scope);
      return;
    }
    if (typeof value !== "object" || value === null) return;
    const node = value as AstNode;
    if (!inside && node.class === undefined && typeof node.type === "string") {
      if (node.type.endsWith("_NODE")) return this.query(node, scope);
      if (node.type === "BASE_TABLE") return this.#table(node, { scope, alone: false, conditions: [] });
    }
    for (const child of Object.values(node)) if (typeof child === "object") this.#walk(child, scope);
  }
}

/** Common table expressions in sight: whether each is the relation under another name. */
type Scope = ReadonlyMap<string, boolean>;

interface SourcePlace {
  readonly scope: Scope;
  readonly alone: boolean;
  readonly conditions: readonly AstNode[];
}

function onlyHas(node: AstNode, keys: readonly string[]): boolean {
  return Object.keys(node).every((key) => keys.includes(key));
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
