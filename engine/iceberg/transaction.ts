// Changes of tables, from loading over staging to publishing: what other folders call.
export { loadTable, loadTables } from "./load-table.ts";
export { commitUpdates } from "./commit-updates.ts";
export { abandonChange, checkPublishable, publishChanges, restageAppend } from "./publish.ts";
export type { PublishRequest } from "./publish.ts";
export { stageChange } from "./stage-change.ts";
export type { StageRequest } from "./stage-change.ts";
