// Tables that Iceberg 1.10 on Spark wrote hold the same rows for lake.
import { sparkTests } from "./spark-tests.ts";

await sparkTests("1.10", "spark_3.py");
