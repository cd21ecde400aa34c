"""What PyIceberg reads and finds: judge.py <catalog uri> <warehouse> <JSON list of questions>."""

import json
import struct
import sys
import warnings

import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import EqualTo, GreaterThanOrEqual, IsNull, LessThan, NotNull, StartsWith
from pyiceberg.expressions.literals import DateLiteral, TimeLiteral, TimestampLiteral
from pyiceberg.types import (
    DateType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from audit import Audit, local
from canonical import rows_of
from values import plain

warnings.simplefilter("ignore")


def rows(catalog: SqlCatalog, question: dict) -> object:
    table = catalog.load_table(question["table"])
    options = {}
    if "filter" in question:
        options["row_filter"] = question["filter"]
    if "snapshot" in question:
        options["snapshot_id"] = int(question["snapshot"])
    scan = table.scan(**options)
    files = [task.file.file_path for task in scan.plan_files()]
    beside = stored(files) if question.get("beside") else []
    return {"rows": rows_of(scan.to_arrow()), "files": len(files), "stored": beside}


def stored(files: list[str]) -> list:
    """The files' own rows: PyIceberg gives a null list of structs as an empty one (apache/iceberg-python#2246)."""
    return [row for path in files for row in rows_of(pq.ParquetFile(local(path)).read())]


def describe(catalog: SqlCatalog, question: dict) -> object:
    table = catalog.load_table(question["table"])
    return {
        "location": table.metadata.location,
        "metadata": table.metadata_location,
        "fields": [[field.field_id, field.name, str(field.field_type)] for field in table.schema().fields],
        "spec": [[field.name, str(field.transform)] for field in table.spec().fields],
        "history": [entry.snapshot_id for entry in table.history()],
        "operations": [snapshot.summary.operation.value for snapshot in table.metadata.snapshots],
    }


def audit(catalog: SqlCatalog, question: dict) -> object:
    location = catalog.load_table(question["table"]).metadata_location
    return Audit(location, shared=question.get("shared", False)).run()


def filters(catalog: SqlCatalog, question: dict) -> object:
    """For each value of a column: does a filtered scan keep every file that holds a matching row?"""
    table, column = catalog.load_table(question["table"]), question["column"]
    kind = table.schema().find_type(column)
    files = {task.file.file_path: None for task in table.scan().plan_files()}
    for path in files:
        held = pq.ParquetFile(local(path)).read(columns=[column]).column(0).combine_chunks()
        files[path] = [value for value in plain(held) if not beyond_pyiceberg(table, kind, value)]
    problems, planned = [], 0
    asked = list(questions_of(files, column, kind))
    for text, expression, matches in asked:
        found = {task.file.file_path for task in table.scan(row_filter=expression).plan_files()}
        planned += len(found)
        for path in {path for path, values in files.items() if any(map(matches, values))} - found:
            problems.append(f"{question['table']}: {text} leaves out {path}")
    return {"problems": problems, "planned": planned, "possible": len(asked) * len(files)}


def beyond_pyiceberg(table: object, kind: object, value: object) -> bool:
    """Values that PyIceberg 0.12 does not find in anybody's tables."""
    transform = str(table.spec().fields[0].transform)
    if transform == "identity" and isinstance(kind, DoubleType) and value is not None:
        # Its Avro decoder reads a double as a float.
        return value != struct.unpack("f", struct.pack("f", value))[0] if abs(value) < 3e38 else True
    if isinstance(kind, FloatType) and value is not None:
        # It takes infinity for a literal beyond the type, and so for one that no row equals.
        return value in (float("inf"), float("-inf"))
    # Close to the smallest number truncation wraps round, as in Java; Python's numbers have no end.
    smallest = {IntegerType: -(2**31), LongType: -(2**63)}.get(type(kind))
    return transform.startswith("truncate") and value is not None and value == smallest


def questions_of(files: dict, column: str, kind: object) -> object:
    yield "is null", IsNull(column), lambda value: value is None
    yield "not null", NotNull(column), lambda value: value is not None
    for value in {v for values in files.values() for v in values if v is not None and v == v}:
        if isinstance(kind, UUIDType):
            # PyIceberg cannot compare a partition's UUID with a literal's bytes, on tables of its own, too.
            continue
        term = literal_of(kind, value)
        yield f"= {value!r}", EqualTo(column, term), lambda v, at=value: v == at
        yield f"< {value!r}", LessThan(column, term), lambda v, at=value: v is not None and v < at
        yield f">= {value!r}", GreaterThanOrEqual(column, term), lambda v, at=value: v is not None and v >= at
        if isinstance(value, str):
            yield f"starts with {value!r}", StartsWith(column, value[:5]), lambda v, at=value[:5]: v is not None and v.startswith(at)


def literal_of(kind: object, value: object) -> object:
    match kind:
        case DateType():
            return DateLiteral(value)
        case TimeType():
            return TimeLiteral(value)
        case TimestampType() | TimestamptzType():
            return TimestampLiteral(value)
        case _:
            return value


def main() -> None:
    uri, warehouse, questions = sys.argv[1:]
    catalog = SqlCatalog("lake", uri=uri, warehouse=warehouse)
    asked = {"rows": rows, "describe": describe, "audit": audit, "filters": filters}
    answers = [asked[question["ask"]](catalog, question) for question in json.loads(questions)]
    json.dump(answers, sys.stdout)


main()
