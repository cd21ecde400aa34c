// Which tables a maintenance command works on.
import { tableName } from "../catalog/catalog.ts";
import type { TableIdentifier } from "../catalog/catalog.ts";
import { selectNodes } from "../graph/select.ts";
import type { SelectionRequest } from "../graph/types.ts";
import type { Maintenance } from "../project/types.ts";
import { hasTable, tableIdentifier } from "../run/names.ts";
import type { Session } from "../run/session.ts";

export interface SelectedTable {
  readonly identifier: TableIdentifier;
  /** From the node's config: everything, where it says nothing. */
  readonly policy: Maintenance;
}

const everything: Maintenance = {
  compact: true,
  rewriteManifests: true,
  expireSnapshots: true,
  removeOrphanFiles: true,
};

/** The selected nodes' tables that the catalog holds, each with its quarantine, in graph order. */
export async function selectTables(
  session: Session,
  request: SelectionRequest,
): Promise<readonly SelectedTable[]> {
  const tables = selectNodes(session.graph, request).flatMap((id): SelectedTable[] => {
    const node = session.graph.nodes.get(id);
    if (!hasTable(node)) return [];
    const identifier = tableIdentifier(node, session.profile);
    const policy = node.config.maintain ?? everything;
    return [
      { identifier, policy },
      {
        identifier: { ...identifier, name: `${identifier.name}_quarantine` },
        // It has columns of its own.
        policy: { ...policy, compact: policy.compact !== false },
      },
    ];
  });
  const catalog = await session.catalog();
  const found = await catalog.locate(tables.map(({ identifier }) => identifier));
  return tables.filter(({ identifier }) => found.has(tableName(identifier)));
}
