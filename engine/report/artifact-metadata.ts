// The head of every artifact. All of them keep to dbt's published schemas, which allow no key of our own: what
// only `lake` says stands where they leave room, in `metadata.env`, `config` and `adapter_response`.

export interface ArtifactMetadata {
  readonly generatedMs: number;
  readonly invocationId: string;
  readonly lakeVersion: string;
}

/** Versions of dbt's schemas that the artifacts follow. */
const schemas = {
  manifest: "manifest/v12",
  "run-results": "run-results/v6",
  sources: "sources/v3",
} as const;

/** `dbt_version` is the version of the tool that wrote the file, as with dbt's other engines. */
export function artifactMetadata(
  kind: keyof typeof schemas,
  metadata: ArtifactMetadata,
  env: Readonly<Record<string, string>> = {},
): Record<string, unknown> {
  return {
    dbt_schema_version: `https://schemas.getdbt.com/dbt/${schemas[kind]}.json`,
    dbt_version: metadata.lakeVersion,
    generated_at: new Date(metadata.generatedMs).toISOString(),
    invocation_id: metadata.invocationId,
    env: { lake_version: metadata.lakeVersion, ...env },
  };
}
