// `lake tag` and `lake branch`: names for states of a table, and how long they keep them.
import type { TableIdentifier } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { lakeError } from "../../common/errors.ts";
import { commitUpdates } from "../../iceberg/commit-updates.ts";
import { isIdOrTime, resolvePoint } from "../../iceberg/point-in-time.ts";
import type { SnapshotReference, TableMetadata, TableUpdate } from "../../iceberg/types.ts";
import { findOwnTable } from "./find-table.ts";
import type { Session } from "../session.ts";

export interface Retention {
  readonly maxRefAgeMs?: number;
  /** Branches only. */
  readonly minSnapshotsToKeep?: number;
  /** Branches only. */
  readonly maxSnapshotAgeMs?: number;
}

export interface SetReferenceRequest extends Retention {
  readonly table: string;
  readonly type: "tag" | "branch";
  readonly name: string;
  /** Snapshot id, tag, branch or time; the newest state when absent. */
  readonly at?: string;
  /** Moves a ref that names something else; without it that is refused. */
  readonly replace?: boolean;
  readonly dryRun?: boolean;
}

export interface ReferenceResult {
  readonly table: TableIdentifier;
  readonly name: string;
  readonly type: "tag" | "branch";
  readonly action: "created" | "replaced" | "unchanged" | "deleted";
  /** What it names now, and before; null for nothing. */
  readonly snapshotId: bigint | null;
  readonly before: bigint | null;
  readonly dryRun: boolean;
}

/** What keeps the files of clones alive. */
const cloneBasePrefix = "lake_base_";

/**
 * Makes a tag or branch, or moves it with `replace` (its retention stays where none is given). One that stands
 * there already as asked is left alone.
 * Errors: `run/unknown-table`, `run/bad-ref-name`, `run/ref-exists`, `iceberg/unknown-point`, `iceberg/before-history`.
 */
export async function setReference(session: Session, request: SetReferenceRequest): Promise<ReferenceResult> {
  const { name, type, dryRun = false } = request;
  checkName(name);
  const { identifier, table } = await findOwnTable(session, request.table);
  let result: ReferenceResult | null = null;
  const make = ({ metadata }: { readonly metadata: TableMetadata }): TableUpdate[] => {
    const reference = wanted(session, request, identifier, metadata);
    const before = metadata.refs[name];
    const action = before === undefined ? "created" : isSame(before, reference) ? "unchanged" : "replaced";
    if (before !== undefined && action === "replaced") refuseOther(request, identifier, before);
    result = {
      table: identifier,
      name,
      type,
      action,
      snapshotId: reference["snapshot-id"],
      before: before?.["snapshot-id"] ?? null,
      dryRun,
    };
    return action === "unchanged" ? [] : [{ action: "set-snapshot-ref", "ref-name": name, ...reference }];
  };
  if (dryRun) make(table);
  else await commit(session, identifier, make);
  return result as unknown as ReferenceResult;
}

async function commit(
  session: Session,
  identifier: TableIdentifier,
  make: (table: { readonly metadata: TableMetadata }) => TableUpdate[],
): Promise<void> {
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  await commitUpdates({ catalog, storage, identifier, nowMs: session.now(), make });
}

function checkName(name: string): void {
  const problem =
    name === "main"
      ? "is the table's own line, which builds and `lake rollback` move"
      : name.trim() !== name || name === "" || /\p{Cc}/u.test(name)
        ? "has blanks around it, control characters, or nothing in it"
        : isIdOrTime(name)
          ? "reads as a snapshot id or a time, so `at=` could not tell them apart"
          : null;
  if (problem !== null) throw lakeError("run/bad-ref-name", { name, problem });
}

function wanted(
  session: Session,
  request: SetReferenceRequest,
  identifier: TableIdentifier,
  metadata: TableMetadata,
): SnapshotReference {
  const table = tableName(identifier);
  const timeZone = session.graph.project.settings.timezone;
  const { type, name, at = "main" } = request;
  const { snapshot } = resolvePoint({ metadata, table, text: at, timeZone });
  const before = metadata.refs[name];
  const kept = before?.type === type ? before : undefined;
  const maxRefAge = request.maxRefAgeMs ?? kept?.["max-ref-age-ms"];
  const minSnapshots = request.minSnapshotsToKeep ?? kept?.["min-snapshots-to-keep"];
  const maxSnapshotAge = request.maxSnapshotAgeMs ?? kept?.["max-snapshot-age-ms"];
  return {
    "snapshot-id": snapshot["snapshot-id"],
    type,
    ...(type === "branch" && minSnapshots !== undefined && { "min-snapshots-to-keep": minSnapshots }),
    ...(type === "branch" && maxSnapshotAge !== undefined && { "max-snapshot-age-ms": maxSnapshotAge }),
    ...(maxRefAge !== undefined && { "max-ref-age-ms": maxRefAge }),
  };
}

function isSame(a: SnapshotReference, b: SnapshotReference): boolean {
  return (
    a.type === b.type &&
    a["snapshot-id"] === b["snapshot-id"] &&
    a["max-ref-age-ms"] === b["max-ref-age-ms"] &&
    a["min-snapshots-to-keep"] === b["min-snapshots-to-keep"] &&
    a["max-snapshot-age-ms"] === b["max-snapshot-age-ms"]
  );
}

function refuseOther(
  { name, type, replace = false }: SetReferenceRequest,
  identifier: TableIdentifier,
  before: SnapshotReference,
): void {
  if (replace && before.type === type) return;
  const details = {
    hint:
      before.type === type
        ? "--replace moves it"
        : `delete it first: lake ${before.type} ${tableName(identifier)} ${name} --delete`,
  };
  throw lakeError(
    "run/ref-exists",
    { table: tableName(identifier), name, type: before.type, snapshot: String(before["snapshot-id"]) },
    details,
  );
}

/** Errors: `run/unknown-table`, `run/unknown-table-ref`, `run/bad-ref-name`, `run/clone-base`. */
export async function deleteReference(
  session: Session,
  request: {
    readonly table: string;
    readonly type: "tag" | "branch";
    readonly name: string;
    /** Also a tag that keeps the files of clones alive. */
    readonly force?: boolean;
    readonly dryRun?: boolean;
  },
): Promise<ReferenceResult> {
  const { name, type, dryRun = false, force = false } = request;
  if (name === "main") checkName(name);
  const { identifier, table } = await findOwnTable(session, request.table);
  const label = tableName(identifier);
  if (name.startsWith(cloneBasePrefix) && !force) {
    const hint = "let the clones go first, or say --force; `lake_base_` tags end by themselves";
    throw lakeError("run/clone-base", { table: label, name }, { hint });
  }
  let before: bigint | null = null;
  const make = ({ metadata }: { readonly metadata: TableMetadata }): TableUpdate[] => {
    const reference = metadata.refs[name];
    if (reference?.type !== type) {
      const names = Object.entries(metadata.refs)
        .filter(([other, { type: kind }]) => kind === type && other !== "main")
        .map(([other]) => other);
      const hint = names.length === 0 ? `it has no ${type}` : `it has ${names.join(", ")}`;
      throw lakeError("run/unknown-table-ref", { table: label, type, name }, { hint });
    }
    before = reference["snapshot-id"];
    return [{ action: "remove-snapshot-ref", "ref-name": name }];
  };
  if (dryRun) make(table);
  else await commit(session, identifier, make);
  return { table: identifier, name, type, action: "deleted", snapshotId: null, before, dryRun };
}
