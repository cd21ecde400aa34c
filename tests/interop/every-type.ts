// A model with every type that Iceberg v2 has and the values on which engines disagree, nulls everywhere.

/** Column → engine type, in order. */
export const columnTypes: Readonly<Record<string, string>> = {
  c_boolean: "boolean",
  c_int: "integer",
  c_long: "bigint",
  c_float: "float",
  c_double: "double",
  c_decimal_5: "decimal(5, 2)",
  c_decimal_18: "decimal(18, 4)",
  c_decimal_38: "decimal(38, 10)",
  c_date: "date",
  c_time: "time",
  c_timestamp: "timestamp",
  c_timestamptz: "timestamptz",
  c_string: "varchar",
  c_text: "varchar",
  c_uuid: "uuid",
  c_binary: "blob",
  l_int: "integer[]",
  l_struct: 'struct(x integer, "y z" varchar)[]',
  m_text: "map(varchar, bigint)",
  m_struct: "map(integer, struct(z varchar, w decimal(20, 3)))",
  s_deep: "struct(a integer, b struct(c varchar, d struct(e double, f timestamptz)))",
  l_nested: "integer[][]",
  n_long: "bigint",
  n_text: "varchar",
  n_struct: "struct(a integer, b double)",
  n_list: "varchar[]",
};

/** One value of each list makes a row; a list that is at its end gives null. */
const values: Readonly<Record<string, readonly string[]>> = {
  c_boolean: ["true", "false", "null", "true"],
  c_int: ["1", "-1", "2147483647", "-2147483648", "0", "null", "34", "-9", "10", "-10", "99"],
  c_long: [
    "1",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "null",
    "9007199254740993",
    "-9007199254740993",
    "34",
    "-15",
  ],
  c_float: ["1.5", "'nan'", "null", "'inf'", "'-inf'", "'-0.0'", "0.0", "3.4028235e38", "1e-45", "-0.1"],
  c_double: ["null", "-0.0", "0.0", "0.1", "1e308", "5e-324", "-2.5", "1e16", "123456789.125"],
  c_decimal_5: ["999.99", "-999.99", "0.01", "-0.01", "null", "0", "10.65", "-10.65"],
  c_decimal_18: ["99999999999999.9999", "-99999999999999.9999", "0.0001", "-0.0001", "null", "14.2"],
  c_decimal_38: [
    "'9999999999999999999999999999.9999999999'",
    "'-9999999999999999999999999999.9999999999'",
    "'0.0000000001'",
    "'-0.0000000001'",
    "null",
    "'-1.28'",
    "'170141183460469.2317316873'",
  ],
  c_date: [
    "'1970-01-01'",
    "'1969-12-31'",
    "'9999-12-31'",
    "'1582-10-04'",
    "null",
    "'0001-01-02'",
    "'2017-11-16'",
  ],
  c_time: ["'00:00:00'", "'23:59:59.999999'", "'22:31:08'", "null", "'12:00:00.000001'"],
  c_timestamp: [
    "'1970-01-01 00:00:00'",
    "'1969-12-31 23:59:59.999999'",
    "'9999-12-31 23:59:59.999999'",
    "'1677-09-21 00:12:43.145224'",
    "null",
    "'2017-11-16 22:31:08'",
    "'0001-01-02 00:00:00'",
  ],
  c_timestamptz: [
    "'1970-01-01 00:00:00+00'",
    "'1969-12-31 23:59:59.999999+00'",
    "'2025-07-01 00:30:00+09'",
    "'9999-12-31 23:59:59.999999+00'",
    "null",
    "'1900-01-01 00:00:00+00'",
    "'0001-01-02 00:00:00+00'",
  ],
  c_string: [
    "''",
    "'a/b'",
    "'50% off'",
    "'Ünï cödé 김치찌개'",
    "'it''s \"quoted\"'",
    "null",
    "'🍜🍣𐐷'",
    "'_' || repeat('z', 15)",
    "repeat('🍜', 17)",
    "'with\\back=slash&amp;+plus'",
    "'#?*[]'",
    "'null'",
    "'__HIVE_DEFAULT_PARTITION__'",
    "'tab\tnew\nline'",
    "'..'",
    "'.'",
    "'a=b,c'",
  ],
  // Longer than a folder's name may be, and than what the engine keeps of a minimum (256 bytes).
  c_text: [
    "repeat('x', 300)",
    "repeat('🍜', 100)",
    "null",
    "repeat('é', 5000)",
    "repeat(chr(1114111), 21)",
    "repeat('a', 15) || chr(55295) || 'z'",
    "repeat('b', 256)",
  ],
  c_uuid: [
    "'f79c3e09-677c-4bbd-a479-3f349cb785e7'",
    "'00000000-0000-0000-0000-000000000000'",
    "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
    "null",
    "'80000000-0000-0000-0000-000000000000'",
    "'7fffffff-ffff-ffff-ffff-ffffffffffff'",
  ],
  c_binary: [
    "''",
    "from_hex('00010203')",
    "from_hex('ff')",
    "from_hex(repeat('ff', 40))",
    "null",
    "from_hex('80')",
    "from_hex('7f' || repeat('ff', 30))",
    "from_hex('2f25')",
    "from_hex('00')",
  ],
  l_int: ["[]", "null", "[1, null, -3]", "[null]", "[2147483647]"],
  l_struct: ["[]", "[{x: 1, y: 'a'}, null, {x: null, y: ''}]", "null", "[{x: null, y: null}]"],
  m_text: ["map {}", "map {'a': 1, '': null}", "null", "map {'🍜': 9223372036854775807}"],
  m_struct: ["map {1: {z: 'a', w: 1.5}, -1: null}", "null", "map {}", "map {7: {z: null, w: null}}"],
  s_deep: [
    "{a: 1, b: {c: 'x', d: {e: 0.5, f: '1969-01-01 00:00:00+00'}}}",
    "null",
    "{a: null, b: null}",
    "{a: 2, b: {c: null, d: null}}",
    "{a: 3, b: {c: '', d: {e: null, f: null}}}",
  ],
  l_nested: ["[[1], [], null, [null, 2]]", "null", "[]"],
};

/** The statement: as many rows as the longest list has values, and one row of nulls. */
export function everyTypeSql(): string {
  const rows = Math.max(...Object.values(values).map((list) => list.length)) + 1;
  const selects = Array.from({ length: rows }, (_, row) => {
    const columns = Object.entries(columnTypes).map(
      ([name, type]) => `cast(${values[name]?.[row] ?? "null"} as ${type}) as ${name}`,
    );
    return `select ${row}::integer as row_number, ${columns.join(", ")}`;
  });
  return `${selects.join("\nunion all\n")}\n`;
}

export interface PartitionedTable {
  readonly name: string;
  readonly partitionBy: string;
  readonly column: string;
}

/** Every transform on every type that the specification allows it on. */
export function partitionedTables(): PartitionedTable[] {
  const scalars = Object.keys(columnTypes).filter((name) => name.startsWith("c_") && name !== "c_text");
  const times = ["c_timestamp", "c_timestamptz"];
  const of = (names: readonly string[]): string[] => names.map((name) => `c_${name}`);
  const numbers = ["int", "long", "decimal_5", "decimal_18", "decimal_38"];
  const allowed: Readonly<Record<string, readonly string[]>> = {
    identity: scalars,
    bucket: of([...numbers, "date", "time", "timestamp", "timestamptz", "string", "text", "uuid", "binary"]),
    truncate: of([...numbers, "string", "text", "binary"]),
    year: ["c_date", ...times],
    month: ["c_date", ...times],
    day: ["c_date", ...times],
    hour: times,
    void: ["c_int", "c_string"],
  };
  return Object.entries(allowed).flatMap(([transform, columns]) =>
    columns.map((column) => {
      const argument = { bucket: "7, ", truncate: "3, " }[transform] ?? "";
      const partitionBy = transform === "identity" ? column : `${transform}(${argument}${column})`;
      return { name: `${transform}_${column}`, partitionBy, column };
    }),
  );
}
