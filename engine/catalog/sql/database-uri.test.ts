import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { maskUri, parseDatabaseUri } from "./database-uri.ts";

describe("an SQLite URI", () => {
  test("four slashes are absolute, three relative, as in SQLAlchemy", () => {
    expect(parseDatabaseUri("sqlite:////lake/a b%20#?.db")).toMatchObject({ file: "/lake/a b%20#?.db" });
    expect(parseDatabaseUri("sqlite:///warehouse/lake.db")).toMatchObject({
      file: resolve("warehouse/lake.db"),
    });
    expect(parseDatabaseUri("sqlite:///lake.db")).toMatchObject({ file: resolve("lake.db") });
  });

  test("an absolute path that lost its slash is asked about, not opened somewhere else", () => {
    const folder = mkdtempSync(join(tmpdir(), "lake-uri-"));
    expect(() => parseDatabaseUri(`sqlite://${folder}/lake.db`)).toThrow(
      expect.objectContaining({
        code: "catalog/bad-uri",
        hint: expect.stringContaining(`sqlite:///${folder}/lake.db`),
      }),
    );
    rmSync(folder, { recursive: true });
  });

  test.each(["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://host/lake.db"])(
    "%s is refused",
    (uri) => {
      expect(() => parseDatabaseUri(uri)).toThrow(expect.objectContaining({ code: "catalog/bad-uri" }));
    },
  );
});

test("PostgreSQL is taken with and without SQLAlchemy's driver", () => {
  for (const scheme of ["postgresql", "postgres", "postgresql+psycopg2", "postgresql+asyncpg"]) {
    expect(parseDatabaseUri(`${scheme}://me:pw@host:5433/db?sslmode=require`)).toEqual({
      kind: "postgresql",
      connectionString: "postgresql://me:pw@host:5433/db?sslmode=require",
      shown: "postgresql://me:***@host:5433/db",
    });
  }
});

test.each([
  ["postgresql://me:pw@host/db", "postgresql://me:***@host/db"],
  ["postgresql://me:p@w:x/y@host/db", "postgresql://me:***@host/db"],
  ["postgresql://host/db?user=me&password=pw", "postgresql://host/db"],
  ["postgresql://me@host/db", "postgresql://me@host/db"],
  ["mysql://me:pw@host/db", "mysql://me:***@host/db"],
])("%s is shown as %s", (uri, shown) => {
  expect(maskUri(uri)).toBe(shown);
});

test("another database is refused without its password", () => {
  expect(() => parseDatabaseUri("mysql://me:pw@host/db")).toThrow(
    expect.objectContaining({ code: "catalog/bad-uri", message: expect.not.stringContaining("pw@") }),
  );
});

test("a password that breaks the URI is asked for in percent-encoding, and not shown", () => {
  const uri = "postgresql://me:s3cret/x:y@host/db";
  expect(() => parseDatabaseUri(uri)).toThrow(
    expect.objectContaining({
      code: "catalog/bad-uri",
      message: expect.not.stringContaining("s3cret"),
      hint: expect.stringContaining("%2F"),
    }),
  );
  expect(parseDatabaseUri("postgresql://me@/db?host=/run/postgresql")).toMatchObject({ kind: "postgresql" });
});
