// replace_partitions: every partition that the model has a row for holds the model's rows alone.
import { tableName } from "../../catalog/catalog.ts";
import { lakeError } from "../../common/errors.ts";
import { partitionKey } from "../../iceberg/partition.ts";
import { planScan } from "../../iceberg/scan.ts";
import type { Strategy } from "./strategy.ts";
import { writeWhole } from "./strategy.ts";

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
    const removePaths = new Set(
      live.flatMap(({ file }) =>
        replaced.has(partitionKey(file.specId, file.partition)) ? [file.path] : [],
      ),
    );
    return { operation: { kind: "overwrite", add: result.files, removePaths }, result };
  },
};
