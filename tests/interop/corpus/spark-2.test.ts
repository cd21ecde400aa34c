// Tables that Iceberg 1.4.2 on Spark wrote hold the same rows for lake.
import { servicesElsewhere } from "../../services/skip.ts";
import { runSparkScript, whyNoSpark } from "../spark/spark.ts";
import { corpusTests } from "./corpus-tests.ts";
import { makeCorpus } from "./corpus.ts";

await corpusTests("what Iceberg 1.4.2 on Spark wrote", servicesElsewhere() ?? (await whyNoSpark()), () =>
  makeCorpus("spark_2.py", (path, args) => runSparkScript("1.4.2", path, args)),
);
