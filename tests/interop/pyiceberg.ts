// PyIceberg as the judge of what we write: an implementation that shares nothing with ours.
import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseJson } from "../../engine/common/json.ts";
import { servicesElsewhere } from "../services/skip.ts";

const execute = promisify(execFile);
const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
let python: Promise<string | null> | undefined;
let reason = "";

/**
 * The Python of a venv that has PyIceberg (pinned in `requirements.txt`), made on demand in the
 * repository's `.venv`; null where it cannot be had, and `whyNoPyiceberg` says why.
 */
export function pyiceberg(): Promise<string | null> {
  python ??= setUp();
  return python;
}

/** Why `pyiceberg()` gave null, for the report of a skip; null where it did not. */
export async function whyNoPyiceberg(): Promise<string | null> {
  const skipped = servicesElsewhere();
  if (skipped !== null) return skipped;
  return (await pyiceberg()) === null ? reason : null;
}

async function setUp(): Promise<string | null> {
  const found = path("../../.venv/bin/python");
  try {
    await execute(path("./setup-venv.sh"), { timeout: 590_000 });
    await access(found);
    return found;
  } catch (error) {
    const [line = ""] = (error as { stderr?: string }).stderr?.trim().split("\n").slice(-1) ?? [];
    reason = `no PyIceberg (tests/interop/setup-venv.sh): ${line === "" ? String(error) : line}`;
    return null;
  }
}

/**
 * Runs a script (its path from this folder, or its text where it has several lines) and gives what it prints:
 * one JSON value, integers beyond 53 bits as bigint. Arguments arrive in `sys.argv` as text.
 */
export async function runPython(script: string, args: readonly string[]): Promise<unknown> {
  const interpreter = await pyiceberg();
  if (interpreter === null) throw new Error(reason);
  const source = script.includes("\n") ? ["-c", script] : [resolve(path("."), script)];
  const { stdout } = await execute(interpreter, [...source, ...args], { maxBuffer: 256 * 1024 * 1024 });
  return parseJson(stdout);
}
