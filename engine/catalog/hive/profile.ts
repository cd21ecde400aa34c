// The `catalog:` of a target in profiles.yml → options. Everything wrong with it is said at once.
import { lakeError, throwCollected, type LakeError } from "../../common/errors.ts";
import type { Json } from "../../common/json.ts";
import { suggest } from "../../common/suggest.ts";
import type { HiveCatalogOptions } from "./hive-catalog.ts";

const seconds: Readonly<
  Record<string, "connectTimeoutMs" | "callTimeoutMs" | "lockTimeoutMs" | "settleTimeoutMs">
> = {
  connect_timeout_seconds: "connectTimeoutMs",
  call_timeout_seconds: "callTimeoutMs",
  lock_timeout_seconds: "lockTimeoutMs",
  settle_timeout_seconds: "settleTimeoutMs",
};
const known = ["type", "name", "uri", "lock", ...Object.keys(seconds)];

/**
 * `{type: hive, uri: thrift://a:9083,thrift://b:9083, lock: true, call_timeout_seconds: 60}`; `uri` may be a list.
 * Errors: `catalog/bad-option`.
 */
export function hiveCatalogOptions(
  catalog: Readonly<Record<string, Json>>,
  warehouse: string,
): HiveCatalogOptions {
  const errors: LakeError[] = [];
  const wrong = (key: string, value: Json, expected: string, hint?: string): void => {
    const parameters = { catalog: "hive", key, value: JSON.stringify(value), expected };
    errors.push(lakeError("catalog/bad-option", parameters, { at: { file: "profiles.yml" }, hint }));
  };
  const times: Partial<Record<(typeof seconds)[string], number>> = {};
  for (const [key, value] of Object.entries(catalog)) {
    const time = seconds[key];
    if (!known.includes(key)) {
      const near = suggest(key, known);
      wrong(key, value, `one of ${known.join(", ")}`, near && `did you mean "${near}"?`);
    } else if (time !== undefined) {
      if (typeof value === "number" && value > 0 && value <= 86_400) times[time] = value * 1000;
      else wrong(key, value, "a number of seconds above 0");
    }
  }
  const { uri = null, lock = true, name = "lake" } = catalog;
  const uris = Array.isArray(uri) ? uri : [uri];
  if (!uris.every((one) => typeof one === "string") || uris.length === 0) {
    wrong("uri", uri, "thrift://host:9083, or a list of such");
  }
  if (typeof name !== "string") wrong("name", name, "text");
  if (typeof lock !== "boolean") wrong("lock", lock, "true or false");
  throwCollected(errors);
  return {
    name: typeof name === "string" ? name : "lake",
    uris: uris.filter((one) => typeof one === "string"),
    warehouse,
    lock: lock === true,
    ...times,
  };
}
