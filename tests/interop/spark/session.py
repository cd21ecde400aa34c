"""Spark for a test: each line of its input is a JSON list of statements, each line of its output the rows of
each, or {"error": …}. session.py <JSON settings>."""

import json
import sys
from decimal import Decimal

from pyspark.sql import Row, SparkSession

builder = SparkSession.builder.master("local[1]").appName("lake")
for key, value in json.loads(sys.argv[1]).items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")


def plain(value: object) -> object:
    """Null, text for what is scalar, lists for what nests (structs as their values)."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case Row() | list() | tuple():
            return [plain(item) for item in value]
        case float():
            return repr(value)
        case Decimal():
            return format(value, "f")
        case bytes() | bytearray():
            return value.hex()
        case _:
            return str(value)


def answer(statements: list) -> object:
    try:
        return [[plain(row) for row in spark.sql(statement).collect()] for statement in statements]
    except Exception as error:
        return {"error": str(error)}


print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
spark.stop()
