"""What Spark finds in one table, which no catalog needs to know: query.py <jars> <metadata file> <folder> <query of `t`>."""

import json
import os
import shutil
import sys

from pyspark.sql import SparkSession

jars, metadata, folder, query = sys.argv[1:]
spark = (
    SparkSession.builder.master("local[1]").appName("lake")
    .config("spark.jars", jars)
    .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
    .config("spark.sql.catalog.seen", "org.apache.iceberg.spark.SparkCatalog")
    # The vectorised reader of 1.10 fails on a decimal with a default, whoever wrote it ("Cannot cast default value").
    .config("spark.sql.iceberg.vectorization.enabled", "false")
    .config("spark.sql.catalog.seen.type", "hadoop")
    .config("spark.sql.catalog.seen.warehouse", folder)
    .getOrCreate()
)  # fmt: skip
spark.sparkContext.setLogLevel("ERROR")
# As a Hadoop catalog would have it: a folder with one version of the metadata.
versions = f"{folder}/db/t/metadata"
os.makedirs(versions, exist_ok=True)
shutil.copy(metadata.removeprefix("file://"), f"{versions}/v1.metadata.json")
with open(f"{versions}/version-hint.text", "w") as hint:
    hint.write("1")
spark.sql("use seen.db")
rows = spark.sql(query).collect()
print(json.dumps([list(row) for row in rows]))
