// The inputs of a microbatch model as one batch sees them, and which batches changed in them.
import type { IcebergRelation, Relation, ScanTask } from "../../compute/compute.ts";
import { relationName } from "../../compute/compute.ts";
import { currentSchema } from "../../iceberg/metadata.ts";
import { bindPredicate, mightMatchFile } from "../../iceberg/predicate.ts";
import { planScan } from "../../iceberg/scan.ts";
import { mergeIntervals, nextBatch, parseClock, withinInterval } from "../../plan/batches.ts";
import type { Interval } from "../../plan/batches.ts";
import { snapshotOfVersion } from "../../plan/table-state.ts";
import { keyColumn } from "../writing/changed-names.ts";
import { keepKeys } from "../writing/keep-changed.ts";
import { relationOf } from "../names.ts";
import type { Readable } from "../names.ts";
import type { BatchPlan } from "../planning/plan-batches.ts";
import { batchedInputs, eventTimeOf, wallTime } from "../planning/plan-batches.ts";
import { eventTimeFilter, inIntervals } from "./event-time.ts";
import type { TableWrite } from "./strategy.ts";

/** Batches with rows that an input gained or lost since the model was built last. */
export async function changedBatches(table: TableWrite, plan: BatchPlan): Promise<readonly Interval[]> {
  const { context, model, node } = table;
  const { session, tables, signal } = context;
  const compute = await session.compute();
  const found: Interval[] = [];
  for (const input of batchedInputs(model, node.inputs, session)) {
    const metadata = tables.get(input.node.uniqueId);
    const recorded = node.state?.ours?.inputs[input.node.uniqueId];
    const since = metadata === undefined ? undefined : snapshotOfVersion(metadata, recorded ?? "");
    if (metadata === undefined || since === undefined)
      throw new Error(`${model.name} was planned to follow ${input.node.name}`);
    const kept = await keepKeys({ session, input, metadata, since, signal });
    const column = relationName(keyColumn("batch"));
    const sql = `select distinct cast(${column} as varchar) from ${relationName(input.relation)}`;
    const { rows } = await compute.query({ sql, relations: [kept.relation] });
    await kept.release();
    for (const [text] of rows) {
      // A row without a time, or with an infinite one, is in no batch.
      const start = typeof text === "string" ? parseClock(text) : null;
      if (start !== null) found.push({ start, end: nextBatch(start, plan.size) });
    }
  }
  return withinInterval(mergeIntervals(found), plan.all);
}

export interface BatchInputs {
  /** What the model's statement reads when it builds the batch. */
  of(batch: Interval): readonly Relation[];
}

interface Batched {
  readonly name: string;
  readonly eventTime: string;
  /** Null where the rows do not come from files alone (`--sample`, `--empty`). */
  readonly files: IcebergRelation | null;
}

/** Manifests are read once for all batches. */
export async function openBatches(table: TableWrite, run: readonly Interval[]): Promise<BatchInputs> {
  const { context, model, node, relations } = table;
  const { session } = context;
  const { timezone } = session.graph.project.settings;
  const batched = new Map<string, Batched>();
  for (const { node: input } of batchedInputs(model, node.inputs, session)) {
    const name = relationOf(input, session.profile);
    const relation = relations.find((one) => one.name === name);
    const files = relation?.kind === "iceberg" ? await filesOf(table, input, relation, run) : null;
    batched.set(name, { name, eventTime: eventTimeOf(input), files });
  }
  return {
    of: (batch) =>
      relations.flatMap((relation) => {
        const input = batched.get(relation.name);
        return input === undefined ? [relation] : inBatch(relation, input, batch, timezone);
      }),
  };
}

async function filesOf(
  { context }: TableWrite,
  input: Readable,
  relation: IcebergRelation,
  run: readonly Interval[],
): Promise<IcebergRelation> {
  const { session, tables } = context;
  const metadata = tables.get(input.uniqueId);
  if (metadata === undefined) return relation;
  const storage = await session.storage();
  const { timezone } = session.graph.project.settings;
  const schema = currentSchema(metadata);
  const field = schema.fields.find(({ name }) => name.toLowerCase() === eventTimeOf(input).toLowerCase());
  const filter = field === undefined ? null : eventTimeFilter(field, run, timezone);
  // With the statistics of the event time, which the statement's own conditions need not ask for.
  const tasks = await planScan({ storage, metadata, ...(filter !== null && { filter }) });
  const wanted = new Set(relation.tasks.map(({ file }) => file.path));
  return { ...relation, tasks: tasks.filter(({ file }) => wanted.has(file.path)) };
}

/** The whole input goes by another name, and its rows of the batch by the plain one. */
function inBatch(
  relation: Relation,
  { name, eventTime, files }: Batched,
  batch: Interval,
  timeZone: string,
): readonly Relation[] {
  const all = `${name}@all`;
  const source = files === null ? relation : { ...files, tasks: tasksOf(files, eventTime, batch, timeZone) };
  const condition = inIntervals(wallTime(eventTime), [batch]);
  return [
    { ...source, name: all },
    { kind: "sql", name, sql: `select * from ${relationName(all)} where ${condition}` },
  ];
}

function tasksOf(
  { tasks, schema }: IcebergRelation,
  eventTime: string,
  batch: Interval,
  timeZone: string,
): readonly ScanTask[] {
  const field = schema.fields.find(({ name }) => name.toLowerCase() === eventTime.toLowerCase());
  const filter = field === undefined ? null : eventTimeFilter(field, [batch], timeZone);
  if (filter === null) return tasks;
  const bound = bindPredicate(filter, schema);
  return tasks.filter(({ file }) => mightMatchFile(bound, file));
}
