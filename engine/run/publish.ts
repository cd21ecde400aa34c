// Moves the catalog to what a run staged: all tables together where the catalog can.
import type { Catalog } from "../catalog/catalog.ts";
import type { StagedChange } from "../iceberg/change.ts";
import { publishChanges } from "../iceberg/transaction.ts";
import type { Session } from "./session.ts";

export async function publish(session: Session, staged: readonly StagedChange[]): Promise<void> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const namespaces = new Set(
    staged.filter(({ request }) => request.base === null).map(({ request }) => request.identifier.namespace),
  );
  for (const namespace of namespaces) await ensureNamespace(catalog, namespace);
  await publishChanges({ catalog, storage, staged, nowMs: session.now() });
}

/** Two runs may make it at the same moment: what counts is that it is there afterwards. */
export async function ensureNamespace(catalog: Catalog, namespace: string): Promise<void> {
  if ((await catalog.namespaceProperties(namespace)) !== null) return;
  try {
    await catalog.createNamespace(namespace);
  } catch (error) {
    if ((await catalog.namespaceProperties(namespace)) === null) throw error;
  }
}
