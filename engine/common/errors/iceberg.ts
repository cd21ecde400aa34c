export const icebergErrors = {
  // Types, values, partitions and scans.
  "iceberg/unknown-type": (p: { text: string }) =>
    `${p.text} is not a type of Iceberg; expected boolean, int, long, float, double, decimal(p, s), date, time, timestamp, timestamptz, string, uuid, fixed[n], binary, struct, list or map`,
  "iceberg/incompatible-type": (p: { column: string; from: string; to: string }) =>
    `column ${p.column} is ${p.from} in the table and cannot become ${p.to}; expected the same type or one that widens (int to long, float to double, decimal to more digits)`,
  "iceberg/schema-changed": (p: { column: string; change: string }) =>
    `column ${p.column} ${p.change}, and the model's on_schema_change is "fail"`,
  "iceberg/missing-column": (p: { column: string }) =>
    `column ${p.column} is required in the table, and the query does not give it`,
  "iceberg/ambiguous-column": (p: { column: string }) =>
    `column ${p.column} occurs more than once; expected names that differ by more than their case`,
  "iceberg/bad-value": (p: { text: string; type: string }) => `${p.text} is not a value of type ${p.type}`,
  "iceberg/bad-value-bytes": (p: { bytes: string; type: string }) =>
    `the bytes ${p.bytes} are not a value of type ${p.type} (specification, appendix D)`,
  "iceberg/unknown-transform": (p: { transform: string }) =>
    `${p.transform} is not a partition transform; expected identity, bucket[n], truncate[n], year, month, day, hour or void`,
  "iceberg/transform-type": (p: { transform: string; column?: string; type: string }) =>
    `${p.transform} cannot be taken of ${p.column === undefined ? "a column" : `column ${p.column}`} of type ${p.type}`,
  "iceberg/partition-syntax": (p: { text: string }) =>
    `cannot read the partition term ${p.text}; expected a column, or year(c), month(c), day(c), hour(c), bucket(n, c), truncate(n, c) or void(c)`,
  "iceberg/sort-syntax": (p: { text: string }) =>
    `cannot read the sort term ${JSON.stringify(p.text)}; expected such as country, day(at) desc or name nulls last`,
  "iceberg/partition-column": (p: { text: string; column: string }) =>
    p.text === p.column
      ? `the partition term ${p.text} is not a column of the table`
      : `the partition term ${p.text} names ${p.column}, which is not a column of the table`,
  "iceberg/partition-duplicate": (p: { text: string; problem: string }) =>
    `the partition term ${p.text} ${p.problem}`,
  "iceberg/unknown-snapshot": (p: { snapshot: string }) => `the table has no snapshot ${p.snapshot}`,
  "iceberg/unknown-point": (p: { table: string; point: string }) =>
    `${p.table} has no snapshot, tag or branch ${JSON.stringify(p.point)}`,
  "iceberg/before-history": (p: { table: string; time: string; first: string | null }) =>
    p.first === null
      ? `${p.table} has no history to find ${p.time} in`
      : `the history of ${p.table} begins at ${p.first}, after ${p.time}`,
  "iceberg/unknown-schema": (p: { schema: number; table: string }) =>
    `the metadata of ${p.table} holds no schema ${p.schema}`,
  "iceberg/unknown-spec": (p: { spec: number; path: string }) =>
    `${p.path} was written with partition spec ${p.spec}, which the table's metadata does not hold`,
  "iceberg/unsupported-feature": (p: { feature: string; path: string }) =>
    `cannot read ${p.path}: it uses ${p.feature}`,
  "iceberg/null-in-required": (p: { column: string; count: string; path: string }) =>
    `column ${p.column} is required, and the file ${p.path} would hold ${p.count} nulls in it`,
  "iceberg/filter-column": (p: { column: string }) =>
    `the filter names ${p.column}, which is not a column of the table`,
  "iceberg/duplicate-file": (p: { path: string; snapshot: string }) =>
    `snapshot ${p.snapshot} lists the data file ${p.path} more than once, so its rows would count twice`,
  "iceberg/missing-statistics": (p: { path: string; problem: string }) =>
    `cannot record the data file ${p.path}: ${p.problem}`,
  // Files of the format, and changes of a table.
  "iceberg/bad-avro": (p: { path: string; problem: string }) =>
    `${p.path} is not a readable Avro file: ${p.problem}`,
  "iceberg/bad-metadata": (p: { path: string; problem: string }) =>
    `the table metadata ${p.path} cannot be read: ${p.problem}`,
  "iceberg/unsupported-version": (p: { path: string; version: string }) =>
    `the table metadata ${p.path} has format version ${p.version}; expected 1, 2 or 3`,
  "iceberg/bad-manifest": (p: { path: string; problem: string }) =>
    `the manifest ${p.path} cannot be read: ${p.problem}`,
  "iceberg/bad-update": (p: { problem: string }) => `the table cannot be changed: ${p.problem}`,
  "iceberg/missing-data-file": (p: { table: string; path: string }) =>
    `${p.path} is to be removed from ${p.table}, where it is not a live data file`,
  "iceberg/staged-file-gone": (p: { table: string; path: string; count: number }) =>
    `${p.count} staged files of ${p.table} no longer exist, ${p.path} among them`,
  "iceberg/cannot-restage": (p: { table: string; problem: string }) =>
    `the staged append to ${p.table} cannot be applied again: ${p.problem}`,
  "iceberg/gc-disabled": (p: { table: string }) =>
    `files of the table at ${p.table} must not be deleted: its property gc.enabled is false`,
  "iceberg/already-published": (p: { table: string }) =>
    `the change of ${p.table} is already published; its files belong to the table`,
};
