// A copy of the repository's own project, somewhere that can be thrown away.
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { measure } from "./measure.ts";
import type { Measured } from "./measure.ts";

const repository = path.join(import.meta.dirname, "../..");

export interface ScratchProject extends Disposable {
  readonly root: string;
  lake(...args: string[]): Promise<Measured>;
  /** Replaces `profiles.yml`: the profile's targets, of which the first is the default. */
  targets(outputs: Readonly<Record<string, unknown>>): void;
  /** Tables, catalog and what runs left; the landing zone stays. */
  reset(): void;
}

export function scratchProject(): ScratchProject {
  const root = mkdtempSync(path.join(tmpdir(), "lake-bench-"));
  for (const name of [
    "lake.yml",
    "profiles.yml",
    "selectors.yml",
    "models",
    "macros",
    "seeds",
    "tests/data",
  ]) {
    cpSync(path.join(repository, name), path.join(root, name), { recursive: true });
  }
  const launcher = path.join(repository, "engine/bin/lake.js");
  return {
    root,
    lake: (...args) => measure([process.execPath, launcher, ...args], { cwd: root }),
    targets: (outputs) => {
      const [target] = Object.keys(outputs);
      const text = JSON.stringify({ recipe_analytics: { target, outputs } });
      writeFileSync(path.join(root, "profiles.yml"), text);
    },
    // Moved aside, not deleted: ext4 passes over inodes deleted moments ago, which the next writer would pay.
    reset: () => {
      const aside = mkdtempSync(path.join(root, "old-"));
      for (const name of ["warehouse", "target"]) {
        if (existsSync(path.join(root, name))) renameSync(path.join(root, name), path.join(aside, name));
      }
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}
