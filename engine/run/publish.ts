// Moves the catalog to what a run staged: all tables together where the catalog can.
import type { Catalog } from "../catalog/catalog.ts";
import type { StagedChange } from "../iceberg/change.ts";
import { publishChanges } from "../iceberg/transaction.ts";
import type { TargetProfile } from "../project/types.ts";
import type { Session } from "./session.ts";

export async function publish(session: Session, staged: readonly StagedChange[]): Promise<void> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const namespaces = new Set(
    staged.filter(({ request }) => request.base === null).map(({ request }) => request.identifier.namespace),
  );
  for (const namespace of namespaces) await ensureNamespace(catalog, namespace, session.profile);
  await publishChanges({ catalog, storage, staged, nowMs: session.now() });
}

/** Properties of an environment's namespaces: the target's name, and the one that it stands on. */
export const environmentKeys = { name: "lake.environment", from: "lake.environment-from" } as const;

/** Two runs may make it at the same moment: what counts is that it is there afterwards. */
export async function ensureNamespace(
  catalog: Catalog,
  namespace: string,
  { name, parent }: TargetProfile,
): Promise<void> {
  if ((await catalog.namespaceProperties(namespace)) !== null) return;
  try {
    const marks = parent && { [environmentKeys.name]: name, [environmentKeys.from]: parent.name };
    await catalog.createNamespace(namespace, marks);
  } catch (error) {
    if ((await catalog.namespaceProperties(namespace)) === null) throw error;
  }
}
