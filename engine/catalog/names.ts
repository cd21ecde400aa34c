// What may name a table, so that every engine can read it without quoting; the same in every catalog.
import { lakeError } from "../common/errors.ts";
import { tableName, type TableCommit, type TableIdentifier } from "./catalog.ts";

const plainName = /^[a-z0-9_]{1,128}$/;
/** VARCHAR(1000) in every engine's DDL; SQLite would take more, and PyIceberg on PostgreSQL could not copy it. */
const longestLocation = 1000;

/** New names only: tables that another engine made under other names can still be read, moved and dropped. */
export function checkNewTable(identifier: TableIdentifier): void {
  checkNewNamespace(identifier.namespace);
  if (!plainName.test(identifier.name)) throw badName("table", identifier.name);
}

export function checkNewNamespace(namespace: string): void {
  if (!plainName.test(namespace)) throw badName("namespace", namespace);
}

function badName(kind: string, name: string): Error {
  return lakeError(
    "catalog/bad-name",
    { kind, name },
    { hint: "names of models and schemas become names of tables" },
  );
}

/** The commits in name order, so that two writers of the same tables never wait for each other in a circle. */
export function checkCommits(commits: readonly TableCommit[]): readonly TableCommit[] {
  const seen = new Set<string>();
  for (const { identifier, baseMetadataLocation, newMetadataLocation } of commits) {
    const table = tableName(identifier);
    if (baseMetadataLocation === null) checkNewTable(identifier);
    const lengthCharacters = newMetadataLocation.length;
    if (lengthCharacters === 0 || lengthCharacters > longestLocation) {
      throw lakeError(
        "catalog/bad-location",
        { table, lengthCharacters },
        { hint: "choose a shorter warehouse, or shorter names" },
      );
    }
    if (seen.has(table)) throw new TypeError(`one commit moves ${table} twice`);
    seen.add(table);
  }
  return [...commits].sort((a, b) => compare(tableName(a.identifier), tableName(b.identifier)));
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
