import { describe, expect, test } from "vitest";
import type { CatalogTable } from "../catalog/catalog.ts";
import { decide } from "./decide.ts";
import type { DecisionInput } from "./decide.ts";
import type { LandingDiff } from "./landing-diff.ts";
import type { LakeCommit, TableState } from "./table-state.ts";

const commit: LakeCommit = {
  snapshotId: 7n,
  node: "model.p.m",
  fingerprint: "f1",
  partial: false,
  inputs: { "model.p.up": "uuid@12#0" },
  ledger: null,
  code: null,
  volatile: [],
  intervals: [],
};
const built: TableState = {
  table: {} as CatalogTable,
  ours: commit,
  foreignSince: false,
  version: "uuid@7#0",
  definition: "d1",
};
const noFiles: LandingDiff = { fresh: [], doubtful: [], changed: [], replaced: [], gone: [] };
const oneFile: LandingDiff = { ...noFiles, fresh: [{ path: "/l/a.jsonl", sizeBytes: 1, modifiedMs: 1 }] };

function input(changes: Partial<DecisionInput> = {}): DecisionInput {
  return {
    state: built,
    fingerprint: "f1",
    fullRefresh: false,
    noReuse: false,
    reuseVolatile: false,
    inputs: [{ uniqueId: "model.p.up", name: "up", version: "uuid@12#0" }],
    landing: null,
    landingFiles: 0,
    landingOthers: 0,
    ingests: false,
    strategy: "append",
    definition: "d1",
    ...changes,
  };
}

test("another definition over the same rows evolves the table, where it says what it follows", () => {
  const reason = "columns or layout are defined otherwise";
  expect(decide("table", input({ definition: "d2" }))).toEqual({ action: "build", mode: "evolve", reason });
  expect(decide("seed", input({ definition: "d2" }))).toMatchObject({ mode: "evolve" });
  const ingesting = { ingests: true, landing: noFiles, definition: "d2" };
  expect(decide("incremental", input(ingesting))).toEqual({
    action: "build",
    mode: "evolve",
    reason: `${reason}; no new landing files`,
  });
  expect(decide("table", input({ definition: "d2", fingerprint: "f2" }))).toMatchObject({ mode: "replace" });
  expect(decide("incremental", input({ ...ingesting, landing: oneFile }))).toMatchObject({ mode: "append" });
  const silent = { state: { ...built, definition: null }, definition: "d2" };
  expect(decide("table", input(silent))).toMatchObject({ action: "reuse" });
});

describe("a table is rebuilt exactly when something that decides about its rows moved", () => {
  const ours = (changes: Partial<LakeCommit>): Partial<DecisionInput> => ({
    state: { ...built, ours: { ...commit, ...changes } },
  });
  const cases: [string, Partial<DecisionInput>, string, string][] = [
    ["nothing moved", {}, "reuse", "unchanged"],
    ["no table yet", { state: null }, "build", "new"],
    ["full refresh", { fullRefresh: true }, "build", "full refresh"],
    ["reuse off", { noReuse: true }, "build", "reuse is off"],
    ["code", { fingerprint: "f2" }, "build", "code changed"],
    [
      "an input is built in this run",
      { inputs: [{ uniqueId: "model.p.up", name: "up", version: null }] },
      "build",
      "up changes in this run",
    ],
    [
      "an input has another snapshot",
      { inputs: [{ uniqueId: "model.p.up", name: "up", version: "uuid@13#0" }] },
      "build",
      "up moved from snapshot 12 to 13",
    ],
    [
      "an input was re-created",
      { inputs: [{ uniqueId: "model.p.up", name: "up", version: "other@12#0" }] },
      "build",
      "up moved from snapshot 12 to 12",
    ],
    ["an input is gone", { inputs: [] }, "build", "up is no longer an input"],
    ["an input is new", ours({ inputs: {} }), "build", "up is a new input"],
    [
      "somebody else wrote",
      { state: { ...built, foreignSince: true } },
      "build",
      "another engine wrote the table",
    ],
    ["not ours at all", { state: { ...built, ours: null } }, "build", "the table was not built by lake"],
    ["volatile", ours({ volatile: ["random"] }), "build", "random() differs from run to run"],
    [
      "volatile and accepted",
      { ...ours({ volatile: ["random"] }), reuseVolatile: true },
      "reuse",
      "unchanged",
    ],
    ["a part", ours({ partial: true }), "build", "held only a part"],
    ["new landing file", { landing: oneFile }, "build", "1 new landing file"],
  ];
  test.each(cases)("%s", (_name, changes, action, reason) => {
    expect(decide("table", input(changes))).toMatchObject({ action, reason });
  });
});

describe("an ingesting model runs for new files only", () => {
  const ingest = (changes: Partial<DecisionInput>): DecisionInput =>
    input({ ingests: true, landing: noFiles, ...changes });
  test("no new file: reused", () => {
    expect(decide("incremental", ingest({}))).toEqual({ action: "reuse", reason: "no new landing files" });
    expect(decide("incremental", ingest({ landingOthers: 1 })).reason).toBe(
      "no new landing files; 1 file there that no pattern of `files` names",
    );
  });
  test("a new file: appended", () => {
    expect(decide("incremental", ingest({ landing: oneFile }))).toEqual({
      action: "build",
      mode: "append",
      reason: "1 new landing file",
    });
  });
  test("changed code applies to new data and the plan says so", () => {
    const decision = decide("incremental", ingest({ landing: oneFile, fingerprint: "f2" }));
    expect(decision.mode).toBe("append");
    expect(decision.reason).toContain("--full-refresh");
  });
  test("foreign appends do not stop the ingest", () => {
    expect(decide("incremental", ingest({ state: { ...built, foreignSince: true } })).action).toBe("reuse");
  });
  test("a table that holds a part is made anew", () => {
    const state = { ...built, ours: { ...commit, partial: true } };
    expect(decide("incremental", ingest({ state })).mode).toBe("replace");
  });
});

describe("a model that follows the changes of an input", () => {
  const moved = [{ uniqueId: "model.p.up", name: "up", version: "uuid@13#0" }];
  const follow = (changes: Partial<DecisionInput>, lost: string | null = null) =>
    decide(
      "incremental",
      input({
        strategy: "delete+insert",
        follows: new Map([["model.p.up", lost]]),
        inputs: moved,
        ...changes,
      }),
    );
  const other = (version: string | null) => [...moved, { uniqueId: "seed.p.names", name: "names", version }];
  const withOther = { ...built, ours: { ...commit, inputs: { ...commit.inputs, "seed.p.names": "s@1#0" } } };

  test("is reused while nothing moved", () => {
    expect(follow({ inputs: input().inputs })).toEqual({ action: "reuse", reason: "unchanged" });
  });

  const parts: [string, Partial<DecisionInput>, string][] = [
    ["the input moved", {}, "up moved from snapshot 12 to 13: only what changed"],
    [
      "the input is built in this run",
      { inputs: [{ uniqueId: "model.p.up", name: "up", version: null }] },
      "up changes in this run: only what changed",
    ],
    ["reuse is off", { noReuse: true, inputs: input().inputs }, "reuse is off: only what changed"],
    [
      "a volatile function",
      { state: { ...built, ours: { ...commit, volatile: ["now"] } }, inputs: input().inputs },
      "now() differs from run to run: only what changed",
    ],
  ];
  test.each(parts)("%s: a part is built", (_name, changes, reason) => {
    expect(follow(changes)).toEqual({ action: "build", mode: "overwrite", reason });
  });

  const wholes: [string, Partial<DecisionInput>, string | null, string][] = [
    ["code", { fingerprint: "f2" }, null, "code changed: built whole"],
    [
      "another input moved",
      { state: withOther, inputs: other("s@2#0") },
      null,
      "names moved from snapshot 1 to 2: built whole",
    ],
    [
      "another input is built in this run",
      { state: withOther, inputs: other(null) },
      null,
      "names changes in this run: built whole",
    ],
    ["another input is new", { inputs: other("s@1#0") }, null, "names is a new input: built whole"],
    ["another input is gone", { state: withOther }, null, "names is no longer an input: built whole"],
    [
      "somebody else wrote the table",
      { state: { ...built, foreignSince: true } },
      null,
      "another engine wrote the table: built whole",
    ],
    ["not ours", { state: { ...built, ours: null } }, null, "the table was not built by lake: built whole"],
    [
      "the snapshot is gone",
      {},
      "snapshot 12 of up has expired",
      "snapshot 12 of up has expired: built whole",
    ],
  ];
  test.each(wholes)("%s: the whole table is built", (_name, changes, lost, reason) => {
    expect(follow(changes, lost)).toEqual({ action: "build", mode: "replace", reason });
  });

  test("a full refresh and a table that held a part are whole builds, too", () => {
    expect(follow({ fullRefresh: true }).mode).toBe("replace");
    expect(follow({ state: { ...built, ours: { ...commit, partial: true } } }).mode).toBe("replace");
  });
});
