// A v3 table in the making, and the lineage of its rows as lake reads it.
import { expect } from "vitest";
import { asRelation, planScan } from "../../engine/iceberg/scan.ts";
import { tableOf } from "./foreign.ts";
import type { Files, TestProject } from "./project.ts";

export type Row = readonly [id: number, day: string, amount: number];

export const given = (rows: readonly Row[]): Files => ({
  "seeds/given.csv": `id,day,amount\n${rows.map((row) => row.join(",")).join("\n")}\n`,
});
export const project = (strategy: string, mode = "copy-on-write"): Files => ({
  "models/orders.yml": `models: [{name: orders, config: {properties: {write.merge.mode: ${mode}}}}]\n`,
  "seeds/given.yml":
    "seeds: [{name: given, config: {column_types: {id: bigint, day: date, amount: bigint}}}]\n",
  "models/orders.sql": `{{config materialized="incremental" strategy="${strategy}" unique_key="id" partition_by="day" format_version=3}}
select * from {{ref "given"}}
`,
});

/** Id → the row's lineage, as the format has it. */
export function lineage(here: TestProject): Promise<Map<number, { row: number; updated: number }>> {
  return here.withSession(async (session) => {
    const [storage, compute] = await Promise.all([session.storage(), session.compute()]);
    const { metadata } = await tableOf(session, "orders");
    const tasks = await planScan({ storage, metadata });
    const relation = { ...asRelation({ name: "orders", metadata, tasks }), lineage: true };
    const sql = `select id, _row_id, _last_updated_sequence_number from "orders"`;
    const { rows } = await compute.query({ sql, relations: [relation] });
    const found = new Map(
      rows.map(([id, row, updated]) => [Number(id), { row: Number(row), updated: Number(updated) }]),
    );
    expect(rows.every((row) => row.every((value) => value !== null))).toBe(true);
    expect(new Set([...found.values()].map(({ row }) => row)).size).toBe(rows.length);
    return found;
  });
}
