// `lake clone`: tables of another target in this one, without copying a byte of data.
import { tableName } from "../../catalog/catalog.ts";
import type { CatalogTable, TableIdentifier } from "../../catalog/catalog.ts";
import { lakeError } from "../../common/errors.ts";
import { selectNodes } from "../../graph/select.ts";
import type { SelectionRequest } from "../../graph/types.ts";
import { loadTables } from "../../iceberg/transaction.ts";
import { basesOf } from "../../plan/base-tags.ts";
import { headSnapshot } from "../../plan/table-state.ts";
import type { TargetProfile } from "../../project/types.ts";
import { cloneOrigin, makeClone, newestBase } from "./clones.ts";
import { dropTable } from "../tables/drop-table.ts";
import { hasTable, tableIdentifier } from "../names.ts";
import type { Session } from "../session.ts";

export interface CloneOptions extends SelectionRequest {
  /** Whose tables are cloned. */
  readonly from: TargetProfile;
  /** Makes clones that are there already anew, of the newest base. */
  readonly replace: boolean;
}

export interface CloneReport {
  readonly table: TableIdentifier;
  readonly status: "cloned" | "replaced" | "exists" | "missing";
  /** `namespace.name` of the original. */
  readonly original: string;
  readonly tag: string | null;
  /** As the base's summary says it. */
  readonly rows: string | null;
  readonly files: string | null;
}

/**
 * Clones every selected table. One that is there already stays, unless it is a clone and is to be replaced.
 * Errors: `run/not-a-clone`, `run/clone-has-clones`, `run/no-base`, `run/clone-of-itself`, those of `makeClone`.
 */
export async function cloneNodes(session: Session, options: CloneOptions): Promise<readonly CloneReport[]> {
  const { from, replace } = options;
  const { graph, profile } = session;
  const nodes = selectNodes(graph, { ...options, resourceTypes: ["model", "snapshot", "seed"] }).flatMap(
    (id) => {
      const node = graph.nodes.get(id);
      return hasTable(node) ? [node] : [];
    },
  );
  const [catalog, below, storage] = await Promise.all([
    session.catalog(),
    session.catalogOf(from),
    session.storage(),
  ]);
  const originals = await loadTables({
    catalog: below,
    storage,
    identifiers: nodes.map((node) => tableIdentifier(node, from)),
  });
  const present = await loadTables({
    catalog,
    storage,
    identifiers: nodes.map((node) => tableIdentifier(node, profile)),
  });
  const reports: CloneReport[] = [];
  for (const node of nodes) {
    const identifier = tableIdentifier(node, profile);
    const original = tableName(tableIdentifier(node, from));
    const source = originals.get(original);
    const own = present.get(tableName(identifier));
    const none = { table: identifier, original, tag: null, rows: null, files: null };
    if (source === undefined || headSnapshot(source.metadata) === null) {
      reports.push({ ...none, status: "missing" });
      continue;
    }
    if (own !== undefined && own.metadata["table-uuid"] === source.metadata["table-uuid"])
      throw lakeError("run/clone-of-itself", { table: original });
    if (own !== undefined && !replace) {
      reports.push({ ...none, status: "exists" });
      continue;
    }
    const base = newestBase({ table: source, owner: from });
    if (own !== undefined) {
      if (cloneOrigin(own.metadata) === null)
        throw lakeError("run/not-a-clone", { table: tableName(identifier) });
      refuseWithClones(own);
      await dropTable(session, own);
    }
    const { metadata } = await makeClone(session, node, { source, owner: from, base });
    const summary = headSnapshot(metadata)?.summary;
    reports.push({
      table: identifier,
      status: own === undefined ? "cloned" : "replaced",
      original,
      tag: base.tag,
      rows: summary?.["total-records"] ?? null,
      files: summary?.["total-data-files"] ?? null,
    });
  }
  return reports;
}

/** Environments that stand on this one may share its files: these would go with the table. */
function refuseWithClones({ identifier, metadata }: CatalogTable): void {
  const tags = basesOf(metadata).map(({ tag }) => tag);
  if (tags.length === 0) return;
  throw lakeError(
    "run/clone-has-clones",
    { table: tableName(identifier), tags },
    { hint: "lake env ls shows which there are; once they are gone, lake env drop this one and clone again" },
  );
}
