// Failures of the engine that binds, reads and writes.
export const computeErrors = {
  // engine: binding, querying, safety
  "compute/syntax": (p: { message: string }) => `the SQL cannot be parsed: ${p.message}`,
  "compute/bind": (p: { message: string }) => p.message,
  "compute/bad-value": (p: { message: string }) => `a value does not fit: ${p.message}`,
  "compute/failed": (p: { message: string }) => `the engine failed: ${p.message}`,
  "compute/out-of-memory": (p: { message: string }) => `the engine ran out of memory: ${p.message}`,
  "compute/disk-full": (p: { message: string }) => `the disk is full: ${p.message}`,
  "compute/no-temp-directory": (p: { path: string; reason: string }) =>
    `the engine's folder for temporary files, ${p.path}, cannot be made: ${p.reason}`,
  "compute/interrupted": (_p: object) => "the statement was interrupted",
  "compute/not-one-select": (p: { found: string }) =>
    `expected exactly one SELECT statement, found ${p.found}`,
  "compute/parameter": (p: { name: string }) =>
    `the SQL has a parameter (${p.name}); models take no parameters`,
  "compute/not-allowed": (p: { what: string }) => `not allowed in a model, test or query: ${p.what}`,
  "compute/unknown-relation": (p: { name: string }) =>
    `the SQL reads ${p.name}, which is none of the relations it was given`,
  "compute/input-failed": (p: { name: string; input: string }) =>
    `${p.name} was not checked, because its input ${p.input} has errors`,
  "compute/duplicate-column": (p: { column: string; first: string; inside?: string }) =>
    p.column === p.first
      ? `column ${p.column} appears twice${p.inside === undefined ? "" : ` in ${p.inside}`}; every column needs its own name`
      : `columns ${p.first} and ${p.column}${p.inside === undefined ? "" : ` in ${p.inside}`} differ in case only; every column needs its own name`,
  "compute/nameless-column": (p: { position: number; expression?: string }) =>
    `column ${p.position}${p.expression === undefined ? "" : ` (${p.expression})`} has no name; expected an alias: … as name`,
  "compute/untyped-null": (p: { column: string }) =>
    `column ${p.column} is null without a type; expected cast(null as <type>)`,
  "compute/no-iceberg-type": (p: { column: string; type: string }) =>
    `column ${p.column} has type ${p.type}, which Iceberg has no type for`,
  "compute/unknown-type": (p: { type: string; position: number }) =>
    `${p.type} is not a type that the engine knows (at character ${p.position + 1})`,
  "compute/no-field-ids": (p: { path: string }) =>
    `${p.path} carries no field ids, and the table has no name mapping: its columns cannot be told apart`,
  "compute/damaged-file": (p: { path: string; problem: string }) =>
    `${p.path} is not the file that the table's metadata describes: ${p.problem}`,
  "compute/unsupported-feature": (p: { what: string }) => `${p.what} cannot be read by this engine yet`,

  // writing and landing files
  "compute/missing-column": (p: { column: string }) =>
    `the query has no column ${p.column}, which the table requires`,
  "compute/unexpected-column": (p: { column: string }) =>
    `the query returns the column ${p.column}, which the table does not have`,
  "compute/bad-property": (p: { property: string; value: string; expected: string }) =>
    `table property ${p.property} is ${p.value}; expected ${p.expected}`,
  "compute/bad-csv": (p: { path: string; problem: string }) =>
    `${p.path} is no readable CSV file: ${p.problem}`,
  "compute/bad-record": (p: { path: string; line: number; reason: string }) =>
    `bad record in ${p.path}:${p.line}: ${p.reason}`,
  "compute/bad-records": (p: { count: number; most: number; path: string; line: number }) =>
    p.count < p.most
      ? `${p.count} bad records, the first one in ${p.path}:${p.line}`
      : `the first ${p.count} bad records, from ${p.path}:${p.line} on; there may be more`,
  "compute/too-many-bad-records": (p: { limit: number; path: string }) =>
    `more than ${p.limit} bad records, the last ones in ${p.path}; expected at most ${p.limit} in one run`,
  "compute/damaged-archive": (p: { path: string; problem: string }) =>
    `${p.path} is damaged: ${p.problem}; no row of it was taken`,
  "compute/landing-changed": (p: { path: string; expectedBytes: number; foundBytes: number | null }) =>
    p.foundBytes === null
      ? `${p.path} vanished while it was read`
      : `${p.path} changed while it was read: expected ${p.expectedBytes} bytes, found ${p.foundBytes}`,
  "compute/landing-unreadable": (p: { message: string }) => `a landing file cannot be read: ${p.message}`,
  "compute/line-too-long": (p: { limitBytes: number }) =>
    `a landing file has a line of more than ${p.limitBytes} bytes`,
};
