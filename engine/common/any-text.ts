import * as fc from "fast-check";

const surrogates = { first: 0xd800, count: 0x800 };

/** Text of any code points, for property tests. fast-check's own unit `binary` takes seconds to be made. */
export function anyText(): fc.Arbitrary<string> {
  return fc.string({ unit: anyCharacter() });
}

/** Any code point that is a character of its own: no half of a surrogate pair. */
export function anyCharacter(): fc.Arbitrary<string> {
  const point = fc.oneof(
    fc.integer({ min: 0, max: 0x7f }),
    fc.integer({ min: 0, max: 0x10ffff - surrogates.count }),
  );
  return point.map((code) => String.fromCodePoint(code < surrogates.first ? code : code + surrogates.count));
}
