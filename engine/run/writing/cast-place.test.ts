import { expect, test } from "vitest";
import { lakeError } from "../../common/errors.ts";
import { castPlace } from "./cast-place.ts";

const failed = (message: string): unknown => lakeError("compute/bad-value", { message });
const ofColumn = failed("could not convert string 'x' to INT32 when casting from source column kind");
const place = (error: unknown, ...sql: string[]): unknown => {
  const found = castPlace(
    error,
    sql.map((text) => ({ sql: text })),
  );
  return found === null ? null : [sql.indexOf(found.text.sql), found.positionBytes];
};

test("the only cast of the named column is the place, in whichever text it stands", () => {
  expect(place(ofColumn, "select id::int,\n  kind::int as n from t", "select 1 as a")).toEqual([0, 18]);
  expect(place(ofColumn, "select 한 as a, b::int from t", "select cast(v.kind as int) from t as v")).toEqual([
    1, 7,
  ]);
  expect(place(ofColumn, "select '한', kind :: int from t")).toEqual([0, 14]);
});

test("several casts that it could be are no place, nor are comments and try_cast", () => {
  expect(place(ofColumn, "select kind::int, cast(kind as date) from t")).toBeNull();
  expect(place(ofColumn, "select -- kind::int\n try_cast(kind as int) from t")).toBeNull();
});

test("without a column the place is known only if there is one cast in all", () => {
  const ofValue = failed("could not convert string 'x' to INT32");
  expect(place(ofValue, "select (a->>'$.b')::int from t", "select try_cast(b as int) from t")).toEqual([
    0, 18,
  ]);
  expect(place(ofValue, "select a::int from t", "select b::int from t")).toBeNull();
});

test("other failures have no such place", () => {
  expect(place(failed("division by zero"), "select a::int from t")).toBeNull();
  expect(place(lakeError("compute/bind", { message: "cast" }), "select a::int from t")).toBeNull();
});
