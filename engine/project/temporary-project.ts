// Small projects in temporary folders, for tests.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { loadProject } from "./load-project.ts";
import type { LoadProjectOptions } from "./load-project.ts";
import type { Project, TargetProfile } from "./types.ts";

export const testProfile: TargetProfile = {
  profile: "shop",
  name: "dev",
  schema: "shop",
  warehouse: "file:///warehouse",
  landing: "file:///landing",
  catalog: { type: "sql", uri: "sqlite:////warehouse/catalog.db" },
  compute: { type: "duckdb" },
  storage: {},
  threads: 1,
};

export class TemporaryProject implements Disposable {
  readonly root: string;

  constructor(files: Readonly<Record<string, string>>) {
    this.root = mkdtempSync(path.join(os.tmpdir(), "lake-project-"));
    this.write({ "lake.yml": "name: shop\n", ...files });
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(this.root, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  }

  load(options: Partial<LoadProjectOptions> = {}): Promise<Project> {
    const { root } = this;
    return loadProject({
      root,
      profile: testProfile,
      engine: "duckdb",
      env: {},
      cacheDirectory: null,
      ...options,
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
