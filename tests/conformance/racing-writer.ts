// One of several processes that move the same tables: every move that was acknowledged is printed.
import { randomUUID } from "node:crypto";
import { isLakeError } from "../../engine/common/errors.ts";
import { openConnection, type CatalogConnection } from "./adapters.ts";
import { emptyTable, moveTables } from "./table-fixture.ts";

const [connectionText = "", folder = "", count = "0", ...names] = process.argv.slice(2);
const catalog = await openConnection(JSON.parse(connectionText) as CatalogConnection);
const identifiers = names.map((name) => ({ namespace: "race", name }));
const acknowledged: { table: string; from: string; to: string }[] = [];
let conflicts = 0;

while (acknowledged.length < Number(count) * names.length) {
  const located = await catalog.locate(identifiers);
  const moves = identifiers.map((identifier) => ({
    identifier,
    from: located.get(`race.${identifier.name}`) ?? "",
    to: `${folder}/${identifier.name}/metadata/${randomUUID()}.metadata.json`,
    metadata: emptyTable(`${folder}/${identifier.name}`),
  }));
  try {
    await moveTables(catalog, moves);
    for (const { identifier, from, to } of moves) acknowledged.push({ table: identifier.name, from, to });
  } catch (error) {
    if (!isLakeError(error, "catalog/conflict")) throw error;
    conflicts += 1;
  }
}
await catalog.close();
process.stdout.write(JSON.stringify({ acknowledged, conflicts }));
