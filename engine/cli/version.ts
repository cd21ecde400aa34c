import { createRequire } from "node:module";

/** The version of the engine, from its own `package.json`. */
export const lakeVersion: string = (createRequire(import.meta.url)("../package.json") as { version: string })
  .version;
