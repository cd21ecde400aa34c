// One of several processes that append to one table: prints the ids whose append was acknowledged.
import { randomUUID } from "node:crypto";
import { isLakeError } from "../../engine/common/errors.ts";
import { currentSchema, defaultSpec } from "../../engine/iceberg/metadata.ts";
import { loadTable, publishChanges, stageChange } from "../../engine/iceberg/transaction.ts";
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

async function append(id: number): Promise<void> {
  const base = await loadTable({ catalog, storage, identifier: { namespace: "lakehouse", name } });
  if (base === null) throw new Error(`no table ${name}`);
  const [schema, spec] = [currentSchema(base.metadata), defaultSpec(base.metadata)];
  const commitId = randomUUID();
  const { files } = await compute.write({
    id: "append",
    sql: `select ${id}::bigint as id, 'lake' as writer`,
    relations: [],
    schema,
    spec,
    dataLocation: `${base.metadata.location}/data`,
    properties: {},
    writeId: commitId,
  });
  const { location } = base.metadata;
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
  const staged = [await stageChange({ storage, nowMs: Date.now(), request })];
  await publishChanges({ catalog, storage, staged, nowMs: Date.now() });
}

for (let id = Number(first); id < Number(first) + Number(count);) {
  try {
    await append(id);
    acknowledged.push(id);
    id += 1;
  } catch (error) {
    if (!isLakeError(error, "catalog/conflict")) throw error;
    conflicts += 1;
  }
}
await session.close();
process.stdout.write(JSON.stringify({ acknowledged, conflicts }));
