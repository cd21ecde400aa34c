// What a snapshot's history must be, worked out in memory, key by key.

export interface SourceRow {
  readonly id: number;
  readonly status: string | null;
  /** Minutes. */
  readonly changed: number;
}

export interface Version extends SourceRow {
  readonly from: number;
  /** Null: it still holds. */
  readonly to: number | null;
  readonly updatedAt: number;
  readonly deleted: boolean;
}

export interface ModelOptions {
  readonly by: "timestamp" | "check" | "check with updated_at";
  readonly hardDeletes: "ignore" | "invalidate" | "new_record";
}

/** The history after one look at the source at the given minute. */
export function lookAt(
  history: readonly Version[],
  rows: readonly SourceRow[],
  nowMinute: number,
  { by, hardDeletes }: ModelOptions,
): Version[] {
  const keys = new Set([...history, ...rows].map(({ id }) => id));
  return [...keys].flatMap((id) => {
    const versions = history.filter((version) => version.id === id).sort(byTime);
    const row = rows.find((one) => one.id === id);
    const last = versions.at(-1);
    const open = last !== undefined && last.to === null ? last : undefined;
    const before = open === undefined ? versions : versions.slice(0, -1);
    if (row === undefined) {
      if (open === undefined || open.deleted || hardDeletes === "ignore") return versions;
      const at = Math.max(nowMinute, open.from);
      const ended = [...before, { ...open, to: at }];
      if (hardDeletes === "invalidate") return ended;
      return [...ended, { ...open, from: at, to: null, updatedAt: at, deleted: true }];
    }
    const since = by === "check" ? nowMinute : row.changed;
    if (open !== undefined && !open.deleted && !differs(row, open, since, by)) return versions;
    const told = open?.from ?? last?.to ?? null;
    const from = told === null || since > told ? since : Math.max(nowMinute, told);
    const begun: Version = { ...row, from, to: null, updatedAt: since, deleted: false };
    return open === undefined ? [...before, begun] : [...before, { ...open, to: from }, begun];
  });
}

function differs(row: SourceRow, open: Version, since: number, by: ModelOptions["by"]): boolean {
  return by === "timestamp" ? since > open.updatedAt : row.status !== open.status;
}

function byTime(a: Version, b: Version): number {
  return a.from - b.from || (a.to ?? Infinity) - (b.to ?? Infinity);
}
