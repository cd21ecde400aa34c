// Profile → adapters: the only file that names one. Each is imported when it is first used.
import { lakeError } from "./common/errors.ts";
import { suggest } from "./common/suggest.ts";
import type { Adapters } from "./run/session.ts";

export const adapters: Adapters = {
  async compute(settings) {
    const { openDuckDb } = await import("./compute/duckdb/duckdb-compute.ts");
    return openDuckDb(settings);
  },

  async catalog({ catalog, name, profile }) {
    if (catalog.type !== "sql") throw unknown("catalog", catalog.type, ["sql"], `${profile}.${name}`);
    const { openSqlCatalog } = await import("./catalog/sql/sql-catalog.ts");
    return openSqlCatalog({ name: String(catalog["name"] ?? "lake"), uri: String(catalog["uri"]) });
  },

  async storage({ warehouse, name, profile }) {
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(warehouse)?.[1]?.toLowerCase() ?? "file";
    if (scheme !== "file") throw unknown("storage", scheme, ["file"], `${profile}.${name}`);
    const { openLocalStorage } = await import("./storage/local/local-storage.ts");
    return openLocalStorage();
  },
};

function unknown(kind: string, type: string, known: readonly string[], target: string): Error {
  const near = suggest(type, known);
  return lakeError(
    "run/unknown-adapter",
    { kind, type, known, target },
    { at: { file: "profiles.yml" }, hint: near && `did you mean "${near}"?` },
  );
}
