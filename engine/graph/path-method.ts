import { fnmatch } from "./fnmatch.ts";

/** `models/silver`, `models/silver/stg_*.sql`, `models/**`: a file, or any folder above it. `*` stays within one folder. */
export function pathMatcher(pattern: string): (path: string) => boolean {
  const plain = pattern
    .replaceAll("\\", "/")
    .replace(/^(\.\/)+/, "")
    .replace(/\/+$/, "");
  const parts = plain.split("/");
  return (path) => {
    const segments = path.split("/");
    for (let length = segments.length; length > 0; length--) {
      if (segmentsMatch(segments.slice(0, length), parts, 0, 0)) return true;
    }
    return false;
  };
}

function segmentsMatch(
  segments: readonly string[],
  parts: readonly string[],
  at: number,
  part: number,
): boolean {
  if (part === parts.length) return at === segments.length;
  const pattern = parts[part] as string;
  if (pattern === "**") {
    for (let next = at; next <= segments.length; next++)
      if (segmentsMatch(segments, parts, next, part + 1)) return true;
    return false;
  }
  return (
    at < segments.length &&
    fnmatch(segments[at] as string, pattern) &&
    segmentsMatch(segments, parts, at + 1, part + 1)
  );
}
