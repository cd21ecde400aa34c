// The repository's own project as files, to be built in a folder of its own.
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { Files } from "./project.ts";

const repository = path.join(import.meta.dirname, "../..");

export function ownProject(): Files {
  const read = (name: string): [string, string] => [name, readFileSync(path.join(repository, name), "utf8")];
  const folders = ["models", "macros", "seeds", "tests/data"].flatMap((folder) =>
    readdirSync(path.join(repository, folder), { recursive: true, encoding: "utf8" })
      .map((name) => `${folder}/${name}`)
      .filter((name) => statSync(path.join(repository, name)).isFile()),
  );
  return Object.fromEntries(["lake.yml", "profiles.yml", ...folders].map(read));
}
