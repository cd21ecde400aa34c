// A contract is checked on what the engine binds, before any row is read.
import { lakeError } from "../../common/errors.ts";
import type { Column } from "../../compute/compute.ts";
import { typeText } from "../../iceberg/schema.ts";
import type { Schema } from "../../iceberg/types.ts";
import type { Model, Seed } from "../../project/types.ts";
import { constraintProblems } from "./constraints.ts";

/** Names and types of the declared columns must be those of the statement. Errors: `run/contract`. */
export function checkContract(model: Model | Seed, columns: readonly Column[], schema: Schema): void {
  if (model.config.contract?.enforced !== true) return;
  const problems: string[] = [];
  const declared = new Map(model.columns.map((column) => [column.name.toLowerCase(), column]));
  for (const [index, column] of columns.entries()) {
    const expected = declared.get(column.name.toLowerCase());
    declared.delete(column.name.toLowerCase());
    if (expected === undefined) problems.push(`${column.name} is not declared`);
    else if (expected.dataType !== undefined && !sameType(expected.dataType, column.type, schema, index))
      problems.push(
        `${column.name} is ${column.type.toLowerCase()}, expected ${expected.dataType.toLowerCase()}`,
      );
  }
  const known = new Set(columns.map(({ name }) => name.toLowerCase()));
  for (const { name } of declared.values()) {
    // A field inside a column: `address.street`.
    if (!known.has(name.toLowerCase().split(".")[0] ?? "")) problems.push(`${name} is declared and missing`);
  }
  problems.push(
    ...constraintProblems(
      model,
      columns.map(({ name }) => name),
    ),
  );
  if (problems.length === 0) return;
  throw lakeError(
    "run/contract",
    { model: model.name, problems },
    { at: { file: model.path }, hint: "change the model or the contract in its properties file" },
  );
}

const synonyms: Readonly<Record<string, string>> = {
  int: "integer",
  int4: "integer",
  long: "bigint",
  int8: "bigint",
  string: "varchar",
  text: "varchar",
  bool: "boolean",
  timestamptz: "timestamp with time zone",
  real: "float",
};

/** Declared types may be spelled as the engine does or as Iceberg does. */
function sameType(declared: string, found: string, schema: Schema, index: number): boolean {
  const canonical = (text: string): string => {
    const plain = text
      .trim()
      .toLowerCase()
      .replace(/\s*,\s*/g, ",")
      .replace(/\s+/g, " ");
    return synonyms[plain] ?? plain;
  };
  const field = schema.fields[index];
  const iceberg = field === undefined ? "" : canonical(typeText(field.type));
  return canonical(declared) === canonical(found) || canonical(declared) === iceberg;
}
