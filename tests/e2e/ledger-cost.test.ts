// What the landing zone and its ledger cost: one listing however many files there are, and segments whose number
// and size do not grow with every commit.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { openProject } from "../../engine/run/open-project.ts";
import { executeRun } from "../../engine/run/execute-run.ts";
import { listSource } from "../../engine/run/landing/landing-state.ts";
import { readLedger, writeLedger } from "../../engine/run/landing/ledger.ts";
import { createSession } from "../../engine/run/session.ts";
import type { Session } from "../../engine/run/session.ts";
import type { LandingVersion } from "../../engine/plan/landing-diff.ts";
import type { Source } from "../../engine/project/types.ts";
import type { RunResult } from "../../engine/run/types.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { adapters } from "../../engine/wire.ts";
import { eventsProject, goodLines } from "./events-project.ts";
import { tableOf, update } from "./foreign.ts";
import { makeProject } from "./project.ts";

/** Calls of the real storage, by method and folder. */
class Calls {
  readonly made: string[] = [];

  watch(storage: Storage): Storage {
    return new Proxy(storage, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...parameters: unknown[]): unknown => {
          this.made.push(`${String(name)} ${String(parameters[0])}`);
          return Reflect.apply(value, target, parameters) as unknown;
        };
      },
    });
  }

  of(method: string, below: string): number {
    return this.made.filter((call) => call.startsWith(`${method} `) && call.includes(below)).length;
  }
}

async function watched<T>(
  root: string,
  work: (session: Session) => Promise<T>,
): Promise<{ calls: Calls; result: T }> {
  const calls = new Calls();
  const { graph, profile } = await openProject({ projectDir: root, env: {} });
  const session = createSession({
    graph,
    profile,
    adapters: { ...adapters, storage: async (one) => calls.watch(await adapters.storage(one)) },
  });
  try {
    return { calls, result: await work(session) };
  } finally {
    await session.close();
  }
}

const run = (session: Session): Promise<RunResult> => executeRun(session, { command: "build" });

test(
  "100,000 files in the landing zone cost one listing and no more: no file is looked at that is held",
  { timeout: 400_000 },
  async () => {
    using here = makeProject({ ...eventsProject, "landing-zone/events/new.jsonl": goodLines(1, 1) });
    const folder = path.join(here.root, "landing-zone/events");
    const held = 100_000;
    for (let index = 0; index < held; index++) {
      if (index % 1000 === 0) mkdirSync(path.join(folder, `day=${index / 1000}`));
      writeFileSync(path.join(folder, `day=${Math.floor(index / 1000)}/${index}.jsonl`), "");
    }
    here.write({
      "models/sources.yml": String(eventsProject["models/sources.yml"]).replace(
        "location: events\n",
        `location: events\n        files: ["**/*.jsonl"]\n`,
      ),
    });
    // A table that holds all of them but one: taking them in is not what is measured here.
    here.write({ "landing-zone/events/first.jsonl": goodLines(1, 0) });
    await here.withSession(async (session) => {
      const source = session.graph.nodes.get("source.shop.landing.events") as Source;
      const listed = (await listSource(session, source)).files.filter(
        ({ path: file }) => !file.endsWith("new.jsonl"),
      );
      expect(listed).toHaveLength(held + 1);
      await makeTable(session, source, listed);
    });
    const { calls, result } = await watched(here.root, run);
    expect(result.success).toBe(true);
    expect(result.results.find(({ uniqueId }) => uniqueId === "model.shop.events")?.message).toMatch(
      /^appended 1 row in 1 file from 1 landing file/,
    );
    expect(calls.of("list", "landing-zone")).toBe(1);
    for (const method of ["read", "readStream", "readRange"])
      expect(calls.of(method, "landing-zone")).toBe(0);
    // The new file alone is looked at again after it was read.
    expect(calls.of("stat", "landing-zone")).toBeLessThanOrEqual(2);
    expect(calls.made.length).toBeLessThan(60);
    const again = await watched(here.root, run);
    expect(again.result.results.map(({ status }) => status)).toEqual(["success", "reused", "reused"]);
    expect(again.calls.of("list", "landing-zone")).toBe(1);
    expect(again.calls.of("stat", "landing-zone")).toBe(0);

    /** Takes one file in by a run of its own, and notes the others in its ledger. */
    async function makeTable(
      session: Session,
      { uniqueId }: Source,
      listed: readonly LandingVersion[],
    ): Promise<void> {
      const only = makeProject({ ...eventsProject, "landing-zone/events/first.jsonl": goodLines(1, 0) });
      using _other = only;
      only.write({
        "profiles.yml": here
          .read("profiles.yml")
          .replace("warehouse: warehouse", `warehouse: ${here.root}/warehouse`)
          .replace("sqlite:///lake.db", `sqlite:///${here.root}/lake.db`),
      });
      expect((await only.run({})).success).toBe(true);
      const pointer = await writeLedger({
        storage: await session.storage(),
        folder: `${here.root}/warehouse/_lake/dev/ledger/lakehouse.events`,
        commitId: session.newId(),
        base: { files: new Map(), segments: [] },
        added: listed.map((file) => ({ source: uniqueId, ...file, contentHash: "", rows: 0, rejected: 0 })),
      });
      const { metadata } = await tableOf(session, "events");
      const properties = {
        "lake.ledger": pointer,
        "lake.ledger-snapshot": String(metadata["current-snapshot-id"]),
      };
      await update(here, "events", [{ action: "set-properties", updates: properties }]);
    }
  },
);

test("n commits leave a chain of log(n) segments, and a commit writes what it adds", async () => {
  using here = makeProject({});
  await here.withSession(async (session) => {
    const storage = await session.storage();
    const folder = `${here.root}/ledger`;
    let written = 0;
    let ledger = { files: new Map(), segments: [] } as Parameters<typeof writeLedger>[0]["base"];
    const commits = 200;
    for (let index = 0; index < commits; index++) {
      const file = {
        path: `/l/${index}`,
        sizeBytes: 1,
        modifiedMs: 1,
        contentHash: "h",
        rows: 1,
        rejected: 0,
      };
      const options = {
        storage,
        folder,
        commitId: `c${index}`,
        base: ledger,
        added: [{ source: "s", ...file }],
      };
      ledger = await readLedger(storage, await writeLedger(options));
      written += ledger.segments[0]?.files.length ?? 0;
      expect(ledger.segments.length).toBeLessThanOrEqual(Math.log2(index + 1) + 1);
    }
    expect(ledger.files.get("s")?.size).toBe(commits);
    // A list rewritten whole with each commit would come to 20,100.
    expect(written).toBeLessThanOrEqual(commits * (Math.log2(commits) + 1));
  });
});
