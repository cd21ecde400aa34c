export const upkeepErrors = {
  "upkeep/orphans-too-young": (p: { hours: number }) =>
    `files of the last ${p.hours} hours cannot be told from those of a write under way; expected at least 24 hours`,
  "upkeep/nested-tables": (p: { table: string; other: string; folder: string }) =>
    `the folder ${p.folder} of ${p.table} is not its own: ${p.other} lies in or around it`,
  "upkeep/rows-changed": (p: { table: string; expected: number; found: number }) =>
    `the compaction of ${p.table} read files of ${p.expected} rows and wrote ${p.found}; nothing was committed`,
  "upkeep/bad-duration": (p: { option: string; text: string }) =>
    `${p.option} ${JSON.stringify(p.text)} is no duration; expected such as 3d, 36h or 90m`,
};
