import { isLakeError, lakeError, type LakeError } from "../../common/errors.ts";
import { isFault, MetastoreFault, type MetastoreClient } from "./metastore-client.ts";
import { LostCall } from "./thrift-connection.ts";

/** Causes of Java's exceptions can be pages long. */
const longestProblem = 600;

/** What went wrong, in one line. */
export function problemOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.replaceAll(/\s+/g, " ").trim();
  const short = line.length > longestProblem ? `${line.slice(0, longestProblem)}…` : line;
  return error instanceof MetastoreFault ? `${error.kind}: ${short}` : short;
}

/** The `LakeError` for a call that failed and that nothing more is known of. */
export function metastoreError(action: string, client: MetastoreClient, error: unknown): LakeError {
  if (isLakeError(error)) return error;
  const parameters = { catalog: client.shown, problem: problemOf(error) };
  if (error instanceof LostCall) {
    return lakeError("catalog/unreachable", parameters, {
      hint: parameters.problem.includes("binary protocol")
        ? "is this the metastore's Thrift port? TLS, Kerberos and Thrift over HTTP are not supported"
        : "check that the metastore runs and can be reached from here",
      retryable: !error.sent,
      cause: error,
    });
  }
  const hint = isFault(error, "TApplicationException")
    ? "the server does not know this call: Hive Metastore 4.0.0 is what lake is tested with"
    : hintOf(parameters.problem);
  return lakeError("catalog/failed", { action, ...parameters }, { hint, cause: error });
}

/** The server answered, and did not do it. */
export function refused(client: MetastoreClient, action: string, fault: MetastoreFault): LakeError {
  return metastoreError(action, client, fault);
}

function hintOf(problem: string): string | undefined {
  if (problem.includes("HIVE_LOCKS")) {
    return "the metastore's database has no lock tables: make them with schematool, or set `lock: false` where every writer uses compare-and-set";
  }
  if (
    /No FileSystem for scheme|ClassNotFoundException.*S3A|Failed to create external path|Unable to create database path/i.test(
      problem,
    )
  ) {
    return "the metastore itself must be able to reach the warehouse: give it hadoop-aws and credentials";
  }
  if (/location.*(warehouse|external)/i.test(problem)) {
    return "metastore.warehouse.external.dir must hold the warehouse, and metastore.warehouse.dir must be another folder";
  }
  return undefined;
}
