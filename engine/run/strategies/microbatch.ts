// microbatch: the model's statement runs once for each batch of event time, over the rows of its inputs that lie
// in it, and its rows take the place of those that the table has for the batch. Which batches were built stands
// in the snapshot; a batch whose rows changed in an input, by late rows or deletes, is built again.
import { lakeError } from "../../common/errors.ts";
import { quoteIdentifier } from "../../common/sql.ts";
import { didYouMean } from "../../common/suggest.ts";
import type { WriteResult } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { withLineage } from "../../iceberg/row-lineage.ts";
import type { DataFile, Schema } from "../../iceberg/types.ts";
import { eachBatch, intervalsJson, intervalText, mergeIntervals, parseClock } from "../../plan/batches.ts";
import type { Interval } from "../../plan/batches.ts";
import { summaryKeys } from "../../plan/table-state.ts";
import type { Model } from "../../project/types.ts";
import type { BatchPlan } from "../planning/plan-batches.ts";
import { clock, wallTime } from "../planning/plan-batches.ts";
import { changedBatches, openBatches } from "./batch-inputs.ts";
import { eventTimeFilter, inIntervals } from "./event-time.ts";
import { wholeOperation } from "./strategy.ts";
import type { Strategy, TableWrite, Written } from "./strategy.ts";
import { findTouched, targetName } from "./touched-files.ts";

export const microbatch: Strategy = {
  // A file that comes late would take the place of what came before it.
  ingests: false,
  check(model) {
    const { eventTime, batchSize, begin } = model.config;
    const missing = [
      ...(eventTime === undefined ? ["event_time"] : []),
      ...(batchSize === undefined ? ["batch_size"] : []),
      ...(begin === undefined ? ["begin"] : []),
    ];
    if (missing.length > 0) {
      throw lakeError(
        "run/strategy-needs",
        { model: model.name, strategy: "microbatch", needs: missing.join(", ") },
        {
          at: { file: model.path },
          hint: 'for example event_time="seen_at" batch_size="day" begin="2025-01-01"',
        },
      );
    }
    clock(begin ?? "", `begin of ${model.name}`);
    const [followed] = model.references.changes;
    if (followed === undefined) return;
    throw lakeError(
      "run/cannot-follow",
      {
        model: model.name,
        input: "name" in followed.input ? followed.input.name : followed.input.table,
        problem: "and is a microbatch model, which follows its inputs by itself",
      },
      { at: followed.at, hint: "leave the condition out" },
    );
  },
  checkColumns(model, schema) {
    eventTimeField(model, schema);
  },
  write: writeBatches,
};

function eventTimeField(model: Model, schema: Schema): Schema["fields"][number] {
  const column = model.config.eventTime ?? "";
  const found = schema.fields.find(({ name }) => name.toLowerCase() === column.toLowerCase());
  if (found !== undefined) return found;
  const names = schema.fields.map(({ name }) => name);
  throw lakeError(
    "run/event-time-missing",
    { model: model.name, column },
    { at: { file: model.path }, hint: didYouMean(column, names) ?? `it has ${names.join(", ")}` },
  );
}

async function writeBatches(table: TableWrite): Promise<Written> {
  const plan = table.node.batches;
  if (plan === undefined) throw new Error(`${table.model.name} was planned without batches`);
  const changed = plan.follows ? await changedBatches(table, plan) : [];
  const run = mergeIntervals([...plan.run, ...changed]);
  const batches = eachBatch(run, plan.size);
  const inputs = await openBatches(table, run);
  const written: { readonly batch: Interval; readonly result: WriteResult }[] = [];
  for (const batch of batches) written.push({ batch, result: await table.writeResult(inputs.of(batch)) });
  await refuseOutside(table, plan, written);
  const files = written.flatMap(({ result }) => result.files);
  const rows = written.reduce((sum, { result }) => sum + result.rows, 0n);
  const result = { rows, files, landing: [], rejected: [] };
  const summary = {
    [summaryKeys.intervals]: intervalsJson(mergeIntervals([...plan.kept, ...run])),
    ...recordedInputs(table, plan),
  };
  if (table.base === null) return { operation: wholeOperation(table, result), result, summary };
  const rest = await writeRest(table, run);
  return {
    operation: { kind: "overwrite", add: [...files, ...rest.files], removePaths: rest.touched },
    result: { ...result, files: [...files, ...rest.files] },
    summary,
  };
}

/** Where only some batches were asked for, what else changed in the inputs is still to be seen by a later run. */
function recordedInputs({ node }: TableWrite, plan: BatchPlan): Record<string, string> {
  const before = node.state?.ours?.inputs;
  if (plan.follows || plan.kept.length === 0 || before === undefined) return {};
  return { [summaryKeys.inputs]: JSON.stringify(before) };
}

/** The rows of other batches that lie in files with rows to go. */
async function writeRest(
  table: TableWrite,
  run: readonly Interval[],
): Promise<{ readonly files: readonly DataFile[]; readonly touched: ReadonlySet<string> }> {
  const { schema } = table.shape;
  const { timezone } = table.context.session.graph.project.settings;
  const field = eventTimeField(table.model, schema);
  const sql = inIntervals(wallTime(field.name), run);
  const filter = eventTimeFilter(field, run, timezone);
  const target = await findTouched(table, { sql, relations: [], filter });
  if (target.rest.tasks.length === 0) return { files: [], touched: target.touched };
  const fields = table.lineage ? withLineage(schema).fields : schema.fields;
  const columns = fields.map(({ name }) => quoteIdentifier(name)).join(", ");
  const { files } = await table.writeRows(
    `select ${columns} from ${relationName(targetName)} where not (${sql})`,
    [target.rest],
  );
  return { files, touched: target.touched };
}

/** The next build of a batch takes away the rows that lie in it: others it would not find. */
async function refuseOutside(
  table: TableWrite,
  plan: BatchPlan,
  written: readonly { readonly batch: Interval; readonly result: WriteResult }[],
): Promise<void> {
  const { model, shape, context } = table;
  const owners = written.flatMap(({ batch, result }) => result.files.map((file) => ({ batch, file })));
  if (owners.length === 0) return;
  const { name } = eventTimeField(model, shape.schema);
  const time = wallTime(name);
  const compute = await context.session.compute();
  const fileColumn = "lake@file";
  const { rows } = await compute.query({
    sql:
      `select ${quoteIdentifier(fileColumn)}, cast(min(${time}) as varchar), cast(max(${time}) as varchar), ` +
      `count(*) filter (where ${time} is null) from "lake@written" group by 1 order by 1`,
    relations: [
      {
        kind: "iceberg",
        name: "lake@written",
        schema: shape.schema,
        tasks: owners.map(({ file }) => ({ file, sequenceNumber: 0n, deletes: [] })),
        fileColumn,
      },
    ],
  });
  for (const [position, least, most, nulls] of rows) {
    const { batch } = owners[Number(position)] as { batch: Interval };
    const found = new Set([...(Number(nulls) > 0 ? ["null"] : []), ...outside(batch, [least, most])]);
    if (found.size === 0) continue;
    throw lakeError(
      "run/rows-outside-batch",
      {
        model: model.name,
        column: name,
        batch: intervalText(batch, plan.size),
        found: [...found].join(" and "),
      },
      { at: { file: model.path }, hint: `give ${name} the time of the input's rows` },
    );
  }
}

function outside({ start, end }: Interval, times: readonly unknown[]): string[] {
  return times.flatMap((time) => {
    const at = typeof time === "string" ? parseClock(time) : null;
    return typeof time !== "string" || (at !== null && at >= start && at < end) ? [] : [time];
  });
}
