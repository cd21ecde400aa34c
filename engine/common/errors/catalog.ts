export const catalogErrors = {
  "catalog/table-not-found": (p: { table: string }) => `there is no table ${p.table} in the catalog`,
  "catalog/table-exists": (p: { table: string }) => `the table ${p.table} already exists in the catalog`,
  "catalog/namespace-not-found": (p: { namespace: string }) => `there is no namespace ${p.namespace}`,
  "catalog/namespace-not-empty": (p: { namespace: string }) =>
    `the namespace ${p.namespace} still holds tables`,
  "catalog/conflict": (p: { table: string; expected: string; found: string }) =>
    `another writer moved ${p.table}: expected ${p.expected}, found ${p.found}`,
  "catalog/unknown-outcome": (p: { tables: readonly string[] }) =>
    `the catalog did not say whether the commit of ${p.tables.join(", ")} landed`,
  "catalog/unreachable": (p: { catalog: string; problem: string }) =>
    `cannot reach the catalog at ${p.catalog}: ${p.problem}`,
};
