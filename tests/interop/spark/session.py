"""Spark for a test: each line of its input is a JSON list of statements, each line of its output the rows of
each, or {"error": …}. session.py <JSON settings>."""

import json
import sys

from pyspark.sql import SparkSession
from pyspark.sql.types import ArrayType, BinaryType, BooleanType, DataType, DecimalType, DoubleType, StructType

builder = SparkSession.builder.master("local[1]").appName("lake")
for key, value in json.loads(sys.argv[1]).items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")


def plain(value: object, kind: DataType) -> object:
    """Null, text for what is scalar, lists for what nests (structs as their values)."""
    if value is None:
        return None
    match kind:
        case StructType():
            return [plain(item, field.dataType) for item, field in zip(value, kind.fields)]
        case ArrayType():
            return [plain(item, kind.elementType) for item in value]
        case DecimalType():
            return format(value, f".{kind.scale}f")
        case BooleanType():
            return "true" if value else "false"
        case DoubleType():
            return repr(value)
        case BinaryType():
            return value.hex()
        case _:
            return str(value)


def rows(statement: str) -> list:
    found = spark.sql(statement)
    return [plain(row, found.schema) for row in found.collect()]


def answer(statements: list) -> object:
    try:
        return [rows(statement) for statement in statements]
    except Exception as error:
        return {"error": str(error)}


print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
spark.stop()
