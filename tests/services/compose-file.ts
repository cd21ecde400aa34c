// `compose.yaml`, made from the settings that the tests' own services run with, so that what is tested is what
// is shipped. `npx node tests/services/compose-file.ts > compose.yaml` refreshes it; a test compares the two.
import { metastoreSite } from "./hive-metastore/settings.ts";
import {
  hadoopS3Settings,
  sparkExcludedPackage,
  sparkPackages,
  sparkSettings,
  sparkVersion,
} from "./spark-settings.ts";
import { versitygwVersion } from "./versitygw.ts";

const bucket = "reciping-user-event-logs";
const warehouse = `s3a://${bucket}/iceberg/warehouse`;
const endpoint = "http://s3:7070";
const database = { name: "metastore", user: "hive", password: "hive" };

/** Keys of the S3 server on this machine's loopback; the real ones never stand in a file. */
const keys = {
  access: "${LAKE_S3_ACCESS_KEY:-lake-local}",
  secret: "${LAKE_S3_SECRET_KEY:-lake-local-secret}",
};

interface HealthCheck {
  readonly test: readonly string[];
  readonly interval: string;
  readonly timeout: string;
  readonly retries: number;
  readonly start_period: string;
}

function healthCheck(command: string, startPeriod = "5s"): HealthCheck {
  return {
    test: ["CMD-SHELL", command],
    interval: "3s",
    timeout: "5s",
    retries: 40,
    start_period: startPeriod,
  };
}

/** Settings of the metastore and of Hadoop's S3 client, as options of the metastore's JVM. */
function metastoreOptions(): string {
  const site = metastoreSite({
    jdbcUrl: `jdbc:postgresql://postgres:5432/${database.name}`,
    user: database.user,
    password: database.password,
    port: 9083,
    host: "0.0.0.0",
    warehouse,
    comparesColumnPositions: false,
    transactionTimeoutSeconds: 300,
    housekeepingSeconds: 60,
    retryMs: 200,
  });
  const s3a = {
    ...hadoopS3Settings(endpoint),
    "fs.s3a.access.key": keys.access,
    "fs.s3a.secret.key": keys.secret,
  };
  return Object.entries({ ...site, ...s3a })
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `-D${name}=${value}`)
    .join(" ");
}

export function composeFile(): Record<string, unknown> {
  return {
    services: {
      postgres: {
        image: "postgres:15",
        environment: {
          POSTGRES_DB: database.name,
          POSTGRES_USER: database.user,
          POSTGRES_PASSWORD: database.password,
        },
        volumes: ["postgres:/var/lib/postgresql/data"],
        healthcheck: healthCheck(`pg_isready -U ${database.user} -d ${database.name}`),
      },
      // The metastore's image has no PostgreSQL driver: this fetches it once, into a volume.
      driver: {
        image: "maven:3.9-eclipse-temurin-17",
        command:
          "mvn -B -q dependency:copy -Dartifact=org.postgresql:postgresql:42.7.4 -DoutputDirectory=/jars -Dmdep.stripVersion=true",
        volumes: ["jars:/jars"],
      },
      metastore: {
        image: "apache/hive:4.0.0",
        environment: {
          SERVICE_NAME: "metastore",
          DB_DRIVER: "postgres",
          HIVE_AUX_JARS_PATH: "/jars/postgresql.jar",
          HADOOP_OPTIONAL_TOOLS: "hadoop-aws",
          SERVICE_OPTS: metastoreOptions(),
        },
        ports: ["127.0.0.1:9083:9083"],
        volumes: ["jars:/jars:ro"],
        depends_on: {
          postgres: { condition: "service_healthy" },
          driver: { condition: "service_completed_successfully" },
          s3: { condition: "service_healthy" },
        },
        healthcheck: healthCheck("bash -c 'exec 3<>/dev/tcp/127.0.0.1/9083'", "30s"),
      },
      s3: {
        image: `versity/versitygw:v${versitygwVersion}`,
        entrypoint: ["sh", "-c"],
        // A bucket of this server is a folder.
        command: [`mkdir -p /data/${bucket} && exec versitygw --port :7070 --health /health posix /data`],
        environment: { ROOT_ACCESS_KEY: keys.access, ROOT_SECRET_KEY: keys.secret },
        ports: ["127.0.0.1:7070:7070"],
        volumes: ["objects:/data"],
        healthcheck: healthCheck("wget -q -O /dev/null http://127.0.0.1:7070/health"),
      },
      // docker compose --profile spark run --rm spark
      spark: {
        image: `apache/spark:${sparkVersion}`,
        profiles: ["spark"],
        stdin_open: true,
        tty: true,
        environment: {
          AWS_ACCESS_KEY_ID: keys.access,
          AWS_SECRET_ACCESS_KEY: keys.secret,
          AWS_REGION: "us-east-1",
        },
        command: sparkCommand(),
        depends_on: { metastore: { condition: "service_healthy" } },
      },
    },
    volumes: { postgres: {}, jars: {}, objects: {} },
  };
}

function sparkCommand(): readonly string[] {
  const settings = sparkSettings({
    metastore: "thrift://metastore:9083",
    warehouse,
    endpoint,
  });
  return [
    "/opt/spark/bin/spark-sql",
    "--packages",
    sparkPackages.join(","),
    "--exclude-packages",
    sparkExcludedPackage,
    // The image's user has no home to keep packages in.
    "--conf",
    "spark.jars.ivy=/tmp/ivy",
    ...Object.entries(settings).flatMap(([name, value]) => ["--conf", `${name}=${value}`]),
  ];
}

/** The file's text. */
export async function composeText(): Promise<string> {
  const { dump } = await import("js-yaml");
  const head = [
    "# The user's own lakehouse on one machine: docker compose up -d && npx lake build -t compose",
    "# Made by tests/services/compose-file.ts from the settings that the tests run with; change it there.",
    "",
  ];
  return `${head.join("\n")}${dump(composeFile(), { lineWidth: 120 })}`;
}

if (process.argv[1] === import.meta.filename) process.stdout.write(await composeText());
