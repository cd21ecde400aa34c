// Which tables a maintenance command works on.
import { tableName } from "../catalog/catalog.ts";
import type { TableIdentifier } from "../catalog/catalog.ts";
import { selectNodes } from "../graph/select.ts";
import type { SelectionRequest } from "../graph/types.ts";
import { hasTable, tableIdentifier } from "../run/names.ts";
import type { Session } from "../run/session.ts";

/** The selected nodes' tables that the catalog holds, each with its quarantine, in graph order. */
export async function selectTables(
  session: Session,
  request: SelectionRequest,
): Promise<readonly TableIdentifier[]> {
  const identifiers = selectNodes(session.graph, request).flatMap((id) => {
    const node = session.graph.nodes.get(id);
    if (!hasTable(node)) return [];
    const own = tableIdentifier(node, session.profile);
    return [own, { ...own, name: `${own.name}_quarantine` }];
  });
  const catalog = await session.catalog();
  const found = await catalog.locate(identifiers);
  return identifiers.filter((identifier) => found.has(tableName(identifier)));
}
