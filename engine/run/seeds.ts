// Seeds: CSV files of the project.
import path from "node:path";
import type { CsvRelation } from "../compute/compute.ts";
import type { Seed } from "../project/types.ts";
import { relationOf } from "./names.ts";
import type { Session } from "./session.ts";

export function seedRelation(session: Session, seed: Seed): CsvRelation {
  const declared = Object.fromEntries(
    seed.columns.flatMap((column) => (column.dataType === undefined ? [] : [[column.name, column.dataType]])),
  );
  return {
    kind: "csv",
    name: relationOf(seed, session.profile),
    path: path.join(session.graph.project.root, seed.path),
    columns: { ...declared, ...seed.config.columnTypes },
    ...(seed.config.delimiter !== undefined && { delimiter: seed.config.delimiter }),
  };
}
