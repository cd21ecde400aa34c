// replace_partitions: every partition that the model has a row for holds the model's rows alone.
import { tableName } from "../../catalog/catalog.ts";
import { lakeError } from "../../common/errors.ts";
import { partitionKey } from "../../iceberg/partition.ts";
import { planScan } from "../../iceberg/scan.ts";
import type { Column, ScanTask } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { changedSets, checkKeys } from "./changed-sets.ts";
import type { Strategy, TableWrite } from "./strategy.ts";
import { writeWhole } from "./strategy.ts";
import { matches, targetName } from "./touched-files.ts";

export const replacePartitions: Strategy = {
  // A file that comes late would take the place of all that came before it.
  ingests: false,
  check(model) {
    if ((model.config.partitionBy ?? []).length > 0) return;
    throw lakeError(
      "run/strategy-needs",
      { model: model.name, strategy: "replace_partitions", needs: "partition_by" },
      { at: { file: model.path }, hint: 'for example partition_by="day(ordered_at)"' },
    );
  },
  checkColumns(model) {
    // What changed by a key must fill whole partitions: a partition holds rows of one key only.
    const plain = (model.config.partitionBy ?? []).filter((text) => /^\w+$/.test(text.trim()));
    checkKeys(model, plain, "a column that it is partitioned by, as it is");
  },
  async write(table) {
    const { base, shape } = table;
    if (base === null) return writeWhole(table);
    const result = await table.writeResult();
    const replaced = new Set(result.files.map((file) => partitionKey(file.specId, file.partition)));
    const storage = await table.context.session.storage();
    const live = await planScan({ storage, metadata: base.metadata });
    const old = live.find(({ file }) => file.specId !== shape.spec["spec-id"]);
    if (old !== undefined) {
      throw lakeError(
        "run/other-partitions",
        { table: tableName(base.identifier), path: old.file.path },
        { hint: "rebuild it once with --full-refresh" },
      );
    }
    for (const key of await changedPartitions(table, live)) replaced.add(key);
    const removePaths = new Set(
      live.flatMap(({ file }) =>
        replaced.has(partitionKey(file.specId, file.partition)) ? [file.path] : [],
      ),
    );
    return { operation: { kind: "overwrite", add: result.files, removePaths }, result };
  },
};

/** Keys of the live partitions that hold what changed: one whose rows all vanished is not in the result. */
async function changedPartitions(table: TableWrite, live: readonly ScanTask[]): Promise<readonly string[]> {
  const { sets, relations } = await changedSets(table);
  if (sets.length === 0 || live.length === 0) return [];
  const { session } = table.context;
  const compute = await session.compute();
  const { fields } = table.shape.spec;
  const columns = compute.toColumns(table.shape.schema);
  const sources = fields.flatMap((field, index) => {
    const at = table.shape.schema.fields.findIndex(({ id }) => id === field["source-id"]);
    const column = columns[at];
    return field.transform === "identity" && column !== undefined ? [{ column, index }] : [];
  });
  const partitions = new Map(live.map(({ file }) => [partitionKey(file.specId, file.partition), file]));
  const keys = [...partitions.keys()];
  const place: Column = { name: "lake@place", type: "BIGINT" };
  const { rows } = await compute.query({
    sql: `select ${relationName(place.name)} from ${relationName(targetName)} as t where ${matches({ sets, relations })}`,
    relations: [
      ...relations,
      {
        kind: "rows",
        name: targetName,
        columns: [place, ...sources.map(({ column }) => column)],
        rows: [...partitions.values()].map((file, at) => [
          BigInt(at),
          ...sources.map(({ index }) => file.partition[index] ?? null),
        ]),
      },
    ],
  });
  return rows.map(([at]) => keys[Number(at)] as string);
}
