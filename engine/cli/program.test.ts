import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { CommanderError } from "commander";
import { describe, expect, onTestFinished, test } from "vitest";
import type { CliContext } from "./context.ts";
import { exitCodeOf, parseMapping, usesColour } from "./context.ts";
import { writeProject } from "./init.ts";
import { listLine, listObject } from "./ls.ts";
import { createProgram } from "./program.ts";
import { shopGraph } from "../report/test-fixtures.ts";
import { runOptions } from "./run-nodes.ts";

function testContext(cwd = "/"): { context: CliContext; output: () => string } {
  let text = "";
  const stream = {
    write(part: string) {
      text += part;
    },
  };
  const context: CliContext = {
    stdout: stream,
    stderr: stream,
    env: {},
    cwd,
    now: () => 0,
    adapters: async () => (await import("../wire.ts")).adapters,
    abortSignal: () => new AbortController().signal,
  };
  return { context, output: () => text };
}

async function run(
  argv: readonly string[],
  cwd?: string,
): Promise<{ code: number; output: string; error: unknown }> {
  const { context, output } = testContext(cwd);
  const { program, cli } = createProgram(context);
  try {
    await program.parseAsync(argv, { from: "user" });
    return { code: cli.exitCode, output: output(), error: null };
  } catch (error) {
    const code = error instanceof CommanderError ? error.exitCode : exitCodeOf(error);
    return { code, output: output(), error };
  }
}

/** Commands that do something; of a group of commands, those in it. */
const commands = createProgram(testContext().context).program.commands.flatMap((command) =>
  command.commands.length === 0
    ? [command.name()]
    : command.commands.map((inner) => `${command.name()} ${inner.name()}`),
);

describe("the command line", () => {
  test.each(commands)("lake %s explains itself with examples", async (name) => {
    const { code, output } = await run([...name.split(" "), "--help"]);
    expect(code).toBe(0);
    expect(output).toContain("Examples:\n  lake ");
  });

  test("unknown options, unknown commands and bad choices are usage errors", async () => {
    for (const argv of [
      ["ls", "--bad"],
      ["bild"],
      ["ls", "--output", "xml"],
      ["build", "--indirect-selection", "all"],
    ]) {
      const { error, output } = await run(argv);
      expect(error).toBeInstanceOf(CommanderError);
      expect(output).toMatch(/^error: /);
    }
    expect((await run(["bild"])).output).toContain("Did you mean build?");
  });

  test("a number that is none is refused with what was expected", async () => {
    const { code, error } = await run(["build", "--threads", "0"]);
    expect(code).toBe(2);
    expect(String(error)).toContain('--threads is "0", expected a whole number of at least 1');
  });

  test("run options carry the selection and what was asked, and leave out what was not", () => {
    expect(
      runOptions(
        "build",
        { select: ["silver+"], resourceType: ["model"], reuse: false, threads: 4 },
        { select: ["silver+"], resourceTypes: ["model"] },
      ),
    ).toEqual({
      invocation: { resourceType: ["model"], reuse: false, select: ["silver+"], threads: 4 },
      command: "build",
      select: ["silver+"],
      resourceTypes: ["model"],
      noReuse: true,
      fullRefresh: false,
      failFast: false,
      storeFailures: false,
      warnError: false,
      allowLoss: false,
      changedFiles: "fail",
      empty: false,
      threads: 4,
    });
  });

  test("--vars is a YAML mapping, and anything else says what was wrong", async () => {
    expect(await parseMapping("--vars", "{a: 1, b: [x, null]}")).toEqual({ a: 1, b: ["x", null] });
    await expect(parseMapping("--vars", "a")).rejects.toThrow("--vars is not a YAML mapping");
    await expect(parseMapping("--args", "{a: ")).rejects.toThrow("--args is not a YAML mapping");
  });

  test("colours need a terminal and nobody against them", () => {
    const { context } = testContext();
    const terminal = { write: () => true, isTTY: true };
    expect(usesColour(context, terminal, {})).toBe(true);
    expect(usesColour(context, { write: () => true }, {})).toBe(false);
    expect(usesColour(context, terminal, { color: false })).toBe(false);
    expect(usesColour({ ...context, env: { NO_COLOR: "1" } }, terminal, {})).toBe(false);
    expect(usesColour(context, terminal, { logFormat: "json" })).toBe(false);
  });
});

describe("lake ls", () => {
  test("prints each node as a selector, a name, a path, or an object with its parents", () => {
    const node = shopGraph().nodes.get("model.shop.revenue");
    if (node === undefined) throw new Error("the fixture has no such model");
    expect(listLine(node, "selector")).toBe("shop.gold.revenue");
    expect(listLine(node, "name")).toBe("revenue");
    expect(listLine(node, "path")).toBe("models/gold/revenue.sql");
    expect(listObject(node, shopGraph())).toMatchObject({
      unique_id: "model.shop.revenue",
      resource_type: "model",
      tags: ["gold"],
      depends_on: { nodes: ["model.shop.orders"] },
    });
  });
});

describe("lake init and lake clean", () => {
  test("init writes a project under its name, and never over something that is there", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "lake-init-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const { code, output } = await run(["init", "shop"], folder);
    expect(code).toBe(0);
    expect(output).toContain("models/marts/orders.sql");
    expect(await readFile(path.join(folder, "shop/lake.yml"), "utf8")).toMatch(/^name: shop$/m);
    expect(await readFile(path.join(folder, "shop/.gitignore"), "utf8")).toContain("warehouse/");
    expect(await readFile(path.join(folder, "shop/landing-zone/orders/2025-07-01.jsonl"), "utf8")).toContain(
      "Kim",
    );
    await expect(writeProject(path.join(folder, "shop"), "shop")).rejects.toThrow("not empty");
    await expect(writeProject(path.join(folder, "x"), "My-Shop")).rejects.toThrow("cannot name a project");
  });

  test("clean removes the target folder and nothing else", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "lake-clean-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await writeProject(path.join(folder, "shop"), "shop");
    const root = path.join(folder, "shop");
    const { mkdir, readdir } = await import("node:fs/promises");
    await mkdir(path.join(root, "target"));
    await writeFile(path.join(root, "target", "manifest.json"), "{}");
    const before = await readdir(root);
    expect((await run(["clean"], root)).code).toBe(0);
    expect(await readdir(root)).toEqual(before.filter((name) => name !== "target"));
  });
});
