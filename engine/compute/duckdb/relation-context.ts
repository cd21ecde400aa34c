// What the relations of one connection share.
import type { DuckDBConnection } from "@duckdb/node-api";
import type { EmptyRelation, LandingRelation } from "../compute.ts";
import type { DuckDbSession } from "./session.ts";
import { identifier } from "./text.ts";

export interface RelationContext {
  readonly session: DuckDbSession;
  readonly connection: DuckDBConnection;
  /** The SELECT that reads a landing relation: a query sees it whole, a write reads it checked. */
  readonly landing: (relation: LandingRelation) => Promise<string>;
}

/** No rows of the given columns. */
export function emptySql(columns: EmptyRelation["columns"]): string {
  const nulls = columns.map(({ name, type }) => `cast(null as ${type}) as ${identifier(name)}`);
  return `select ${nulls.length > 0 ? nulls.join(", ") : "null"} where false`;
}
