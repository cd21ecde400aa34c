// MurmurHash3 (x86, 32 bits, seed 0) in DuckDB's SQL, which has no such function: UBIGINT arithmetic
// modulo 2^32.
import { decimalOf } from "./type-text.ts";
import type { IcebergType } from "./types.ts";

const mask = 4_294_967_295;

/** The unsigned hash of a column's value as the specification serialises it for hashing (appendix B). */
export function murmur3Sql(
  column: string,
  type: IcebergType,
  microsSql: (column: string, type: IcebergType) => string,
): string {
  switch (type) {
    case "int":
    case "long":
      return hashLong(`${column}::BIGINT`);
    case "date":
      return hashLong(`(${column} - DATE '1970-01-01')`);
    case "string":
    case "binary":
      return hashHex(`hex(${column})`, column);
    case "uuid":
      return hashUuid(column);
    default: {
      const decimal = decimalOf(type);
      if (decimal) return hashHex(decimalHex(column), column);
      if (typeof type === "string" && type.startsWith("fixed")) return hashHex(`hex(${column})`, column);
      return hashLong(microsSql(column, type));
    }
  }
}

/** Names a value that is used several times: SQL expressions have no other way. */
function named(value: string, name: string, body: string): string {
  return `list_transform([${value}], lambda ${name}: ${body})[1]`;
}

function rotateLeft(value: string, bits: number): string {
  // The 32 bits twice, side by side, so that the rotation is a plain shift.
  return `(((${value} * 4294967297) >> ${32 - bits}) & ${mask})`;
}

function mixBlock(block: string): string {
  const mixed = rotateLeft(`((${block} * 3432918353) & ${mask})`, 15);
  return `((${mixed} * 461845907) & ${mask})`;
}

function addBlock(hash: string, mixed: string): string {
  const combined = hash === "" ? mixed : `xor(${hash}, ${mixed})`;
  return `((${rotateLeft(combined, 13)} * 5 + 3864292196) & ${mask})`;
}

function finish(hash: string): string {
  const first = `((xor(${hash}, ${hash} >> 16) * 2246822507) & ${mask})`;
  const second = `((xor(${first}, ${first} >> 13) * 3266489909) & ${mask})`;
  return `xor(${second}, ${second} >> 16)`;
}

/** Eight bytes, little-endian. Without lambdas: the engine computes repeated parts once. */
function hashLong(value: string): string {
  const low = `(${value} & ${mask})::UBIGINT`;
  const high = `(((${value} - (${value} & ${mask})) // 4294967296) & ${mask})::UBIGINT`;
  return finish(`xor(${addBlock(addBlock("", mixBlock(low)), mixBlock(high))}, 8::UBIGINT)`);
}

/** Four blocks at fixed places of the text `f79c3e09-677c-4bbd-a479-3f349cb785e7`. */
function hashUuid(column: string): string {
  const blocks = [
    [7, 5, 3, 1],
    [17, 15, 12, 10],
    [27, 25, 22, 20],
    [35, 33, 31, 29],
  ].map((places) => {
    const bytes = places.map((place) => `substr(${column}::VARCHAR, ${place}, 2)`);
    return mixBlock(`('0x' || ${bytes.join(" || ")})::UBIGINT`);
  });
  return finish(`xor(${blocks.reduce(addBlock, "")}, 16::UBIGINT)`);
}

/** The bytes that the hexadecimal text stands for. */
function hashHex(hex: string, column: string): string {
  const byte = (offset: string): string => `substr(x, ${offset}, 2)`;
  const block = `('0x' || ${[7, 5, 3, 1].map((at) => byte(`i * 8 + ${at}`)).join(" || ")})::UBIGINT`;
  const blocks = `list_transform(range(length(x) // 8), lambda i: ${mixBlock(block)})`;
  const body = `list_reduce(${blocks}, lambda h, k: ${addBlock("h", "k")}, 0::UBIGINT)`;
  // At most three bytes; none count as zero, which the mixing leaves at zero.
  const start = "length(x) // 8 * 8";
  const tail = `('0x0' || ${[5, 3, 1].map((at) => byte(`${start} + ${at}`)).join(" || ")})::UBIGINT`;
  const whole = `xor(xor(${body}, ${mixBlock(tail)}), (length(x) // 2)::UBIGINT)`;
  return `CASE WHEN ${column} IS NOT NULL THEN ${named(hex, "x", named(whole, "y", finish("y")))} END`;
}

/** The unscaled value in the shortest two's complement, big-endian. */
function decimalHex(column: string): string {
  // By its text: a multiplication by the scale could overflow.
  const unscaled = `replace(${column}::VARCHAR, '.', '')::HUGEINT`;
  const magnitude = "(CASE WHEN v < 0 THEN -(v + 1) ELSE v END)";
  // Bits of the magnitude and one for the sign, in bytes.
  const digits = `length(ltrim(hex(${magnitude}), '0'))`;
  const topBit = `substr(ltrim(hex(${magnitude}), '0'), 1, 1) >= '8'`;
  const size = `greatest(2, CASE WHEN ${digits} % 2 = 1 THEN ${digits} + 1 WHEN ${topBit} THEN ${digits} + 2 ELSE ${digits} END)`;
  return named(unscaled, "v", `right(lpad(hex(v), 34, CASE WHEN v < 0 THEN 'F' ELSE '0' END), ${size})`);
}
