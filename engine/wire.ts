// Profile → adapters: the only file that names one. Each is imported when it is first used.
import { lakeError } from "./common/errors.ts";
import { suggest } from "./common/suggest.ts";
import type { Adapters } from "./run/session.ts";
import type { StorageRoute } from "./storage/route-storage.ts";

export const adapters: Adapters = {
  async compute({ compute, name, profile }, settings, storage) {
    if (compute.type !== "duckdb") throw unknown("engine", compute.type, ["duckdb"], `${profile}.${name}`);
    const { openDuckDb } = await import("./compute/duckdb/duckdb-compute.ts");
    return openDuckDb(settings, storage);
  },

  async engineVersion({ compute }) {
    const { createRequire } = await import("node:module");
    const { version } = createRequire(import.meta.url)("@duckdb/node-api/package.json") as {
      version: string;
    };
    return `${compute.type} ${version}`;
  },

  async catalog({ catalog, warehouse, name, profile }) {
    if (catalog.type === "hive") {
      const { hiveCatalogOptions } = await import("./catalog/hive/profile.ts");
      const { openHiveCatalog } = await import("./catalog/hive/hive-catalog.ts");
      return openHiveCatalog(hiveCatalogOptions(catalog, warehouse));
    }
    if (catalog.type !== "sql") throw unknown("catalog", catalog.type, ["sql", "hive"], `${profile}.${name}`);
    const { openSqlCatalog } = await import("./catalog/sql/sql-catalog.ts");
    return openSqlCatalog({ name: textOf(catalog["name"]) ?? "lake", uri: textOf(catalog["uri"]) ?? "" });
  },

  async storage({ warehouse, storage, name, profile }) {
    const [{ routeStorage, schemeOf }, { localPathOf }] = await Promise.all([
      import("./storage/route-storage.ts"),
      import("./storage/local/local-path.ts"),
    ]);
    const local: StorageRoute = {
      schemes: ["file"],
      open: async () => (await import("./storage/local/local-storage.ts")).openLocalStorage(),
      localPath: localPathOf,
    };
    const s3: StorageRoute = {
      schemes: ["s3", "s3a", "s3n"],
      open: async () => {
        const [{ openS3Storage }, { rememberFiles }] = await Promise.all([
          import("./storage/s3/s3-storage.ts"),
          import("./storage/remember-files.ts"),
        ]);
        return rememberFiles(openS3Storage({ storage }));
      },
      localPath: () => null,
    };
    const routed = routeStorage([local, s3]);
    const scheme = schemeOf(warehouse);
    if (!routed.schemes.includes(scheme)) {
      throw unknown("storage", scheme, routed.schemes, `${profile}.${name}`);
    }
    return routed;
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

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
