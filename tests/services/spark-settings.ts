// What Spark needs to work on the same metastore and bucket, in one place for the tests' own Spark and for
// `compose.yaml`. The versions are those of the lakehouse that lake is to fit into.

export const sparkVersion = "3.5.1";

/** Maven coordinates. Of Amazon's SDK only the parts that Hadoop's S3 client calls: the bundle has 280 MB. */
export const sparkPackages: readonly string[] = [
  "org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:1.4.2",
  "org.apache.hadoop:hadoop-aws:3.3.4",
  "com.amazonaws:aws-java-sdk-s3:1.12.262",
  "com.amazonaws:aws-java-sdk-sts:1.12.262",
  "com.amazonaws:aws-java-sdk-dynamodb:1.12.262",
];
export const sparkExcludedPackage = "com.amazonaws:aws-java-sdk-bundle";

export interface SparkCatalogSettings {
  readonly metastore: string;
  readonly warehouse: string;
  readonly endpoint: string;
}

/** Of Hadoop's S3 client, inside Spark and inside the metastore; `s3` and `s3a` are one place. */
export function hadoopS3Settings(endpoint: string): Readonly<Record<string, string>> {
  return {
    "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    "fs.s3a.endpoint": endpoint,
    "fs.s3a.path.style.access": "true",
    // Else each write of a file deletes an object for every folder above it, which not every server forgives.
    "fs.s3a.directory.marker.retention": "keep",
  };
}

/** One Iceberg catalog `lake`, the default one; keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. */
export function sparkSettings(settings: SparkCatalogSettings): Readonly<Record<string, string>> {
  const { metastore, warehouse, endpoint } = settings;
  return {
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.sql.defaultCatalog": "lake",
    "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog",
    "spark.sql.catalog.lake.type": "hive",
    "spark.sql.catalog.lake.uri": metastore,
    "spark.sql.catalog.lake.warehouse": warehouse,
    ...Object.fromEntries(
      Object.entries(hadoopS3Settings(endpoint)).map(([name, value]) => [`spark.hadoop.${name}`, value]),
    ),
    "spark.hadoop.fs.s3a.aws.credentials.provider":
      "com.amazonaws.auth.EnvironmentVariableCredentialsProvider",
  };
}
