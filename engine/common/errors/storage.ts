export const storageErrors = {
  "storage/not-found": (p: { path: string }) => `there is no file ${p.path}`,
  "storage/exists": (p: { path: string }) => `the file ${p.path} already exists`,
  "storage/failed": (p: { action: string; path: string; problem: string }) =>
    `cannot ${p.action} ${p.path}: ${p.problem}`,
  "storage/outside": (p: { path: string; root: string }) => `${p.path} does not lie in ${p.root}`,
};
