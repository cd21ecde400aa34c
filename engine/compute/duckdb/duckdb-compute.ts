// The engine inside the process.
import type { Storage } from "../../storage/storage.ts";
import type { Compute, ComputeSettings } from "../compute.ts";
import { bind } from "./bind.ts";
import { landingColumns, landingSql } from "./landing.ts";
import { replacedFiles } from "./engine-files.ts";
import { pushdownPredicate } from "./pushdown.ts";
import { operate, query, type QueryContext } from "./query.ts";
import { openSession } from "./session.ts";
import { toColumns, toSchema } from "./types.ts";
import { volatileFunctions } from "./volatile.ts";

/**
 * Opens the embedded engine; it is closed to the outside from the first statement on. `storage` brings files
 * that lie elsewhere than on this machine, and takes them there.
 */
export async function openDuckDb(settings: ComputeSettings, storage?: Storage): Promise<Compute> {
  const session = await openSession(settings, storage);
  const context: QueryContext = {
    session,
    landing: (_, relation) => Promise.resolve(landingSql(relation, replacedFiles(session, relation))),
  };
  return {
    engine: "duckdb",
    version: session.version,
    toSchema,
    toColumns,
    landingColumns,
    predicateFor: (sql, relation, schema) => pushdownPredicate(session, { sql, relation, schema }),
    bind: (requests, inputs) => bind(session, requests, inputs),
    query: (request) => query(context, request),
    write: async (request) => (await import("./write.ts")).writeTable(session, request),
    keep: async (request) => (await import("./keep.ts")).keepRows(session, request),
    operate: (statements, relations) => operate(context, statements, relations),
    volatileFunctions: (sql) => volatileFunctions(session, sql),
    close: () => session.close(),
  };
}
