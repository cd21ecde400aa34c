"""What Spark says of a v3 table's rows: lineage.py <jars> <metadata file> <folder>."""

import json
import os
import shutil
import sys

from pyspark.sql import SparkSession

jars, metadata, folder = sys.argv[1:]
spark = (
    SparkSession.builder.master("local[1]").appName("lake")
    .config("spark.jars", jars)
    .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
    .config("spark.sql.catalog.seen", "org.apache.iceberg.spark.SparkCatalog")
    .config("spark.sql.catalog.seen.type", "hadoop")
    .config("spark.sql.catalog.seen.warehouse", folder)
    .getOrCreate()
)  # fmt: skip
spark.sparkContext.setLogLevel("ERROR")
# As a Hadoop catalog would have it: a folder with one version of the metadata.
versions = f"{folder}/db/orders/metadata"
os.makedirs(versions, exist_ok=True)
shutil.copy(metadata.removeprefix("file://"), f"{versions}/v1.metadata.json")
with open(f"{versions}/version-hint.text", "w") as hint:
    hint.write("1")
rows = spark.sql("select id, _row_id, _last_updated_sequence_number from seen.db.orders order by id").collect()
print(json.dumps([list(row) for row in rows]))
