// Writers, each a process, that append to one table at the same time: lake's and PyIceberg's.
import type { CatalogConnection } from "../conformance/adapters.ts";
import { race } from "../conformance/processes.ts";
import { makeProject, type TestProject } from "../e2e/project.ts";
import { runPython } from "./pyiceberg.ts";

/** PyIceberg's catalog on the same connection. */
export const openPythonCatalog = `
import json, sys, time
import pyarrow as pa
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import CommitFailedException
uri = sys.argv[1].replace("postgresql://", "postgresql+psycopg2://")
patience = {"lock-check-min-wait-time": "0.02", "lock-check-max-wait-time": "0.1", "lock-check-retries": "1000"}
catalog = load_catalog("lake", type="hive" if uri.startswith("thrift:") else "sql", uri=uri, warehouse=sys.argv[2], **patience)
`;

const appendInPython = `${openPythonCatalog}
table, first, count = sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
schema = pa.schema([("id", pa.int64()), ("writer", pa.string())])
acknowledged, conflicts, started = [], 0, time.perf_counter()
while len(acknowledged) < count:
    id_ = first + len(acknowledged)
    try:
        catalog.load_table(table).append(pa.table({"id": [id_], "writer": ["pyiceberg"]}, schema=schema))
        acknowledged.append(id_)
    except CommitFailedException:
        conflicts += 1
elapsed = (time.perf_counter() - started) * 1000
print(json.dumps({"acknowledged": acknowledged, "conflicts": conflicts, "elapsedMs": elapsed}))
`;

export interface Appended {
  readonly acknowledged: readonly number[];
  readonly conflicts: number;
  /** From the writer's first append to its last. */
  readonly elapsedMs: number;
}

export interface AppendingWriters extends AsyncDisposable {
  /** Writers at once, each with so many appends of one row; every id is another one. */
  append(writers: { readonly lake: number; readonly pyiceberg: number }, count: number): Promise<Appended[]>;
  /** All ids in the table, in order, as each reads it. */
  read(): Promise<{ readonly lake: number[]; readonly pyiceberg: number[] }>;
}

/** A table `lakehouse.hot` on the catalog, with its files in a folder of this machine. */
export async function appendingWriters({ options }: CatalogConnection): Promise<AppendingWriters> {
  const uri = options["uri"] ?? "";
  const project = makeProject({
    "models/hot.sql": `{{config materialized="incremental" strategy="append"}}
select -1::bigint as id, 'nobody' as writer where false
`,
  });
  const warehouse = options["warehouse"] ?? `file://${project.root}/warehouse`;
  const target = { schema: "lakehouse", warehouse, threads: 1, catalog: catalogOf(uri) };
  project.write({ "profiles.yml": JSON.stringify({ shop: { outputs: { prod: target } } }) });
  await makeTable(project);
  let next = 0;
  return {
    append: async ({ lake, pyiceberg }, count) => {
      const firsts = Array.from({ length: lake + pyiceberg }, () => (next += 1000));
      const ours = race(
        "./racing-appender.ts",
        firsts.slice(0, lake).map((first) => [project.root, "hot", String(first), String(count)]),
      );
      const theirs = firsts
        .slice(lake)
        .map((first) =>
          runPython(appendInPython, [uri, warehouse, "lakehouse.hot", String(first), String(count)]),
        );
      return (await Promise.all([ours, Promise.all(theirs)])).flat() as Appended[];
    },
    read: async () => ({
      lake: (await project.query('select id from {{ref "hot"}} order by id')).map(([id]) => Number(id)),
      pyiceberg: (await runPython(
        `${openPythonCatalog}
print(json.dumps(sorted(catalog.load_table("lakehouse.hot").scan().to_arrow()["id"].to_pylist())))
`,
        [uri, warehouse],
      )) as number[],
    }),
    [Symbol.asyncDispose]: async () => project[Symbol.dispose](),
  };
}

function catalogOf(uri: string): Record<string, string> {
  return { type: uri.startsWith("thrift:") ? "hive" : "sql", name: "lake", uri };
}

async function makeTable(project: TestProject): Promise<void> {
  const { success, results } = await project.run({});
  if (!success) throw new Error(JSON.stringify(results));
}
