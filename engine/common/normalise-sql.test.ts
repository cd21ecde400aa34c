import { expect, test } from "vitest";
import { normaliseSql, withoutLastSemicolon } from "./normalise-sql.ts";

test("comments, blanks and line breaks do not count", () => {
  const a = "select a, b -- the key\nfrom t /* big /* nested */ */ where a>=1;";
  const b = "select\n  a ,\n  b\nfrom t\nwhere a >= 1";
  expect(normaliseSql(a)).toBe(normaliseSql(b));
});

test.each([
  ["select 'a  b'", "select 'a b'"],
  ["select 'a -- b'", "select 'a '"],
  ['select "a  b"', 'select "a b"'],
  ["select $$a  b$$", "select $$a b$$"],
  ["select a b", "select ab"],
  ["select 1 -1", "select 1"],
  ["select E'it\\'s  x'", "select E'it\\'s x'"],
  ["select 'it''s -- a'", "select 'it''s'"],
])("%s and %s stay different", (a, b) => {
  expect(normaliseSql(a)).not.toBe(normaliseSql(b));
});

test.each([
  ["select 1;", "select 1 "],
  ["select 1 ; ;\n-- done; really\n", "select 1    \n-- done; really\n"],
  ["select ';' /* ; */;", "select ';' /* ; */ "],
  ["select 1; select 2;", "select 1; select 2 "],
  ["select ';' -- ;", "select ';' -- ;"],
])("%j ends before its last semicolon", (sql, expected) => {
  expect(withoutLastSemicolon(sql)).toBe(expected);
});
