// One of several processes that append to one table: prints the ids whose append was acknowledged, and the time.
import { randomUUID } from "node:crypto";
import type { CatalogTable } from "../../engine/catalog/catalog.ts";
import { isLakeError } from "../../engine/common/errors.ts";
import { currentSchema, defaultSpec } from "../../engine/iceberg/metadata.ts";
import { loadTable, publishChanges, restageAppend, stageChange } from "../../engine/iceberg/transaction.ts";
import type { StagedChange } from "../../engine/iceberg/change.ts";
import { openProject } from "../../engine/run/open-project.ts";
import { createSession } from "../../engine/run/session.ts";
import { adapters } from "../../engine/wire.ts";

const [root = "", name = "", first = "0", count = "0"] = process.argv.slice(2);
const { graph, profile } = await openProject({ projectDir: root, env: {} });
const session = createSession({ graph, profile, adapters });
const [catalog, storage, compute] = [
  await session.catalog(),
  await session.storage(),
  await session.compute(),
];
const acknowledged: number[] = [];
let conflicts = 0;

async function load(): Promise<CatalogTable> {
  const table = await loadTable({ catalog, storage, identifier: { namespace: profile.schema, name } });
  if (table === null) throw new Error(`no table ${name}`);
  return table;
}

async function stage(base: CatalogTable, id: number): Promise<StagedChange> {
  const [schema, spec] = [currentSchema(base.metadata), defaultSpec(base.metadata)];
  const commitId = randomUUID();
  const { location } = base.metadata;
  const { files } = await compute.write({
    id: "append",
    sql: `select ${id}::bigint as id, 'lake' as writer`,
    relations: [],
    schema,
    spec,
    dataLocation: `${location}/data`,
    properties: {},
    writeId: commitId,
  });
  const request = {
    identifier: base.identifier,
    base,
    location,
    schema,
    spec,
    properties: {},
    operation: { kind: "append" as const, add: files },
    summary: {},
    commitId,
    formatVersion: 2 as const,
  };
  return stageChange({ storage, nowMs: Date.now(), request });
}

/** Once more on the state that another writer made, with the same data file, until it stands. */
async function append(id: number): Promise<void> {
  let staged = await stage(await load(), id);
  for (;;) {
    try {
      await publishChanges({ catalog, storage, staged: [staged], nowMs: Date.now() });
      return;
    } catch (error) {
      if (!isLakeError(error, "catalog/conflict")) throw error;
      conflicts += 1;
      staged = await restageAppend({ storage, staged, current: await load(), nowMs: Date.now() });
    }
  }
}

const started = performance.now();
for (let id = Number(first); id < Number(first) + Number(count); id += 1) {
  await append(id);
  acknowledged.push(id);
}
const elapsedMs = performance.now() - started;
await session.close();
process.stdout.write(JSON.stringify({ acknowledged, conflicts, elapsedMs }));
