// A run that is stopped, killed or out of space: nothing half done shows, and the next run ends right.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { eventsProject, goodLines } from "./events-project.ts";
import { mainFile, makeProject } from "./project.ts";
import type { Files, TestProject } from "./project.ts";

const linesPerFile = 40_000;

/** Enough partitions and rows that writing takes a while. */
const heavy: Files = {
  ...eventsProject,
  "models/events.sql": `{{config materialized="incremental" strategy="append" partition_by="bucket"}}
select *, (id % 200)::integer as bucket, md5(id::varchar) as filler from {{ref "stg"}}
`,
  ...Object.fromEntries(
    [0, 1, 2, 3].map((file) => [
      `landing-zone/events/batch_${file}.jsonl`,
      goodLines(linesPerFile, file * linesPerFile),
    ]),
  ),
};
const rowCount = 4 * linesPerFile;

interface Running {
  readonly process: ChildProcess;
  /** Resolves when the output holds the text, or the process ended before. */
  readonly said: (text: string) => Promise<boolean>;
  readonly ended: Promise<{ code: number | null; signal: string | null; output: string }>;
}

function start(here: TestProject, ...args: string[]): Running {
  const child = spawn(process.execPath, [mainFile, ...args], {
    cwd: here.root,
    env: { ...process.env, NO_COLOR: "1" },
  });
  let output = "";
  const listeners = new Set<() => void>();
  const hear = (chunk: Buffer): void => {
    output += chunk.toString();
    for (const listener of listeners) listener();
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const ended = new Promise<{ code: number | null; signal: string | null; output: string }>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, output }));
  });
  const said = (text: string): Promise<boolean> =>
    Promise.race([
      new Promise<boolean>((resolve) => {
        const listener = (): void => {
          if (output.includes(text)) resolve(true);
        };
        listeners.add(listener);
        listener();
      }),
      ended.then(() => output.includes(text)),
    ]);
  return { process: child, said, ended };
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Files that a reader of the table, or an orphan search, would find: none before the first publish. */
function tableFiles(here: TestProject): string[] {
  return here.files("warehouse").filter((file) => !file.startsWith("_lake/"));
}

/** Processes whose parent is, or was, the one given. */
function childrenOf(pid: number): string[] {
  return spawnSync("ps", ["-A", "-o", "ppid=,pid=,args="], { encoding: "utf8" })
    .stdout.split("\n")
    .filter((line) => Number(line.trim().split(/\s+/)[0]) === pid);
}

describe("Ctrl-C", () => {
  test.each(["SIGINT", "SIGTERM"] as const)(
    "%s in the middle of a build leaves no table, no staged file and no process",
    async (signal) => {
      using here = makeProject(heavy);
      const running = start(here, "build", "--log-format", "json");
      expect(await running.said("model.shop.events")).toBe(true);
      // Until the first data file appears, so that there is something to leave behind.
      while (tableFiles(here).length === 0 && running.process.exitCode === null) await pause(5);
      const pid = running.process.pid as number;
      running.process.kill(signal);
      const { code, output } = await running.ended;
      expect(output).not.toMatch(/^\s+at .*:\d+|crashed/m);
      expect(code).toBe(130);
      expect(await here.catalog()).toEqual({});
      expect(tableFiles(here)).toEqual([]);
      expect(here.files("warehouse/_lake").filter((file) => /runs|ledger/.test(file))).toEqual([]);
      expect(childrenOf(pid)).toEqual([]);
      expect(
        readdirSync(tmpdir()).filter((name) => new RegExp(`^lake-duckdb-.*-${pid}-`).test(name)),
      ).toEqual([]);
      expect((await here.cli("build")).code).toBe(0);
      expect(await here.query(`select count(*), count(distinct id) from {{ref "events"}}`)).toEqual([
        [rowCount, rowCount],
      ]);
    },
  );

  test("says that it stopped, in words", async () => {
    using here = makeProject(heavy);
    const running = start(here, "build");
    while (tableFiles(here).length === 0 && running.process.exitCode === null) await pause(5);
    running.process.kill("SIGINT");
    const { output } = await running.ended;
    expect(output).toMatch(/stopping: .*nothing half done stays/);
    expect(output).toMatch(/nothing was published/);
  });

  test("during a second run leaves the table as it was", async () => {
    using here = makeProject(heavy);
    expect((await here.cli("build")).code).toBe(0);
    const before = [await here.catalog(), tableFiles(here)];
    here.write({ "landing-zone/events/more.jsonl": goodLines(linesPerFile * 2, 1_000_000) });
    const running = start(here, "build");
    while (tableFiles(here).length === (before[1] as string[]).length && running.process.exitCode === null)
      await pause(5);
    running.process.kill("SIGINT");
    await running.ended;
    expect([await here.catalog(), tableFiles(here)]).toEqual(before);
  });
});

describe("kill -9", () => {
  test("at any point, then another run: no row twice, none lost", async () => {
    const whole = makeProject(heavy);
    const started = Date.now();
    expect((await whole.cli("build")).code).toBe(0);
    const lastMs = Date.now() - started;
    const expected = await whole.query(`select kind, n from {{ref "daily"}} order by 1`);
    whole[Symbol.dispose]();
    using here = makeProject({ ...heavy, "landing-zone/events/late.jsonl": "" });
    rmSync(path.join(here.root, "landing-zone/events/late.jsonl"));
    for (let attempt = 0; attempt < 6; attempt++) {
      const running = start(here, "build");
      const delayMs = lastMs * (0.3 + Math.random() * 0.75);
      await Promise.race([pause(delayMs), running.ended]);
      running.process.kill("SIGKILL");
      await running.ended;
      // Whatever was published is whole: the file and its rows, or neither.
      const isThere = "lakehouse.events" in (await here.catalog());
      const count = isThere ? (await here.query(`select count(*) from {{ref "events"}}`))[0]?.[0] : rowCount;
      expect(count).toBe(rowCount);
    }
    const last = await here.cli("build");
    expect([last.stdout + last.stderr, last.code]).toEqual([expect.any(String), 0]);
    expect(await here.query(`select count(*), count(distinct id) from {{ref "events"}}`)).toEqual([
      [rowCount, rowCount],
    ]);
    expect(await here.query(`select kind, n from {{ref "daily"}} order by 1`)).toEqual(expected);
  });

  test("between ingests: each file once, whatever the run that took it in came to", async () => {
    const small: Files = { ...eventsProject, "landing-zone/events/0.jsonl": goodLines(2000, 0) };
    using here = makeProject(small);
    const pids: number[] = [];
    for (let file = 1; file <= 5; file++) {
      here.write({ [`landing-zone/events/${file}.jsonl`]: goodLines(2000, file * 2000) });
      const running = start(here, "run", "-s", "events");
      pids.push(running.process.pid as number);
      await Promise.race([pause(250 + Math.random() * 900), running.ended]);
      running.process.kill("SIGKILL");
      await running.ended;
    }
    expect((await here.cli("build")).code).toBe(0);
    expect(await here.query(`select count(*), count(distinct id) from {{ref "events"}}`)).toEqual([
      [12_000, 12_000],
    ]);
    // What killed processes spilled is tidied up by the next one.
    expect(
      readdirSync(tmpdir()).filter((name) =>
        pids.some((pid) => name.includes(`-${pid}-`) && name.startsWith("lake-duckdb-")),
      ),
    ).toEqual([]);
  });
});

const canMount =
  process.platform === "linux" &&
  process.getuid?.() === 0 &&
  (() => {
    const folder = mkdtempSync(path.join(tmpdir(), "lake-e2e-mount-"));
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).status === 0;
    if (mounted) spawnSync("umount", [folder]);
    rmSync(folder, { recursive: true, force: true });
    return mounted;
  })();

describe.skipIf(!canMount)("a full disk (a mounted tmpfs: needs root)", () => {
  async function onSmallDisk(size: string, work: (here: TestProject) => Promise<void>): Promise<void> {
    using here = makeProject({ ...heavy, "warehouse/.keep": "" });
    const folder = path.join(here.root, "warehouse");
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder]).status).toBe(0);
    try {
      await work(here);
    } finally {
      spawnSync("umount", ["-l", folder]);
    }
  }

  test("is one clear error; nothing is published and nothing stays behind", async () => {
    await onSmallDisk("1m", async (here) => {
      const { code, stdout, stderr } = await here.cli("build");
      expect(code).toBe(1);
      expect(stdout + stderr).toMatch(/disk is full|no space left/i);
      expect(stdout + stderr).not.toMatch(/^\s+at .*:\d+|crashed/m);
      expect(await here.catalog()).toEqual({});
      expect(tableFiles(here)).toEqual([]);
    });
  });

  test("in a second run leaves the table as it was, and with room the next run goes through", async () => {
    await onSmallDisk("24m", async (here) => {
      for (const file of [1, 2, 3]) rmSync(path.join(here.root, `landing-zone/events/batch_${file}.jsonl`));
      const first = await here.cli("build");
      expect([first.stdout + first.stderr, first.code]).toEqual([expect.any(String), 0]);
      const before = await here.catalog();
      const folder = path.join(here.root, "warehouse");
      spawnSync("fallocate", ["-l", "64m", path.join(folder, "ballast")]);
      spawnSync("dd", ["if=/dev/zero", `of=${path.join(folder, "ballast2")}`, "bs=64k"]);
      here.write({ "landing-zone/events/batch_1.jsonl": goodLines(linesPerFile, linesPerFile) });
      const second = await here.cli("build");
      expect(second.code).toBe(1);
      expect(second.stdout + second.stderr).toMatch(/disk is full|no space left/i);
      expect(await here.catalog()).toEqual(before);
      for (const name of readdirSync(folder).filter((file) => file.startsWith("ballast")))
        rmSync(path.join(folder, name));
      expect((await here.cli("build")).code).toBe(0);
      expect(await here.query(`select count(*) from {{ref "events"}}`)).toEqual([[2 * linesPerFile]]);
    });
  });
});
