// The second target of a project on this machine: an S3 server and a Hive Metastore that knows its bucket.
import { hiveMetastoreUnavailable, startHiveMetastore } from "./hive-metastore.ts";
import type { HiveMetastoreOptions, RunningHiveMetastore } from "./hive-metastore.ts";
import { startVersitygw, versitygwUnavailable, type RunningS3 } from "./versitygw.ts";

export interface RunningLakehouse {
  readonly s3: RunningS3;
  readonly metastore: RunningHiveMetastore;
  readonly bucket: string;
  readonly warehouse: string;
  readonly landing: string;
  /** A target of `profiles.yml` on both; `own` replaces whole keys. */
  target(own?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** `profiles.yml` with that target alone, for the project `shop`. */
  profiles(own?: Readonly<Record<string, unknown>>): string;
  stop(): Promise<void>;
}

/** Why it cannot be started here, or null. */
export function lakehouseUnavailable(): string | null {
  return versitygwUnavailable() ?? hiveMetastoreUnavailable();
}

export async function startLakehouse(
  options: Omit<HiveMetastoreOptions, "warehouse"> = {},
): Promise<RunningLakehouse> {
  const s3 = await startVersitygw();
  try {
    const bucket = await s3.createBucket();
    const warehouse = `s3://${bucket}/iceberg/warehouse`;
    const landing = `s3://${bucket}/bronze/landing-zone`;
    const metastore = await startHiveMetastore({ ...options, warehouse });
    const target: RunningLakehouse["target"] = (own) => ({
      schema: "lakehouse",
      warehouse,
      landing,
      threads: 2,
      catalog: { type: "hive", uri: metastore.uri },
      compute: { type: "duckdb" },
      storage: { type: "s3", ...s3.storage },
      ...own,
    });
    return {
      s3,
      metastore,
      bucket,
      warehouse,
      landing,
      target,
      // JSON is YAML.
      profiles: (own) => JSON.stringify({ shop: { target: "prod", outputs: { prod: target(own) } } }),
      stop: async () => {
        await metastore.stop();
        await s3.stop();
      },
    };
  } catch (error) {
    await s3.stop();
    throw error;
  }
}
