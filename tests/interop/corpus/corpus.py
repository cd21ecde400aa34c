"""What the scripts of this folder share: a Spark with Iceberg, cases by name, rows in the form of `canonical.ts`."""

import datetime
import decimal
import json
import sys
import time
from typing import NamedTuple

from pyspark.sql import DataFrame, Row, SparkSession

EPOCH = datetime.datetime(1970, 1, 1)
CASES = []


class Unreadable(NamedTuple):
    """A table that Spark cannot read, and what lake refuses it for; empty where lake reads it."""

    table: str
    feature: str


def case(function):
    """A function that makes tables: it gives the name of one, or (name, query, snapshot id or None) for each."""
    CASES.append(function)
    return function


def start(jars: str, warehouse: str) -> SparkSession:
    settings = {
        "spark.driver.extraClassPath": jars,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:+UseSerialGC",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": warehouse + "/spark",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.sources.partitionOverwriteMode": "dynamic",
        "spark.sql.parquet.outputTimestampType": "INT96",
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        # Its locations are plain paths.
        "spark.sql.catalog.plain": "org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.plain.type": "hadoop",
        "spark.sql.catalog.plain.warehouse": warehouse + "/plain",
        # Its locations are URIs with a single slash.
        "spark.sql.catalog.uri": "org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.uri.type": "hadoop",
        "spark.sql.catalog.uri.warehouse": "file:" + warehouse + "/uri",
        "spark.sql.catalog.spark_catalog": "org.apache.iceberg.spark.SparkSessionCatalog",
        "spark.sql.catalog.spark_catalog.type": "hadoop",
        "spark.sql.catalog.spark_catalog.warehouse": warehouse + "/spark",
        "spark.sql.defaultCatalog": "plain",
    }
    builder = SparkSession.builder.master("local[1]").appName("corpus")
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def run(spark: SparkSession, wanted: list) -> list:
    answers, failed = [], []
    for function in CASES:
        name = function.__name__
        if wanted and name not in wanted:
            continue
        begun = time.time()
        try:
            made = function(spark)
            for entry in made if isinstance(made, list) else [made]:
                if isinstance(entry, Unreadable):
                    metadata = metadata_of(spark, entry.table)
                    answers.append({"case": name, "table": entry.table, "query": None, "metadata": metadata, "snapshot": None, "refused": entry.feature, "rows": []})
                    continue
                table, query, snapshot = entry if isinstance(entry, tuple) else (entry, None, None)
                frame = spark.sql(query or f"select * from {table}")
                answers.append(
                    {
                        "case": name,
                        "table": table,
                        "query": query,
                        "metadata": metadata_of(spark, table),
                        "snapshot": snapshot,
                        "columns": frame.columns,
                        "rows": rows_of(frame),
                    }
                )
        except Exception as error:  # every failing case is told, not only the first
            failed.append(name)
            print(f"{name}: {str(error)[:2000]}", file=sys.stderr)
        print(f"{name} {time.time() - begun:.1f} s", file=sys.stderr)
    if failed:
        print(f"failed: {failed}", file=sys.stderr)
    return answers


def java_table(spark: SparkSession, table: str):
    return spark._jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(spark._jsparkSession, table)


def metadata_of(spark: SparkSession, table: str) -> str:
    return java_table(spark, table).operations().current().metadataFileLocation()


def statements(spark: SparkSession, text: str) -> None:
    for statement in text.split(";\n"):
        if statement.strip():
            spark.sql(statement)


def equality(spark, table, columns, rows, file_format="PARQUET", partition=None):
    """Commits an equality delete of the rows (lists in the order of the columns), as Flink does."""
    jvm = spark._jvm
    target = java_table(spark, table)
    names = jvm.java.util.ArrayList()
    for name in columns:
        names.add(name)
    schema = target.schema().select(names)
    ids = spark.sparkContext._gateway.new_array(jvm.int, len(columns))
    for index, name in enumerate(columns):
        ids[index] = target.schema().findField(name).fieldId()
    factory = jvm.org.apache.iceberg.data.GenericAppenderFactory(target.schema(), target.spec(), ids, schema, None)
    kind = getattr(jvm.org.apache.iceberg.FileFormat, file_format)
    outputs = jvm.org.apache.iceberg.io.OutputFileFactory.builderFor(target, 1, 1).format(kind).build()
    key = None
    if partition is not None:
        key = jvm.org.apache.iceberg.data.GenericRecord.create(target.spec().partitionType())
        for index, value in enumerate(partition):
            key.set(index, value)
    output = outputs.newOutputFile() if key is None else outputs.newOutputFile(target.spec(), key)
    writer = factory.newEqDeleteWriter(output, kind, key)
    for row in rows:
        record = jvm.org.apache.iceberg.data.GenericRecord.create(schema)
        for index, value in enumerate(row):
            record.set(index, value)
        writer.write(record)
    writer.close()
    target.newRowDelta().addDeletes(writer.toDeleteFile()).commit()
    spark.sql(f"refresh table {table}")


def rows_of(frame: DataFrame) -> list:
    return [[plain(value) for value in row] for row in frame.collect()]


def plain(value: object) -> object:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case decimal.Decimal():
            return format(value, "f")
        case bytearray() | bytes():
            return bytes(value).hex()
        case datetime.datetime():
            return str((value - EPOCH) // datetime.timedelta(microseconds=1))
        case datetime.date():
            return str((value - EPOCH.date()).days)
        case Row():
            return [plain(part) for part in value]
        case dict():
            return [[plain(key), plain(item)] for key, item in value.items()]
        case list():
            return [plain(item) for item in value]
        case _:
            return str(value)


def main() -> None:
    jars, warehouse, *wanted = sys.argv[1:]
    spark = start(jars, warehouse)
    answers = run(spark, wanted)
    spark.stop()
    json.dump(answers, sys.stdout)
