// What templates see at parse: everything but tables, which have no names yet.
import type { Json } from "../common/json.ts";
import type { MacroSource, TemplateContext } from "../template/types.ts";
import type { ProjectSettings, TargetProfile } from "./types.ts";

/** Never readable by a template, whatever the allow-list says. */
export const secretNames = /^(AWS_|LAKE_SECRET_)/;

export function targetValues(profile: TargetProfile): Readonly<Record<string, Json>> {
  return {
    name: profile.name,
    schema: profile.schema,
    profile_name: profile.profile,
    warehouse: profile.warehouse,
    landing: profile.landing,
    threads: profile.threads,
    type: profile.compute.type,
  };
}

export function parseContext(options: {
  readonly settings: ProjectSettings;
  readonly profile: TargetProfile;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly engine: string;
  readonly macros: ReadonlyMap<string, readonly MacroSource[]>;
}): TemplateContext {
  const { settings, profile, engine, macros, env = {} } = options;
  const allowed = new Set(settings.envVars);
  return {
    engine,
    macros,
    vars: settings.vars,
    envVar: (name) => (allowed.has(name) && !secretNames.test(name) ? env[name] : null),
    target: targetValues(profile),
    incremental: "both",
    ref: ({ name }) => `"${name}"`,
    source: ({ source, table }) => `"${source}.${table}"`,
    changed: () => "true",
    this: '"this"',
  };
}
