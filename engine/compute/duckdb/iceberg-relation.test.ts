import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { IcebergType, NestedField, Schema } from "../../iceberg/types.ts";
import type { IcebergRelation } from "../compute.ts";
import { dataFile, icebergRelation, openTestEngine, schemaOf, type TestEngine } from "./test-support.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await openTestEngine();
});
afterAll(() => engine.close());

function field(id: number, name: string, type: IcebergType, more: Partial<NestedField> = {}): NestedField {
  return { id, name, required: false, type, ...more };
}

async function rowsOf(relation: IcebergRelation, sql = `select * from "n.t" order by all`): Promise<unknown> {
  return (await engine.compute.query({ sql, relations: [relation] })).rows;
}

describe("columns are found by field id", () => {
  test("renamed, widened, added and dropped columns of older files read as the schema says", async () => {
    const old = await engine.write(
      "a/old.parquet",
      "select 1::int as a, 'x' as gone, 1.5::float as f",
      "{a: 1, gone: 2, f: 3}",
    );
    const young = await engine.write(
      "a/new.parquet",
      "select 5000000000 as id, 2.5::double as f, date '2025-01-01' as d",
      "{id: 1, f: 3, d: 4}",
    );
    const schema = schemaOf(
      field(1, "id", "long"),
      field(4, "gone", "date", { "initial-default": "2020-02-02" }),
      field(3, "f", "double"),
    );
    const result = await engine.compute.query({
      sql: 'select * from "n.t" order by id',
      relations: [icebergRelation(schema, [old, young])],
    });
    expect(result.columns).toEqual([
      { name: "id", type: "BIGINT" },
      { name: "gone", type: "DATE" },
      { name: "f", type: "DOUBLE" },
    ]);
    expect(result.rows).toEqual([
      [1, "2020-02-02", 1.5],
      [5_000_000_000, "2025-01-01", 2.5],
    ]);
  });

  test("no files give no rows of the right types", async () => {
    const schema = schemaOf(
      field(1, "a", "decimal(10, 2)"),
      field(2, "l", { type: "list", "element-id": 3, element: "uuid", "element-required": false }),
    );
    const result = await engine.compute.query({
      sql: 'select * from "n.t"',
      relations: [icebergRelation(schema, [])],
    });
    expect(result).toEqual({
      columns: [
        { name: "a", type: "DECIMAL(10,2)" },
        { name: "l", type: "UUID[]" },
      ],
      rows: [],
    });
  });

  test("columns named like the engine's own, folders like partitions and glob characters in paths", async () => {
    const file = await engine.write(
      "b/id=7/k=[x]*?/f.parquet",
      "select 1 as filename, 2 as file_row_number, 3 as id",
      "{filename: 1, file_row_number: 2, id: 3}",
    );
    const schema = schemaOf(
      field(1, "filename", "int"),
      field(2, "file_row_number", "int"),
      field(3, "id", "int"),
    );
    expect(await rowsOf(icebergRelation(schema, [file]))).toEqual([[1, 2, 3]]);
    const deletes = await positionDeletes("b/deletes.parquet", [[file.path, 0]]);
    expect(await rowsOf(icebergRelation(schema, [{ file, deletes: [deletes] }]))).toEqual([]);
  });

  test("file: URIs are read as local paths", async () => {
    const file = await engine.write("c/f.parquet", "select 1 as a", "{a: 1}");
    const schema = schemaOf(field(1, "a", "int"));
    for (const path of [`file://${file.path}`, `file:${file.path}`]) {
      expect(await rowsOf(icebergRelation(schema, [{ ...file, path }]))).toEqual([[1]]);
    }
  });

  test("columns of identity partitions that the files leave out come from the manifest", async () => {
    const one = await engine.write("d/1.parquet", "select 1 as a", "{a: 1}");
    const two = await engine.write("d/2.parquet", "select 2 as a, 'own' as p", "{a: 1, p: 2}");
    const schema = schemaOf(field(1, "a", "int"), field(2, "p", "string"), field(3, "day", "date"));
    const constants = new Map<number, () => string | number>([
      [2, () => "it's"],
      [3, () => 1],
    ]);
    expect(
      await rowsOf(
        icebergRelation(schema, [
          { file: one, constants },
          { file: two, constants },
        ]),
      ),
    ).toEqual([
      [1, "it's", "1970-01-02"],
      [2, "own", "1970-01-02"],
    ]);
  });

  test("a file without ids is refused, or read by the table's name mapping", async () => {
    const bare = await engine.write(
      "e/bare.parquet",
      "select 1 as old_name, {x: 2, y: 'z'} as s, [{q: 1}] as l, 4 as filename",
    );
    const schema = schemaOf(
      field(1, "a", "long"),
      field(2, "s", { type: "struct", fields: [field(3, "renamed", "string"), field(9, "added", "int")] }),
      field(5, "l", {
        type: "list",
        "element-id": 6,
        "element-required": false,
        element: { type: "struct", fields: [field(7, "qq", "long")] },
      }),
      field(8, "filename", "int"),
    );
    await expect(rowsOf(icebergRelation(schema, [bare]))).rejects.toMatchObject({
      code: "compute/no-field-ids",
    });
    const mapping = [
      { "field-id": 1, names: ["a", "old_name"] },
      { "field-id": 2, names: ["s"], fields: [{ "field-id": 3, names: ["y"] }] },
      {
        "field-id": 5,
        names: ["l"],
        fields: [{ "field-id": 6, names: ["element"], fields: [{ "field-id": 7, names: ["q"] }] }],
      },
      { "field-id": 8, names: ["filename"] },
    ];
    expect(await rowsOf(icebergRelation(schema, [bare], mapping))).toEqual([
      [1, { renamed: "z", added: null }, [{ qq: 1 }], 4],
    ]);
  });
});

describe("below the top level the engine matches names: files are read by their own layout", () => {
  const struct = (...fields: NestedField[]): IcebergType => ({ type: "struct", fields });

  test("fields renamed, widened, added, dropped and dropped-then-added at depth", async () => {
    const ids = "{s: {__duckdb_field_id: 1, a: 2, b: 3, gone: 4}}";
    const old = await engine.write(
      "f/old.parquet",
      "select {a: 1::int, b: 'b1', gone: 'old'} as s union all select null",
      ids,
    );
    const young = await engine.write(
      "f/new.parquet",
      "select {aa: 7000000000, gone: 5} as s",
      "{s: {__duckdb_field_id: 1, aa: 2, gone: 6}}",
    );
    const schema = schemaOf(
      field(
        1,
        "s",
        struct(
          field(2, "aa", "long"),
          field(6, "gone", "int"),
          field(5, "late", "string", { "initial-default": "dflt" }),
        ),
      ),
    );
    expect(
      await rowsOf(
        icebergRelation(schema, [old, young]),
        `select s.aa, s.gone, s.late, s is null from "n.t" order by 1`,
      ),
    ).toEqual([
      [1, null, "dflt", false],
      [7_000_000_000, 5, "dflt", false],
      [null, null, null, true],
    ]);
  });

  test("in lists of structs and in keys and values of maps, with nulls kept", async () => {
    const ids =
      "{l: {__duckdb_field_id: 1, element: {__duckdb_field_id: 2, x: 3}}, m: {__duckdb_field_id: 4, key: 5, value: {__duckdb_field_id: 6, y: 7}}}";
    const file = await engine.write(
      "g/f.parquet",
      "select [{x: 1}, null] as l, map {'k': {y: 2}} as m union all select null, null",
      ids,
    );
    const schema = schemaOf(
      field(1, "l", {
        type: "list",
        "element-id": 2,
        "element-required": false,
        element: struct(field(3, "xx", "long")),
      }),
      field(4, "m", {
        type: "map",
        "key-id": 5,
        key: "string",
        "value-id": 6,
        "value-required": false,
        value: struct(field(7, "yy", "long")),
      }),
    );
    expect(await rowsOf(icebergRelation(schema, [file]))).toEqual([
      [[{ xx: 1 }, null], { k: { yy: 2 } }],
      [null, null],
    ]);
  });

  test("a struct none of whose fields is left keeps its nulls", async () => {
    const file = await engine.write(
      "h/f.parquet",
      "select {x: 1} as s union all select null",
      "{s: {__duckdb_field_id: 1, x: 2}}",
    );
    const schema = schemaOf(field(1, "s", struct(field(3, "y", "int"))));
    expect(
      await rowsOf(icebergRelation(schema, [file]), `select s is null, s.y from "n.t" order by 1`),
    ).toEqual([
      [false, null],
      [true, null],
    ]);
  });

  test("timestamps of the other kind mean UTC, whatever the session's zone", async () => {
    const file = await engine.write(
      "i/f.parquet",
      "select timestamp '2025-01-01 00:00:00' as a, {t: timestamp '2025-01-01 00:00:00'} as s",
      "{a: 1, s: {__duckdb_field_id: 2, t: 3}}",
    );
    const schema = schemaOf(
      field(1, "a", "timestamptz"),
      field(2, "s", struct(field(3, "t", "timestamptz"))),
    );
    expect(await rowsOf(icebergRelation(schema, [file]))).toEqual([
      ["2025-01-01T00:00:00Z", { t: "2025-01-01T00:00:00Z" }],
    ]);
  });
});

async function positionDeletes(name: string, rows: readonly (readonly [string, number])[]) {
  const values = rows.map(([path, position]) => `('${path}', ${position}::bigint)`).join(", ");
  const file = await engine.write(
    name,
    `select * from (values ${values}) as d(file_path, pos)`,
    "{file_path: 2147483546, pos: 2147483545}",
  );
  return { ...file, content: "position-deletes" as const };
}

describe("deletes", () => {
  const schema: Schema = schemaOf(field(1, "a", "int"), field(2, "b", "string"));
  const write = (name: string) =>
    engine.write(
      name,
      "select i::int as a, case when i < 8 then 'v' || i end as b from range(10) t(i) order by i",
      "{a: 1, b: 2}",
    );
  const remaining = (relation: IcebergRelation) =>
    rowsOf(relation, `select a from "n.t" order by 1`).then((rows) => (rows as number[][]).flat());

  test("positions apply to the file they name, as the manifest spells it, and only where planned", async () => {
    const one = await write("p/1.parquet");
    const two = await write("p/2.parquet");
    const spelled = { ...one, path: `file:${one.path}` };
    const deletes = await positionDeletes("p/d.parquet", [
      [spelled.path, 0],
      [spelled.path, 9],
      [two.path, 5],
    ]);
    expect(await remaining(icebergRelation(schema, [{ file: spelled, deletes: [deletes] }]))).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8,
    ]);
    const both = await remaining(icebergRelation(schema, [{ file: spelled, deletes: [deletes] }, two]));
    expect(both).toHaveLength(18);
    expect(both.filter((a) => a === 5)).toHaveLength(2);
  });

  test("equality deletes compare null with null, and by columns that the schema has dropped", async () => {
    const file = await write("q/1.parquet");
    const byB = {
      ...(await engine.write("q/d1.parquet", "select null::varchar as b union all select 'v3'", "{b: 2}")),
      content: "equality-deletes" as const,
      equalityIds: [2],
    };
    expect(await remaining(icebergRelation(schema, [{ file, deletes: [byB] }]))).toEqual([
      0, 1, 2, 4, 5, 6, 7,
    ]);
    const dropped = schemaOf(schema.fields[0]!);
    expect(await remaining(icebergRelation(dropped, [{ file, deletes: [byB] }]))).toEqual([
      0, 1, 2, 4, 5, 6, 7,
    ]);
    const positions = await positionDeletes("q/d2.parquet", [[file.path, 0]]);
    expect(await remaining(icebergRelation(schema, [{ file, deletes: [byB, positions] }]))).toEqual([
      1, 2, 4, 5, 6, 7,
    ]);
  });

  test("a deletion vector with an array, a bitmap and a run container", async () => {
    const file = await engine.write(
      "r/1.parquet",
      "select i::int as a, '' as b from range(200000) t(i)",
      "{a: 1, b: 2}",
    );
    const odd = Array.from({ length: 5000 }, (_, index) => index * 2 + 1);
    const blob = deletionVector([
      { key: 0, array: [3, 7] },
      { key: 1, bits: odd },
      { key: 2, runs: [[10, 4]] },
    ]);
    const path = join(engine.folder, "data", "r", "dv.puffin");
    await writeFile(path, Buffer.concat([Buffer.from("PFA1"), blob]));
    const deletes = dataFile(path, {
      content: "position-deletes",
      format: "PUFFIN",
      recordCount: 2n + 5000n + 5n,
      contentOffset: 4n,
      contentSizeBytes: BigInt(blob.length),
      referencedDataFile: file.path,
    });
    const rows = await rowsOf(
      icebergRelation(schema, [{ file, deletes: [deletes] }]),
      `select count(*), sum(a) from "n.t"`,
    );
    const gone = [3, 7, ...odd.map((low) => 65536 + low), ...[10, 11, 12, 13, 14].map((low) => 131072 + low)];
    const total = (200000 * 199999) / 2 - gone.reduce((sum, position) => sum + position, 0);
    expect(rows).toEqual([[200000 - gone.length, total]]);
    blob[20]! ^= 1;
    await writeFile(path, Buffer.concat([Buffer.from("PFA1"), blob]));
    await expect(remaining(icebergRelation(schema, [{ file, deletes: [deletes] }]))).rejects.toThrow(
      /checksum/,
    );
  });

  test("a delete file whose columns cannot be told by id is refused, not skipped", async () => {
    const file = await write("s/1.parquet");
    const bare = {
      ...(await engine.write("s/d.parquet", `select '${file.path}' as file_path, 0::bigint as pos`)),
      content: "position-deletes" as const,
    };
    await expect(remaining(icebergRelation(schema, [{ file, deletes: [bare] }]))).rejects.toMatchObject({
      code: "compute/no-field-ids",
    });
  });
});

interface Container {
  readonly key: number;
  readonly array?: readonly number[];
  readonly bits?: readonly number[];
  readonly runs?: readonly (readonly [number, number])[];
}

/** A vector as the specification describes it, with one 32-bit bitmap in Roaring's portable form. */
function deletionVector(containers: readonly Container[]): Buffer {
  const flags = containers.reduce((sum, { runs }, index) => sum | (runs ? 1 << index : 0), 0);
  const header = [...u32(12347 | ((containers.length - 1) << 16)), flags];
  const keys = containers.flatMap(({ key, array, bits, runs }) => {
    const count = array?.length ?? bits?.length ?? runs!.reduce((sum, [, more]) => sum + more + 1, 0);
    return [...u16(key), ...u16(count - 1)];
  });
  const bodies = containers.flatMap(({ array, bits, runs }) => {
    if (array) return array.flatMap(u16);
    if (runs) return [...u16(runs.length), ...runs.flatMap(([first, more]) => [...u16(first), ...u16(more)])];
    const bytes = Array.from({ length: 8192 }, () => 0);
    for (const bit of bits!) bytes[bit >> 3]! |= 1 << (bit & 7);
    return bytes;
  });
  const vector = Buffer.from([
    0xd1,
    0xd3,
    0x39,
    0x64,
    ...u32(1),
    ...u32(0),
    ...u32(0),
    ...header,
    ...keys,
    ...bodies,
  ]);
  const framed = Buffer.alloc(vector.length + 8);
  framed.writeUInt32BE(vector.length, 0);
  vector.copy(framed, 4);
  framed.writeUInt32BE(crc32(vector), vector.length + 4);
  return framed;
}

function u16(value: number): number[] {
  return [value & 255, (value >> 8) & 255];
}

function u32(value: number): number[] {
  return [...u16(value & 0xffff), ...u16(value >>> 16)];
}
