// The items of a statement's select list, for what the engine does not say of its columns.
import { commonTables, type AstNode } from "./ast.ts";

export interface SuspectColumn {
  readonly kind: "nameless" | "untyped-null";
  readonly position: number;
  readonly name?: string | undefined;
  readonly positionBytes?: number | undefined;
}

/** A query that has a name, and what was in sight where it stands. */
interface SeenQuery {
  readonly node: AstNode;
  readonly inSight: InSight;
}
type InSight = ReadonlyMap<string, SeenQuery>;

/** Items of the select list that the engine names after their expression, or gives a type nobody asked for. */
export function suspectColumns(node: AstNode, outer: InSight = new Map()): SuspectColumn[] {
  const inSight = new Map(outer);
  for (const { key, value } of commonTables(node)) {
    const query = (value["query"] as { node?: AstNode } | undefined)?.node;
    // Names of a recursive query's columns, and those given with AS, are not in its select list.
    if (query?.type === "SELECT_NODE" && value["aliases"] === undefined)
      inSight.set(key.toLowerCase(), { node: query, inSight: new Map(inSight) });
    else inSight.delete(key.toLowerCase());
  }
  // A set operation takes its names from the left; types come from all sides.
  let named = node;
  while (named.type === "SET_OPERATION_NODE") named = firstSide(named);
  const list = (named["select_list"] as readonly AstNode[] | undefined) ?? [];
  const source = list.length === 1 && isPlainStar(list[0]!) ? wholeSource(named, inSight) : undefined;
  if (source) return suspectColumns(source.node, source.inSight);
  return list.flatMap((item, index): SuspectColumn[] => {
    const place = { position: index + 1, positionBytes: item.query_location };
    const hasName = item.alias !== undefined && item.alias !== "";
    if (!hasName) return isNameless(item) ? [{ kind: "nameless", ...place }] : [];
    return named === node && isUntypedNull(item)
      ? [{ kind: "untyped-null", name: item.alias, ...place }]
      : [];
  });
}

function firstSide(node: AstNode): AstNode {
  return (node["left"] ?? (node["children"] as readonly AstNode[])[0]) as AstNode;
}

function isPlainStar(item: AstNode): boolean {
  return (
    item.class === "STAR" &&
    item["expr"] === undefined &&
    item["rename_list"] === undefined &&
    item["exclude_list"] === undefined &&
    item["replace_list"] === undefined
  );
}

/** The query all of whose columns `select *` passes on, where it is one in the same statement. */
function wholeSource(node: AstNode, inSight: InSight): SeenQuery | undefined {
  const from = node["from_table"] as AstNode | undefined;
  if (from?.["column_name_alias"] !== undefined) return undefined;
  if (from?.type === "SUBQUERY") return { ...(from["subquery"] as { node: AstNode }), inSight };
  const name = from?.type === "BASE_TABLE" ? from["table_name"] : undefined;
  return typeof name === "string" ? inSight.get(name.toLowerCase()) : undefined;
}

function isNameless(item: AstNode): boolean {
  if (item.class === "COLUMN_REF" || item.class === "STAR") return false;
  // `unnest(a_struct)` gives columns with the names of its fields.
  return item["function_name"] !== "unnest";
}

function isUntypedNull(item: AstNode): boolean {
  const value = item["value"] as { is_null?: boolean; type?: { id?: string } } | undefined;
  return item.class === "CONSTANT" && value?.is_null === true && value.type?.id === "NULL";
}
