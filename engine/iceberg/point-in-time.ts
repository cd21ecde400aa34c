// States of a table other than its newest: by snapshot id, tag, branch or time.
import { lakeError } from "../common/errors.ts";
import { formatInstant } from "../common/format.ts";
import { parseInstant } from "../common/instant.ts";
import { suggest } from "../common/suggest.ts";
import type { Snapshot, SnapshotReference, TableMetadata } from "./types.ts";

export interface Point {
  readonly kind: "snapshot" | "tag" | "branch" | "time";
  readonly snapshot: Snapshot;
  /** The snapshot's own schema; for a branch the table's (Java's rule: a branch is written with the table's). */
  readonly schemaId: number;
}

export interface PointRequest {
  readonly metadata: TableMetadata;
  /** For messages. */
  readonly table: string;
  /** As people give it. */
  readonly text: string;
  /** Of times without an offset. */
  readonly timeZone: string;
}

const allDigits = /^\d{1,19}$/;

/** Whether a text would be read as a snapshot id or a time where no ref has that name. */
export function isIdOrTime(text: string): boolean {
  return allDigits.test(text) || parseInstant(text, "UTC") !== null;
}

/**
 * A tag or branch of that name; otherwise a snapshot id; otherwise what was current at that time, as the table's
 * log of moves has it (so that a state which was rolled back later is found, too).
 * Errors: `iceberg/unknown-point`, `iceberg/before-history`.
 */
export function resolvePoint({ metadata, table, text, timeZone }: PointRequest): Point {
  const reference = Object.hasOwn(metadata.refs, text) ? metadata.refs[text] : undefined;
  if (reference !== undefined) return ofReference(metadata, reference, table);
  if (allDigits.test(text)) return ofSnapshot(metadata, text, table);
  const timeMs = parseInstant(text, timeZone);
  if (timeMs !== null) return ofTime(metadata, timeMs, { table, timeZone });
  const names = Object.keys(metadata.refs);
  const near = suggest(text, names);
  throw lakeError(
    "iceberg/unknown-point",
    { table, point: text },
    {
      hint:
        near === undefined
          ? `expected a snapshot id, a time such as 2026-01-31 09:30, or one of ${names.join(", ") || "its refs (there are none)"}; \`lake history ${table}\` lists them`
          : `did you mean "${near}"?`,
    },
  );
}

/** By snapshot id and nothing else: what is named so never moves. Errors: `iceberg/unknown-point`. */
export function resolveVersion({ metadata, table, text }: Omit<PointRequest, "timeZone">): Point {
  if (allDigits.test(text)) return ofSnapshot(metadata, text, table);
  const hint = `version= takes a snapshot id; a tag, a branch or a time is at="${text}"`;
  throw lakeError("iceberg/unknown-point", { table, point: text }, { hint });
}

function ofReference(metadata: TableMetadata, reference: SnapshotReference, table: string): Point {
  const { snapshot, schemaId } = ofSnapshot(metadata, String(reference["snapshot-id"]), table);
  return reference.type === "tag"
    ? { kind: "tag", snapshot, schemaId }
    : { kind: "branch", snapshot, schemaId: metadata["current-schema-id"] };
}

function ofSnapshot(metadata: TableMetadata, text: string, table: string): Point {
  const id = BigInt(text);
  const snapshot = metadata.snapshots.find((candidate) => candidate["snapshot-id"] === id);
  if (snapshot === undefined) {
    const hint = `\`lake history ${table}\` lists those that it has; others may have expired`;
    throw lakeError("iceberg/unknown-point", { table, point: text }, { hint });
  }
  return { kind: "snapshot", snapshot, schemaId: schemaOf(metadata, snapshot) };
}

function schemaOf(metadata: TableMetadata, snapshot: Snapshot): number {
  const id = snapshot["schema-id"];
  // Snapshots of version 1 name none, and a schema may have been cleaned away.
  const isKnown = metadata.schemas.some((schema) => schema["schema-id"] === id);
  return id !== undefined && isKnown ? id : metadata["current-schema-id"];
}

function ofTime(
  metadata: TableMetadata,
  timeMs: number,
  { table, timeZone }: { readonly table: string; readonly timeZone: string },
): Point {
  const log = metadata["snapshot-log"];
  const entry = log.findLast((candidate) => candidate["timestamp-ms"] <= timeMs);
  if (entry === undefined) {
    const first = log[0]?.["timestamp-ms"];
    throw lakeError(
      "iceberg/before-history",
      {
        table,
        time: formatInstant(timeMs, timeZone),
        first: first === undefined ? null : formatInstant(first, timeZone),
      },
      { hint: `\`lake history ${table}\` lists what there is` },
    );
  }
  return { ...ofSnapshot(metadata, String(entry["snapshot-id"]), table), kind: "time" };
}

/** The table as if the point were its newest state: for scans, for binding, and for versions of inputs. */
export function metadataAt(metadata: TableMetadata, { snapshot, schemaId }: Point): TableMetadata {
  const id = snapshot["snapshot-id"];
  return {
    ...metadata,
    "current-snapshot-id": id,
    "current-schema-id": schemaId,
    refs: { ...metadata.refs, main: { type: "branch", "snapshot-id": id } },
  };
}
