// plan-scan.ts <metadata file> <filter: {"column": value} or null>: plans a scan and prints how many files it has.
import { readFileSync } from "node:fs";
import { parseTableMetadata } from "../../engine/iceberg/metadata.ts";
import type { Predicate } from "../../engine/iceberg/predicate.ts";
import { planScan } from "../../engine/iceberg/scan.ts";
import { openLocalStorage } from "../../engine/storage/local/local-storage.ts";

const [location = "", filter = "null"] = process.argv.slice(2);
const metadata = parseTableMetadata(readFileSync(location), location);
const equals = JSON.parse(filter) as Readonly<Record<string, number>> | null;
const terms = Object.entries(equals ?? {}).map(([column, value]): Predicate => {
  const literal = column === "id" ? BigInt(value) : value;
  return { kind: "compare", column: [column], operator: "=", value: literal };
});
const tasks = await planScan({
  storage: openLocalStorage(),
  metadata,
  ...(terms.length > 0 && { filter: { kind: "and", terms } }),
});
console.log(tasks.length);
