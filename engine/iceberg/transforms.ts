// Partition transforms for other folders: values here, the engine's SQL beside them.
export {
  applyTransform,
  parseTransform,
  transformAccepts,
  transformFunction,
  transformResultType,
  transformText,
} from "./transform.ts";
export type { Transform } from "./transform.ts";
export { transformSql } from "./transform-sql.ts";
