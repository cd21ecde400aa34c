// What stands behind `{{changed …}}` in SQL: a condition on a relation of the keys that changed.
import { relationName } from "../../compute/compute.ts";
import type { Model, TargetProfile } from "../../project/types.ts";
import type { ChangedCall } from "../../template/types.ts";
import { relationOf } from "../names.ts";
import type { NameIndex, Readable } from "../names.ts";

/** An input whose changes a model follows. */
export interface FollowedInput {
  readonly call: ChangedCall;
  readonly node: Readable;
  /** Of the keys that changed, unquoted. */
  readonly relation: string;
}

/** Each set of keys once. Names that do not exist are left out: rendering says what is wrong with them. */
export function followedInputs(
  names: NameIndex,
  model: Pick<Model, "references">,
  profile: TargetProfile,
): readonly FollowedInput[] {
  return model.references.changes.flatMap((call) => {
    const node = inputOf(names, call);
    return node === undefined
      ? []
      : [{ call, node, relation: keysRelation(relationOf(node, profile), call) }];
  });
}

/** A call that stands in no template. */
export function changedKeysOf(node: Readable, profile: TargetProfile, call: ChangedCall): FollowedInput {
  return { call, node, relation: keysRelation(relationOf(node, profile), call) };
}

function inputOf(names: NameIndex, { input }: ChangedCall): Readable | undefined {
  return "name" in input ? names.ref(input.name) : names.source(input.source, input.table);
}

function keysRelation(input: string, { keys }: ChangedCall): string {
  const list = keys.map(({ name, expression }) => `${expression} as ${name}`).join(", ");
  return `${input}@changed ${list}`;
}

/** A name that no column of the statement around it has: there, plain names must mean what they mean outside. */
export function keyColumn(name: string): string {
  return `changed ${name}`;
}

/** The keys of rows as the relation of changed keys has them. */
export function keyList({ keys }: ChangedCall): string {
  return keys.map(({ name, expression }) => `${expression} as ${relationName(keyColumn(name))}`).join(", ");
}

/** Null-safe: a row without a key changes like any other. */
export function changedCondition(
  names: NameIndex,
  call: ChangedCall,
  nameOf: (node: Readable) => string,
): string {
  const node = inputOf(names, call);
  // An unknown name is reported with the reference that the call also is.
  if (node === undefined) return "true";
  const equal = call.keys.map(({ name }, index) => {
    const key = `"changed keys".${relationName(keyColumn(name))}`;
    return `${key} is not distinct from (${call.on[index]})`;
  });
  const from = relationName(keysRelation(nameOf(node), call));
  return `exists (select 1 from ${from} as "changed keys" where ${equal.join(" and ")})`;
}
