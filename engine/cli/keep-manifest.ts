import { randomUUID } from "node:crypto";
import path from "node:path";
import type { Graph } from "../graph/types.ts";
import type { TargetProfile } from "../project/types.ts";
import type { CliContext } from "./context.ts";
import { lakeVersion } from "./version.ts";

/** Writes target/manifest.json, unless it was made from the very same files, values and code: then its time and
 *  its invocation are those of the command that made it. */
export async function keepManifest(options: {
  readonly context: CliContext;
  readonly graph: Graph;
  readonly profile: TargetProfile;
  readonly invocationId?: string;
}): Promise<{ readonly file: string; readonly written: boolean }> {
  const { context, graph, profile, invocationId = randomUUID() } = options;
  const { root, settings } = graph.project;
  const folder = path.join(root, settings.targetPath);
  const file = path.join(folder, "manifest.json");
  const { isCurrentManifest, manifestKey } = await import("../report/manifest-key.ts");
  const contentKey = manifestKey({ graph, profile, env: context.env, lakeVersion });
  if (isCurrentManifest(file, contentKey)) return { file, written: false };
  const [{ toManifest }, { writeArtifact }] = await Promise.all([
    import("../report/manifest.ts"),
    import("../report/write-artifact.ts"),
  ]);
  const adapterType = profile.compute.type;
  const { schema } = profile;
  const metadata = {
    generatedMs: context.now(),
    invocationId,
    lakeVersion,
    adapterType,
    schema,
    contentKey,
  };
  await writeArtifact(folder, "manifest.json", toManifest(graph, metadata));
  return { file, written: true };
}
