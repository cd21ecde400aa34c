// Partition transforms for other folders: values here, the engine's SQL beside them.
export { parseTransform } from "./transform.ts";
export { transformSql } from "./transform-sql.ts";
