/** The engine reads local files by plain path; metadata may spell them as `file:` URIs. */
export function localPath(path: string): string {
  return path.replace(/^file:(?:\/\/(?=\/))?/, "");
}

/** Paths go through the engine's glob: what would be a pattern is put into a class of its own. */
export function escapeGlob(path: string): string {
  return path.replace(/[*?[]/g, "[$&]");
}
