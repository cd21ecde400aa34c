export const storageErrors = {
  "storage/not-found": (p: { path: string }) => `there is no file ${p.path}`,
  "storage/exists": (p: { path: string }) => `the file ${p.path} already exists`,
  "storage/failed": (p: { action: string; path: string; problem: string }) =>
    `cannot ${p.action} ${p.path}: ${p.problem}`,
  "storage/bad-option": (p: { key: string; expected: string }) =>
    `the key "${p.key}" of the target's storage is not usable as it stands, expected ${p.expected}`,
  "storage/unknown-scheme": (p: { path: string; known: readonly string[] }) =>
    `no storage serves ${p.path}, expected one of the schemes ${p.known.join(", ")}`,
  "storage/changed": (p: { path: string }) => `the file ${p.path} was replaced by another while it was read`,
  "storage/landed-differs": (p: { file: string; path: string }) =>
    `${p.file} is not landed: ${p.path} is there already with other content`,
  "storage/not-landable": (p: { file: string; problem: string }) => `${p.file} is not landed: ${p.problem}`,
  "storage/which-source": (p: { known: readonly string[] }) =>
    p.known.length === 0
      ? "the project has no source of type landing"
      : `the project has ${p.known.length} landing sources (${p.known.join(", ")}), expected one to be named`,
};
