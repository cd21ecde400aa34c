// Columns that a contract makes required in a table that stands: only where no row of it is null there.
import { type LakeError, lakeError } from "../../common/errors.ts";
import { formatQuantity } from "../../common/format.ts";
import { currentSchema } from "../../iceberg/metadata.ts";
import { metadataAt } from "../../iceberg/point-in-time.ts";
import { planScan } from "../../iceberg/scan.ts";
import { fieldsById, schemaDiff } from "../../iceberg/schema.ts";
import type { Snapshot, TableMetadata } from "../../iceberg/types.ts";
import type { Storage } from "../../storage/storage.ts";
import type { PlannedRun } from "../planning/plan-run.ts";
import type { Shape } from "./shapes.ts";

/** Unique id → `run/cannot-require`, of tables whose rows stay. */
export async function nullObjections(
  storage: Storage,
  planned: PlannedRun,
  shapes: ReadonlyMap<string, Shape>,
): Promise<Map<string, LakeError>> {
  const errors = new Map<string, LakeError>();
  for (const [uniqueId, { schema }] of shapes) {
    const node = planned.nodes.get(uniqueId);
    const metadata = node?.base?.metadata;
    if (node === undefined || metadata === undefined || node.step.mode === "replace") continue;
    const before = currentSchema(metadata);
    const paths = new Set(
      schemaDiff(before, schema).flatMap((change) =>
        change.kind === "make-required" || change.kind === "add" ? [change.path.join(".")] : [],
      ),
    );
    const required = [...fieldsById(schema).values()].filter(
      ({ field, path }) => field.required && paths.has(path.join(".")),
    );
    for (const { field, path } of required) {
      const isNew = !fieldsById(before).has(field.id);
      if (isNew && field["initial-default"] !== undefined) continue;
      const problem = await nullsOf(storage, metadata, field.id);
      if (problem === null) continue;
      const hint =
        "leave not_null out of the contract's constraints, or rebuild the table with --full-refresh";
      const at = { file: node.node.path };
      errors.set(
        uniqueId,
        lakeError("run/cannot-require", { column: path.join("."), problem }, { at, hint }),
      );
      break;
    }
  }
  return errors;
}

/** What speaks against it on any branch: all are read with the table's schema. */
async function nullsOf(storage: Storage, metadata: TableMetadata, fieldId: number): Promise<string | null> {
  const schemaId = metadata["current-schema-id"];
  const column = fieldsById(currentSchema(metadata)).get(fieldId)?.path;
  const heads = new Set(
    Object.values(metadata.refs)
      .filter(({ type }) => type === "branch")
      .map((reference) => reference["snapshot-id"]),
  );
  for (const id of heads) {
    const snapshot = metadata.snapshots.find((one) => one["snapshot-id"] === id) as Snapshot;
    const [first, ...more] = await planScan({
      storage,
      metadata: metadataAt(metadata, { kind: "branch", snapshot, schemaId }),
      // A column that is new is null in every file.
      ...(column !== undefined && { filter: { kind: "is-null", column } }),
    });
    if (first === undefined) continue;
    const others = more.length === 0 ? "" : ` and ${formatQuantity(more.length, "other file")}`;
    return `${first.file.path}${others} may have nulls there`;
  }
  return null;
}
