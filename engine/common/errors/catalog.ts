export const catalogErrors = {
  "catalog/table-not-found": (p: { table: string }) => `there is no table ${p.table} in the catalog`,
  "catalog/table-exists": (p: { table: string }) => `the table ${p.table} already exists in the catalog`,
  "catalog/namespace-not-found": (p: { namespace: string }) =>
    `there is no namespace ${p.namespace} in the catalog`,
  "catalog/namespace-not-empty": (p: { namespace: string }) =>
    `the namespace ${p.namespace} still holds tables`,
  "catalog/conflict": (p: { table: string; expected: string; found: string }) =>
    `another writer moved ${p.table}: expected ${p.expected}, found ${p.found}`,
  "catalog/unknown-outcome": (p: { tables: readonly string[] }) =>
    `the catalog did not say whether the commit of ${p.tables.join(", ")} landed`,
  "catalog/unreachable": (p: { catalog: string; problem: string }) =>
    `cannot reach the catalog at ${p.catalog}: ${p.problem}`,
  "catalog/failed": (p: { action: string; catalog: string; problem: string }) =>
    `cannot ${p.action} in the catalog at ${p.catalog}: ${p.problem}`,
  "catalog/bad-name": (p: { kind: string; name: string }) =>
    `${JSON.stringify(p.name)} cannot name a ${p.kind}; expected lower-case letters, digits and _ (at most 128)`,
  "catalog/bad-location": (p: { table: string; lengthCharacters: number }) =>
    `the metadata location of ${p.table} has ${p.lengthCharacters} characters; expected 1 to 1000, which is what other engines' catalogs hold`,
  "catalog/bad-uri": (p: { uri: string; problem: string }) =>
    `cannot use the catalog URI ${p.uri}: ${p.problem}`,
  "catalog/locked": (p: { table: string; waitedSeconds: number; holder: string }) =>
    `the lock of ${p.table} was not free within ${p.waitedSeconds} s: it is held by ${p.holder}`,
  "catalog/lock-lost": (p: { table: string }) =>
    `the lock of ${p.table} was lost before the commit: the metastore heard nothing of us for too long`,
  "catalog/hive-columns": (p: { table: string; problem: string }) =>
    `the metastore refuses the new columns of ${p.table}, which it compares with the old ones by position: ${p.problem}`,
  "catalog/hive-type": (p: { column: string; type: string }) =>
    `column ${p.column} of type ${p.type} has no counterpart in Hive; expected a type of Iceberg v2`,
  "catalog/bad-option": (p: { catalog: string; key: string; value: string; expected: string }) =>
    `${p.key}: ${p.value} cannot be used for the ${p.catalog} catalog; expected ${p.expected}`,
};
