"""Spark's compaction of db.small in a Hadoop catalog, and how many seconds it took: compaction.py <jars> <folder>."""

import json
import sys
import time

from pyspark.sql import SparkSession

jars, folder = sys.argv[1:]
spark = (
    SparkSession.builder.master("local[2]").appName("lake")
    .config("spark.jars", jars)
    .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
    .config("spark.sql.catalog.seen", "org.apache.iceberg.spark.SparkCatalog")
    .config("spark.sql.catalog.seen.type", "hadoop")
    .config("spark.sql.catalog.seen.warehouse", folder)
    .getOrCreate()
)  # fmt: skip
spark.sparkContext.setLogLevel("ERROR")
started = time.perf_counter()
[(rewritten, added)] = spark.sql(
    "call seen.system.rewrite_data_files(table => 'db.small')"
).select("rewritten_data_files_count", "added_data_files_count").collect()
assert rewritten > added > 0, (rewritten, added)
print(json.dumps(time.perf_counter() - started))
