// Raw Snappy, reading only: some engines write their manifests with it.

/** The uncompressed bytes, or null when the input is not valid Snappy. */
export function snappyDecompress(input: Uint8Array): Uint8Array | null {
  const header = readVarint(input);
  if (header === null) return null;
  const output = new Uint8Array(header.value);
  let from = header.next;
  let to = 0;
  while (from < input.length) {
    const tag = input[from++] as number;
    if ((tag & 3) === 0) {
      const literal = literalLength(input, tag, from);
      from = literal.next;
      if (from + literal.length > input.length || to + literal.length > output.length) return null;
      output.set(input.subarray(from, from + literal.length), to);
      from += literal.length;
      to += literal.length;
      continue;
    }
    const copy = copyOf(input, tag, from);
    from = copy.next;
    if (from > input.length || copy.offset === 0 || copy.offset > to || to + copy.length > output.length)
      return null;
    // Byte by byte: a copy may overlap its own output.
    for (let index = 0; index < copy.length; index += 1) {
      output[to] = output[to - copy.offset] as number;
      to += 1;
    }
  }
  return to === output.length ? output : null;
}

function readVarint(input: Uint8Array): { readonly value: number; readonly next: number } | null {
  let value = 0;
  for (let index = 0; index < 5; index += 1) {
    const byte = input[index];
    if (byte === undefined) return null;
    value += (byte & 0x7f) * 2 ** (7 * index);
    // A ratio above 64 is impossible in Snappy: refuse before allocating.
    if (byte < 0x80) return value <= input.length * 64 ? { value, next: index + 1 } : null;
  }
  return null;
}

function literalLength(input: Uint8Array, tag: number, from: number): { length: number; next: number } {
  const code = tag >> 2;
  if (code < 60) return { length: code + 1, next: from };
  const width = code - 59;
  let length = 0;
  for (let index = 0; index < width; index += 1) length += (input[from + index] ?? 0) * 2 ** (8 * index);
  return { length: length + 1, next: from + width };
}

function copyOf(
  input: Uint8Array,
  tag: number,
  from: number,
): { length: number; offset: number; next: number } {
  const byte = (index: number): number => input[from + index] ?? 0;
  switch (tag & 3) {
    case 1:
      return { length: ((tag >> 2) & 7) + 4, offset: ((tag >> 5) << 8) | byte(0), next: from + 1 };
    case 2:
      return { length: (tag >> 2) + 1, offset: byte(0) | (byte(1) << 8), next: from + 2 };
    default: {
      const offset = byte(0) + byte(1) * 2 ** 8 + byte(2) * 2 ** 16 + byte(3) * 2 ** 24;
      return { length: (tag >> 2) + 1, offset, next: from + 4 };
    }
  }
}
