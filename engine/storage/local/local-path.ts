// How a location names a local file. Iceberg's metadata spells locations literally: Java (Hadoop's Path)
// and PyIceberg write `file:///a/b c%20d` for the folder `b c%20d`, unescaped. So nothing is decoded here:
// what follows the scheme is the path, with its blanks, `%`, `#` and `?`.
import { lakeError } from "../../common/errors.ts";

/**
 * The path of the file that a location names: `file:///a/b`, `file:/a/b` (as Java spells it) or `/a/b`.
 * Errors: `storage/failed` for another scheme, a host, a relative path or a NUL.
 */
export function localPathOf(location: string): string {
  const path = withoutScheme(location);
  const problem = problemOf(path);
  if (problem === null) return path;
  throw lakeError(
    "storage/failed",
    { action: "use", path: location.replaceAll("\0", "\\0"), problem },
    { hint: "name a local file as file:///folder/name or /folder/name; nothing is percent-decoded" },
  );
}

function withoutScheme(location: string): string {
  if (location.startsWith("file://")) return location.slice("file://".length);
  if (location.startsWith("file:/")) return location.slice("file:".length);
  return location;
}

function problemOf(path: string): string | null {
  if (path.includes("\0")) return "a path cannot hold the character NUL";
  if (path.startsWith("/")) return null;
  return "expected an absolute path of a local file";
}
