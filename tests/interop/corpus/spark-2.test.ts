// Tables that Iceberg 1.4.2 on Spark wrote hold the same rows for lake.
import { sparkTests } from "./spark-tests.ts";

await sparkTests("1.4.2", "spark_2.py");
