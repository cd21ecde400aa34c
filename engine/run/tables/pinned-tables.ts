// Tables in other states than their newest, as `{{ref "m" at="…"}}` and `lake query --at` name them.
import { LakeError } from "../../common/errors.ts";
import { tableName } from "../../catalog/catalog.ts";
import { metadataAt, resolvePoint, resolveVersion } from "../../iceberg/point-in-time.ts";
import { loadTable } from "../../iceberg/transaction.ts";
import type { TableMetadata } from "../../iceberg/types.ts";
import type { Model, Seed } from "../../project/types.ts";
import type { StatePin } from "../../template/types.ts";
import type { PinnedTable } from "../names.ts";
import { tableIdentifier } from "../names.ts";
import { icebergSource, missingInput } from "../relations.ts";
import type { SeenTable } from "../environments/seen-tables.ts";
import type { Session } from "../session.ts";

export interface PinnedTables {
  readonly tables: Map<string, TableMetadata>;
  /** Why a state cannot be read, at the reference that asks for it. */
  readonly errors: ReadonlyMap<string, LakeError>;
}

/**
 * The metadata of each as if that state were the table's newest, by unique id. An environment's own table has
 * another history than the one that it stands in for: a state which it lacks is looked for below.
 * What is not there is told by `iceberg/unknown-point`, `iceberg/before-history` or `run/missing-input`.
 */
export async function loadPinned(options: {
  readonly session: Session;
  readonly pins: Iterable<PinnedTable>;
  /** The newest states of the tables, as far as they are there. */
  readonly seen: ReadonlyMap<string, SeenTable>;
}): Promise<PinnedTables> {
  const { session, seen } = options;
  const pins = new Map([...options.pins].map((pin) => [pin.uniqueId, pin]));
  const found = new Map<string, TableMetadata>();
  const errors = new Map<string, LakeError>();
  for (const [uniqueId, pinned] of pins) {
    try {
      found.set(uniqueId, await pinnedMetadata(session, pinned, seen));
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      const { code, message, hint, cause } = error;
      errors.set(uniqueId, new LakeError(code, message, { at: pinned.at, hint, cause }));
    }
  }
  return { tables: found, errors };
}

async function pinnedMetadata(
  session: Session,
  pinned: PinnedTable,
  seen: ReadonlyMap<string, SeenTable>,
): Promise<TableMetadata> {
  const { of, pin } = pinned;
  if (of.resourceType === "source") {
    return stateOf(session, await icebergSource(session, of), pin, `${of.sourceName}.${of.name}`);
  }
  const nearest = seen.get(of.uniqueId);
  if (nearest === undefined) throw missingInput({ node: pinned.name, input: of.name });
  const { table, owner } = nearest;
  try {
    return stateOf(session, table.metadata, pin, tableName(table.identifier));
  } catch (error) {
    const targets = [session.profile, ...session.below];
    return (
      (await stateBelow(session, of, pin, targets.slice(targets.indexOf(owner) + 1))) ?? Promise.reject(error)
    );
  }
}

async function stateBelow(
  session: Session,
  node: Model | Seed,
  pin: StatePin,
  targets: readonly Session["profile"][],
): Promise<TableMetadata | null> {
  const storage = await session.storage();
  for (const owner of targets) {
    const identifier = tableIdentifier(node, owner);
    const table = await loadTable({ catalog: await session.catalogOf(owner), storage, identifier });
    if (table === null) continue;
    try {
      return stateOf(session, table.metadata, pin, tableName(identifier));
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
    }
  }
  return null;
}

/** The table as if the state that the pin names were its newest. */
function stateOf(
  session: Session,
  metadata: TableMetadata,
  { kind, text }: StatePin,
  table: string,
): TableMetadata {
  const { timezone: timeZone } = session.graph.project.settings;
  const point =
    kind === "version"
      ? resolveVersion({ metadata, table, text })
      : resolvePoint({ metadata, table, text, timeZone });
  return metadataAt(metadata, point);
}
