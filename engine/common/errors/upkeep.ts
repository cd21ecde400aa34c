export const upkeepErrors = {
  "upkeep/orphans-too-young": (p: { hours: number }) =>
    `files of the last ${p.hours} hours cannot be told from those of a write under way; expected at least 24 hours`,
  "upkeep/nested-tables": (p: { table: string; other: string; folder: string }) =>
    `the folder ${p.folder} of ${p.table} is not its own: ${p.other} lies in or around it`,
  "upkeep/rows-changed": (p: { table: string; expected: number; found: number }) =>
    `the compaction of ${p.table} read files of ${p.expected} rows and wrote ${p.found}; nothing was committed`,
  "upkeep/nothing-to-copy": (p: { table: string }) => `${p.table} has no snapshot: there is nothing to copy`,
  "upkeep/short-copy": (p: { path: string; expected: number; found: number }) =>
    `${p.path} has ${p.found} bytes, expected ${p.expected} as the table's manifest says`,
  "upkeep/no-backup": (p: { table: string; from: string }) =>
    `${p.table} cannot be restored: there is no table metadata at ${p.from}`,
  "upkeep/files-gone": (p: { location: string; count: number; path: string }) =>
    `data files of the table at ${p.location} are gone (${p.count} in all, ${p.path} among them); nothing was restored`,
  "upkeep/which-metadata": (p: { table: string; paths: readonly string[] }) =>
    `${p.table} cannot be restored: one of ${p.paths.join(" and ")} belongs to a commit that never happened`,
  "upkeep/moved-metadata": (p: { path: string; location: string }) =>
    `${p.path} is the metadata of a table at ${p.location}`,
  "upkeep/other-table": (p: { table: string; path: string; uuid: string; expected: string }) =>
    `${p.path} holds the table ${p.uuid}, and it was ${p.expected} that was dropped as ${p.table}`,
  "upkeep/purge-refused": (p: { table: string; problem: string }) =>
    `the files of ${p.table} are not deleted: ${p.problem}`,
  "upkeep/bad-order": (p: { strategy: string; problem: string }) =>
    `rows cannot be ordered by the strategy ${p.strategy}: ${p.problem}`,
  "upkeep/staged-age": (p: { hours: number }) =>
    `staged files cannot expire after ${p.hours} hours, expected from 1 to under 72`,
  "upkeep/bad-duration": (p: { option: string; text: string }) =>
    `${p.option} ${JSON.stringify(p.text)} is no duration; expected such as 3d, 36h or 90m`,
};
