// What a command's TABLE means: a model or seed of the project, or any table of the catalog.
import type { CatalogTable, TableIdentifier } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { lakeError } from "../../common/errors.ts";
import { suggest } from "../../common/suggest.ts";
import { loadTable } from "../../iceberg/transaction.ts";
import type { Model, Seed } from "../../project/types.ts";
import { hasTable, isOwnNamespace, NameIndex, tableIdentifier } from "../names.ts";
import type { Session } from "../session.ts";

export interface NamedTable {
  readonly identifier: TableIdentifier;
  /** Whose table it is, where the project makes it. */
  readonly node: Model | Seed | null;
}

/** `user_events_silver`, or `namespace.table`. Errors: `run/unknown-table`. */
export function nameTable(session: Session, name: string): NamedTable {
  const { graph, profile } = session;
  const [namespace = "", table, ...rest] = name.split(".");
  if (table !== undefined && rest.length === 0) {
    const identifier = { namespace, name: table };
    const node = [...graph.nodes.values()]
      .filter(hasTable)
      .find((candidate) => tableName(tableIdentifier(candidate, profile)) === name);
    return { identifier, node: node ?? null };
  }
  const node = new NameIndex(graph).ref(name);
  if (hasTable(node)) return { identifier: tableIdentifier(node, profile), node };
  const names = [...graph.nodes.values()].filter(hasTable).map((candidate) => candidate.name);
  const inlined = node as Model | undefined;
  const near = suggest(name, names);
  const hint =
    inlined !== undefined
      ? `${name} is a ${inlined.config.materialized}: it has no table; name one of those that it reads`
      : near === undefined
        ? "name a model or seed, or a table of the catalog as namespace.table"
        : `did you mean "${near}"?`;
  throw lakeError("run/unknown-table", { table: name, target: profile.name }, { hint });
}

export interface FoundTable extends NamedTable {
  readonly table: CatalogTable;
}

/** A table that a command is going to change. Errors: `run/unknown-table`, `run/foreign-namespace`. */
export async function findOwnTable(session: Session, name: string): Promise<FoundTable> {
  refuseForeign(session, nameTable(session, name));
  return findTable(session, name);
}

/** An environment changes nothing but its own namespaces. Errors: `run/foreign-namespace`. */
export function refuseForeign({ profile }: Session, { identifier }: NamedTable): void {
  if (profile.parent === undefined || isOwnNamespace(profile, identifier.namespace)) return;
  throw lakeError(
    "run/foreign-namespace",
    { table: tableName(identifier), target: profile.name, namespace: profile.schema },
    { hint: `-t ${profile.parent.name} is the target that owns it` },
  );
}

/** The table as it stands. Errors: `run/unknown-table`. */
export async function findTable(session: Session, name: string): Promise<FoundTable> {
  const named = nameTable(session, name);
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const table = await loadTable({ catalog, storage, identifier: named.identifier });
  if (table !== null) return { ...named, table };
  const near =
    named.node === null
      ? suggest(tableName(named.identifier), (await catalog.list(named.identifier.namespace)).map(tableName))
      : undefined;
  const hint =
    named.node !== null
      ? `it has not been built there yet: lake build -s +${named.node.name}`
      : near === undefined
        ? "a table of the catalog is named as namespace.table"
        : `did you mean "${near}"?`;
  throw lakeError(
    "run/unknown-table",
    { table: tableName(named.identifier), target: session.profile.name },
    { hint },
  );
}
