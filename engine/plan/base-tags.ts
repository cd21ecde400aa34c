// Bases: tags that a target keeps for those who clone its tables (rule 23). While a base stands, no engine's expiry
// takes the files that its clones share.
import type { TableMetadata } from "../iceberg/types.ts";

const prefix = "lake_base_";
const dayMs = 86_400_000;
const pattern = /^lake_base_(\d{4})(\d{2})(\d{2})$/;

/** Explicit, because a table's `history.expire.max-ref-age-ms` would end the tag otherwise; in a double, as JSON has. */
export const endlessMs = Number.MAX_SAFE_INTEGER;

export interface Base {
  /** `lake_base_20250701`. */
  readonly tag: string;
  readonly snapshotId: bigint;
  /** Start of its day, UTC. */
  readonly dayMs: number;
}

/** The bases that a table keeps, oldest first. */
export function basesOf(metadata: TableMetadata): readonly Base[] {
  return Object.entries(metadata.refs)
    .flatMap(([tag, reference]): Base[] => {
      const [, year, month, day] = pattern.exec(tag) ?? [];
      if (year === undefined || reference.type !== "tag") return [];
      const start = Date.UTC(Number(year), Number(month) - 1, Number(day));
      return [{ tag, snapshotId: reference["snapshot-id"], dayMs: start }];
    })
    .sort((a, b) => a.dayMs - b.dayMs);
}

export interface BaseChange {
  /** The tag that the new head is to get; absent where today has one already, which clones may stand on. */
  readonly tag?: string;
  readonly remove: readonly string[];
}

/**
 * What a commit does to a table's bases: the first of a day (UTC) makes one. A base goes `keepMs` after the next one
 * replaced it, so that every clone lives at least that long; the newest stays.
 */
export function changeBases(metadata: TableMetadata | null, keepMs: number, nowMs: number): BaseChange {
  const bases = metadata === null ? [] : basesOf(metadata);
  const today = `${prefix}${new Date(nowMs).toISOString().slice(0, 10).replaceAll("-", "")}`;
  const isNew = !bases.some(({ tag }) => tag === today);
  // Clones were made of a base until the end of the day on which the next one came.
  const remove = bases.filter((_, index) => {
    const next = bases[index + 1];
    return next !== undefined && nowMs > next.dayMs + dayMs + keepMs;
  });
  return { ...(isNew && { tag: today }), remove: remove.map(({ tag }) => tag) };
}
