// Whether two spellings name one file. Only for comparing: what is written keeps its spelling.

/**
 * Equal for equal places: `s3`, `s3a` and `s3n` are one, `file:///a`, `file:/a` and `/a` are one, and doubled
 * slashes are one. A cleaning that compared spellings deleted live files elsewhere (iceberg #4194).
 */
export function pathKey(path: string): string {
  const [, scheme = "file", rest = path] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(path) ?? [];
  const place = rest.replace(/\/{2,}/g, "/");
  const name = scheme.toLowerCase();
  if (name === "file") return place;
  return `${name === "s3a" || name === "s3n" ? "s3" : name}:${place}`;
}

/** As `pathKey`, for a folder: with one slash at its end. */
export function folderKey(path: string): string {
  return `${pathKey(path).replace(/\/+$/, "")}/`;
}
