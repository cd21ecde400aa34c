"""Runs Spark statements: session.py <jars> <metastore> <warehouse> <JSON list>; gives a list of rows for each."""

import json
import sys

from pyspark.sql import SparkSession

jars, metastore, warehouse, statements = sys.argv[1:]
settings = {
    "spark.driver.extraClassPath": jars,
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.sql.catalog.hive": "org.apache.iceberg.spark.SparkCatalog",
    "spark.sql.catalog.hive.type": "hive",
    "spark.sql.catalog.hive.uri": metastore,
    "spark.sql.catalog.hive.warehouse": warehouse,
    "spark.sql.defaultCatalog": "hive",
}
builder = SparkSession.builder.master("local[1]").appName("lake")
for key, value in settings.items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
answers = [[list(row) for row in spark.sql(statement).collect()] for statement in json.loads(statements)]
spark.stop()
json.dump(answers, sys.stdout, default=str)
