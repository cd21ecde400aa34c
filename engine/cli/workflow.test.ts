// The workflow of pull requests and its role's policy: what they promise can be read off them.
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { load } from "js-yaml";
import { expect, test } from "vitest";
import type { CliContext } from "./context.ts";
import { createProgram } from "./program.ts";

const root = path.join(import.meta.dirname, "../..");
const text = readFileSync(path.join(root, ".github/workflows/pull-request.yml"), "utf8");

interface Job {
  readonly if?: string;
  readonly steps: readonly { readonly run?: string; readonly uses?: string }[];
}
const { jobs } = load(text) as { readonly jobs: Readonly<Record<string, Job>> };
const assumesRole = ({ steps }: Job): boolean =>
  steps.some(({ uses }) => uses?.includes("credentials") === true);

test("code of forks gets neither secrets nor the role", () => {
  expect(text).not.toMatch(/secrets\.|pull_request_target/);
  const withRole = Object.values(jobs).filter(assumesRole);
  expect(withRole).toHaveLength(2);
  for (const job of withRole)
    expect(job.if).toContain("github.event.pull_request.head.repo.full_name == github.repository");
});

test("every command of lake in it is one, with options that it has", () => {
  const { program } = createProgram({
    stdout: process.stdout,
    stderr: process.stderr,
  } as unknown as CliContext);
  const lines = Object.values(jobs).flatMap(({ steps }) =>
    steps.flatMap(({ run }) => run?.match(/npx lake [^>\n]*/g) ?? []),
  );
  expect(lines.length).toBeGreaterThan(4);
  for (const line of lines) {
    let command: Command = program;
    for (const word of line.split(" ").slice(2)) {
      const next = command.commands.find((one) => one.name() === word);
      if (next !== undefined) command = next;
      const known = command.options.flatMap(({ short, long }) => [short, long]);
      expect({ line, word, known: !word.startsWith("-") || known.includes(word) }).toMatchObject({
        known: true,
      });
    }
    expect({ line, isRoot: command === program }).toMatchObject({ isRoot: false });
  }
});

test("the policy writes prefixes of environments only", () => {
  const page = readFileSync(path.join(root, "engine/environments.md"), "utf8");
  const policy = JSON.parse(/```json\n([^]*?)```/.exec(page)?.[1] ?? "") as {
    readonly Statement: readonly {
      readonly Action: readonly string[];
      readonly Resource: readonly string[];
    }[];
  };
  const writing = policy.Statement.filter(({ Action }) =>
    Action.some((action) => !/^s3:(Get|List)/.test(action)),
  );
  expect(writing).toHaveLength(1);
  for (const resource of writing[0]?.Resource ?? []) expect(resource).toMatch(/\/warehouse\/(_lake\/)?pr_\*/);
});
