// query.ts <SQL>: what an engine alone needs for it.
import { DuckDBInstance } from "@duckdb/node-api";

const instance = await DuckDBInstance.create(":memory:", { threads: "2" });
const connection = await instance.connect();
console.log((await connection.runAndReadAll(process.argv[2] ?? "")).getRowsJson());
