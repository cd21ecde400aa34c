// Catalog URIs as SQLAlchemy (and so PyIceberg) reads them, and what of them may be shown.
import { existsSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { lakeError } from "../../common/errors.ts";

export type DatabaseAddress =
  | { readonly kind: "sqlite"; readonly file: string; readonly shown: string }
  | { readonly kind: "postgresql"; readonly connectionString: string; readonly shown: string };

const postgresScheme = /^postgres(?:ql)?(?:\+[a-z0-9]+)?:\/\//;

/**
 * `sqlite:////folder/lake.db` is absolute, `sqlite:///folder/lake.db` relative to the working folder, as
 * in SQLAlchemy: the same text must name the same database in PyIceberg. `postgresql://user:pw@host/db`,
 * also with SQLAlchemy's driver (`postgresql+psycopg2://`). Errors: `catalog/bad-uri`, without credentials.
 */
export function parseDatabaseUri(uri: string): DatabaseAddress {
  if (uri.startsWith("sqlite://")) return sqliteAddress(uri);
  if (postgresScheme.test(uri)) {
    const connectionString = uri.replace(postgresScheme, "postgresql://");
    checkReadable(connectionString);
    return { kind: "postgresql", connectionString, shown: maskUri(connectionString) };
  }
  throw lakeError(
    "catalog/bad-uri",
    {
      uri: maskUri(uri),
      problem: "expected sqlite:////folder/lake.db or postgresql://user:password@host/database",
    },
    { hint: "set `uri` of the target's catalog in profiles.yml" },
  );
}

function sqliteAddress(uri: string): DatabaseAddress {
  const rest = uri.slice("sqlite://".length);
  const path = rest.slice(1);
  if (!rest.startsWith("/") || path === "" || path.startsWith(":memory:")) {
    throw lakeError(
      "catalog/bad-uri",
      { uri, problem: "expected the path of a file after sqlite:///" },
      { hint: "sqlite:////folder/lake.db is absolute, sqlite:///folder/lake.db is relative" },
    );
  }
  // An absolute path behind `sqlite://` loses its slash. Taken as relative it would open a new, empty
  // catalog somewhere below the working folder, so where it looks like that we ask instead.
  if (
    !isAbsolute(path) &&
    !existsSync(dirname(resolve(path))) &&
    dirname(rest) !== "/" &&
    existsSync(dirname(rest))
  ) {
    throw lakeError(
      "catalog/bad-uri",
      { uri, problem: `three slashes make ${path} relative to ${process.cwd()}, where it has no folder` },
      { hint: `if ${rest} is meant, write sqlite:///${rest}` },
    );
  }
  const file = resolve(path);
  return { kind: "sqlite", file, shown: `sqlite:///${file}` };
}

/** The driver's own error for an unreadable URI carries it whole, password included: so it is found out here. */
function checkReadable(uri: string): void {
  const base = "postgresql://base";
  // A user without a host (`postgresql://me@/db`, a local socket) is right for the driver, not for URL.
  if (URL.canParse(uri, base) || URL.canParse(uri.replace("@/", "@host/"), base)) return;
  throw lakeError(
    "catalog/bad-uri",
    { uri: maskUri(uri), problem: "it cannot be read as a URI" },
    { hint: "percent-encode special characters of the password: @ as %40, / as %2F, : as %3A, # as %23" },
  );
}

/** The URI without password and without its query, which may hold one too. */
export function maskUri(uri: string): string {
  const [withoutQuery = ""] = uri.split(/[?#]/, 1);
  // A password may hold an @ that nobody escaped: everything up to the last one is the user's part.
  return withoutQuery.replace(/^([a-z0-9+.-]+:\/\/)([^:/@]*):.*@/i, "$1$2:***@");
}
