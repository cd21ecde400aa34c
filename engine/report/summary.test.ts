import { describe, expect, test } from "vitest";
import { createStyle } from "./style.ts";
import { renderSummary } from "./summary.ts";
import { runResult, shopGraph, tableResult, testResult, unknownColumn } from "./test-fixtures.ts";

const view = {
  graph: shopGraph(),
  style: createStyle(false),
  readLine: (_file: string, line: number) => ["select", "  a,", "    evnt_name", "from x"][line - 1],
};

describe("the closing text of a run", () => {
  test("shows what was built, totals, and commands that fit the project", () => {
    const revenue = tableResult("revenue", { elapsedMs: 80 });
    const small = {
      ...revenue.table!,
      snapshotId: 12n,
      rowsAdded: 31n,
      rowsTotal: 31n,
      filesTotal: 1,
      partitions: 1,
      bytesTotal: 3100n,
    };
    const text = renderSummary(
      runResult([tableResult("orders"), { ...revenue, table: small }, testResult()]),
      view,
    );
    expect(text).toMatchInlineSnapshot(`
      "table              rows         new  files  partitions     size             snapshot   time
      shop.orders   1,000,001  +1,000,001    744         744  46.9 MB  4810234567890123456  4.2 s
      shop.revenue         31         +31      1           1   3.1 KB                   12  80 ms
      total         1,000,032  +1,000,032    745              46.9 MB                       6.2 s

      Done: 2 tables built in 6.2 s
      1 test passed

      Try next
        lake show revenue
        lake query 'select count(*) from {{ref "orders"}}'
        lake ls -s orders+
        edit models/gold/orders.sql, then: lake build -s orders+"
    `);
  });

  test("says that nothing is new when every table was reused", () => {
    const text = renderSummary(
      runResult([tableResult("orders", { status: "reused" })], { elapsedMs: 310 }),
      view,
    );
    expect(text).toContain("Nothing new: 1 table up to date in 0.3 s");
    expect(text).toContain("up to date\n");
  });

  test("shows a failing test with its place and how to see the rows, and that nothing was published", () => {
    const failed = testResult({
      status: "fail",
      failures: 3,
      message: "3 failing rows",
      compiledPath: "target/compiled/t.sql",
    });
    const text = renderSummary(
      runResult([tableResult("orders"), failed], { published: false, success: false, staged: true }),
      view,
    );
    expect(text).toContain(
      [
        "FAIL not_null_orders_one",
        "  3 failing rows",
        "  declared in models/gold/_gold.yml:9",
        "  failing rows: lake show not_null_orders_one --run run-1",
        "  compiled SQL: target/compiled/t.sql",
      ].join("\n"),
    );
    expect(text).toContain(
      "Failed in 6.2 s: nothing was published: every table is as it was before\n1 test failed",
    );
    expect(text).toMatch(/^staged, not published\ntable /);
    expect(text).not.toContain("Try next");
  });

  test("names the table that holds the failing rows", () => {
    const failed = testResult({ status: "fail", failuresTable: { namespace: "shop_failures", name: "t" } });
    const text = renderSummary(runResult([failed], { published: false, success: false }), view);
    expect(text).toContain("  failing rows: table shop_failures.t");
  });

  test("shows the error of a model with its line of source", () => {
    const { table: _table, ...node } = tableResult("orders", { status: "error", message: "failed" });
    const text = renderSummary(
      runResult([{ ...node, error: unknownColumn() }], { success: false, published: false }),
      view,
    );
    expect(text).toContain(
      [
        "ERROR orders",
        "error[cli/usage] there is no column evnt_name",
        " --> models/gold/orders.sql:3:5",
        "  |",
        "3 |     evnt_name",
        "  |     ^",
        "hint: did you mean event_name?",
      ].join("\n"),
    );
  });

  test("counts quarantined lines", () => {
    const result = tableResult("orders");
    const text = renderSummary(
      runResult([{ ...result, table: { ...result.table!, rejectedRows: 2 } }]),
      view,
    );
    expect(text).toContain("quarantined 2 lines of the landing files of shop.orders");
  });
});
