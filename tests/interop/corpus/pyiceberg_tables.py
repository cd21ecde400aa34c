"""Tables as PyIceberg writes them, and as files of other writers can be: pyiceberg_tables.py <folder> [case …]."""

import datetime
import decimal
import gzip
import json
import os
import sys
import time
import traceback
import uuid
from typing import NamedTuple

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema, assign_fresh_schema_ids
from pyiceberg.transforms import parse_transform
from pyiceberg.typedef import Record
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from canonical import rows_of  # noqa: E402

decimal.getcontext().prec = 60
CASES = []
UTC = datetime.timezone.utc


def case(function):
    """Makes tables with `lake` (a `Lake`) and gives what to ask: a table, or (table, query, PyIceberg's filter)."""
    CASES.append(function)
    return function


class Refused(NamedTuple):
    """A table that lake does not read, and what it says of it."""

    table: str
    feature: str


class Lake:
    def __init__(self, folder: str):
        self.folder = folder
        self.catalog = SqlCatalog("corpus", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
        self.catalog.create_namespace("db")

    def table(self, name: str, schema, spec=None, **properties):
        properties = {key.replace("__", "-").replace("_", "."): str(value) for key, value in properties.items()}
        if spec is None:
            return self.catalog.create_table(f"db.{name}", schema, properties=properties)
        return self.catalog.create_table(f"db.{name}", schema, partition_spec=spec, properties=properties)

    def file(self, name: str, table: pa.Table, **options) -> str:
        path = f"{self.folder}/files/{name}.parquet"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        pq.write_table(table, path, **options)
        return path

    def adopt(self, table, path: str, rows: pa.Table, *partition, scheme="file://", key=None) -> None:
        """Takes a file into the table as it is, without metrics."""
        file = DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=scheme + path,
            file_format=FileFormat.PARQUET,
            partition=Record(*partition),
            record_count=rows.num_rows,
            file_size_in_bytes=os.path.getsize(path),
            spec_id=table.metadata.default_spec_id,
            key_metadata=key,
        )
        with table.transaction() as change, change.update_snapshot().fast_append() as append:
            append.append_data_file(file)


def answer(lake: Lake, name: str, entry) -> dict:
    if isinstance(entry, Refused):
        metadata = lake.catalog.load_table(f"db.{entry.table}").metadata_location
        return {"case": name, "table": f"db.{entry.table}", "query": None, "metadata": metadata, "snapshot": None, "refused": entry.feature, "rows": []}
    return readable(lake, name, entry)


def readable(lake: Lake, name: str, entry) -> dict:
    """`entry`: table, [query], [PyIceberg's filter, or rows, or None], [snapshot], [metadata file]."""
    table, query, truth, snapshot, metadata = (*(entry if isinstance(entry, tuple) else (entry,)), None, None, None, None, None)[:5]
    stored = None if metadata else lake.catalog.load_table(f"db.{table}")
    columns = None if query is None else query.split(" from ")[0]
    if isinstance(truth, list):
        rows = truth
    elif isinstance(truth, pa.Table):
        rows = rows_of(truth)
    else:
        scan = stored.scan(row_filter=truth or "true", snapshot_id=snapshot)
        if columns not in (None, "*"):
            scan = scan.select(*columns.split(", "))
        rows = rows_of(scan.to_arrow())
    return {
        "case": name,
        "table": f"db.{table}",
        "query": query and f"select {query.replace('{t}', 'db.' + table)}",
        "metadata": metadata or stored.metadata_location,
        "snapshot": snapshot,
        "rows": rows,
    }


def spec_of(schema: Schema, *parts: str) -> PartitionSpec:
    fields = []
    for index, part in enumerate(parts):
        transform, _, column = part.rpartition(" ")
        source = schema.find_field(column).field_id
        name = f"p{index}_{column}".replace(".", "_")
        fields.append(PartitionField(source_id=source, field_id=1000 + index, transform=parse_transform(transform or "identity"), name=name))
    return PartitionSpec(*fields)


EVERY = Schema(
    NestedField(1, "id", LongType(), required=True),
    NestedField(2, "b", BooleanType()),
    NestedField(3, "i", IntegerType()),
    NestedField(4, "f", FloatType()),
    NestedField(5, "d", DoubleType()),
    NestedField(6, "d4", DecimalType(4, 2)),
    NestedField(7, "d9", DecimalType(9, 0)),
    NestedField(8, "d10", DecimalType(10, 3)),
    NestedField(9, "d18", DecimalType(18, 18)),
    NestedField(10, "d19", DecimalType(19, 4)),
    NestedField(11, "d38", DecimalType(38, 10)),
    NestedField(12, "day", DateType()),
    NestedField(13, "at_time", TimeType()),
    NestedField(14, "moment", TimestampType()),
    NestedField(15, "at_zone", TimestamptzType()),
    NestedField(16, "s", StringType()),
    NestedField(17, "u", UUIDType()),
    NestedField(18, "fx", FixedType(3)),
    NestedField(19, "bin", BinaryType()),
    NestedField(20, "st", StructType(NestedField(21, "x", IntegerType()), NestedField(22, "y", StructType(NestedField(23, "z", UUIDType()), NestedField(24, "t", TimeType()), NestedField(25, "f", FixedType(2)))))),
    NestedField(26, "li", ListType(27, DecimalType(5, 1), element_required=False)),
    NestedField(28, "ma", MapType(29, UUIDType(), 30, ListType(31, DateType(), element_required=False), value_required=False)),
    NestedField(32, "md", MapType(33, DateType(), 34, TimestamptzType(), value_required=False)),
)

EVERY = assign_fresh_schema_ids(EVERY)  # as a catalog numbers them
NUMBER = decimal.Decimal


def every_rows(count: int = 12) -> pa.Table:
    rows = []
    for index in range(count):
        u = uuid.UUID(int=(index * 0x1234567890ABCDEF1234567890ABCDEF + (0 if index % 2 else 1 << 127)) % (1 << 128))
        rows.append(
            {
                "id": index * 10_000_000_000 - 30_000_000_000,
                "b": index % 2 == 0,
                "i": index * 357_913_941 - 2_147_483_648,
                "f": [float("nan"), float("inf"), -0.0, 0.0, 1.5, -float("inf")][index % 6],
                "d": [0.1, -0.0, float("nan"), 1e308, 5e-324, -float("inf")][index % 6],
                "d4": NUMBER("-99.99") + index,
                "d9": NUMBER(999_999_999 - index),
                "d10": NUMBER("-9999999.999") + index,
                "d18": NUMBER("0.999999999999999999") - NUMBER(index) / 10**18,
                "d19": NUMBER("-999999999999999.9999") + index,
                "d38": NUMBER(index).scaleb(-10) - NUMBER("9999999999999999999999999999.9999999999") if index % 2 else NUMBER("0.0000000001"),
                "day": datetime.date(1969, 12, 28) + datetime.timedelta(days=index * 3),
                "at_time": datetime.time(23 - index, 59, index, 999_999 - index),
                "moment": datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999) + datetime.timedelta(hours=index * 31, microseconds=index),
                "at_zone": datetime.datetime(1969, 12, 31, 20, 0, 0, 1, tzinfo=UTC) + datetime.timedelta(hours=index * 31),
                "s": ["", "a", "🍜🍜🍜", "한글/=%&? x", "zz" * 20, "null"][index % 6] + str(index // 6),
                "u": u.bytes,
                "fx": bytes([255 - index, index, 0]),
                "bin": bytes([index * 20 % 256]) * index,
                "st": {"x": index, "y": {"z": u.bytes, "t": datetime.time(index), "f": bytes([index, 255])} if index % 3 else None},
                "li": [NUMBER("1.5") * index, None],
                "ma": [(u.bytes, [datetime.date(2024, 1, 1 + index), None])],
                "md": [(datetime.date(2024, 1, 1 + index), datetime.datetime(2024, 1, 1, index, tzinfo=UTC))],
            }
        )
    rows.append({"id": 7, **{name: None for name in EVERY.column_names if name != "id"}})
    stored = pa.Table.from_pylist(rows, schema=pa.schema([field.with_type(storage_of(field.type)) for field in EVERY.as_arrow()]))
    return pa.table([typed(stored[field.name].combine_chunks(), field.type) for field in EVERY.as_arrow()], schema=EVERY.as_arrow())


def storage_of(kind: pa.DataType) -> pa.DataType:
    """UUIDs as bytes: PyArrow makes no nested value of an extension type."""
    if isinstance(kind, pa.BaseExtensionType):
        return kind.storage_type
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(storage_of(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(storage_of(kind.key_type), storage_of(kind.item_type))
    return kind


def typed(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, array)
    if pa.types.is_struct(kind):
        fields = [typed(array.field(index), field.type) for index, field in enumerate(kind)]
        return pa.StructArray.from_arrays(fields, fields=list(kind), mask=array.is_null())
    if pa.types.is_map(kind):
        return pa.MapArray.from_arrays(array.offsets, typed(array.keys, kind.key_type), typed(array.items, kind.item_type), kind, mask=array.is_null())
    return array


# --------------------------------------------------------------------------------------------------------------------


@case
def every_type(lake):
    made = []
    for version in (1, 2):  # PyIceberg 0.12 writes no format 3
        table = lake.table(f"every_type_{version}", EVERY, format__version=version)
        table.append(every_rows())
        table.append(every_rows(3))
        made.append(f"every_type_{version}")
    return made


@case
def upgraded(lake):
    """From format 1 to 2, with rows added and taken away under each."""
    schema = Schema(NestedField(1, "id", IntegerType()), NestedField(2, "kind", StringType()))
    table = lake.table("upgraded", schema, spec_of(schema, "kind"), format__version=1)
    for version in (1, 2):  # PyIceberg 0.12 writes no format 3
        if version > 1:
            with table.transaction() as change:
                change.upgrade_table_version(version)
        table.append(pa.Table.from_pylist([{"id": version * 10 + index, "kind": f"k{index % 2}"} for index in range(4)], schema=schema.as_arrow()))
        table.delete(f"id = {version * 10}")
    return ["upgraded", ("upgraded", "id from {t} where kind = 'k1'", "kind = 'k1'")]


@case
def codecs(lake):
    made = []
    for codec in ("snappy", "gzip", "zstd", "brotli", "lz4", "uncompressed"):
        table = lake.table(f"codec_{codec}", EVERY, write_parquet_compression__codec=codec, write_parquet_page__size__bytes=2000, write_parquet_row__group__limit=100)
        table.append(pa.concat_tables([every_rows()] * 20))
        made.append(f"codec_{codec}")
    return made


TRANSFORMED = {
    "identity": ["b", "i", "id", "d4", "d38", "day", "at_time", "moment", "at_zone", "s", "u", "bin", "f", "d", "fx"],
    "bucket[4]": ["i", "id", "d4", "d19", "day", "at_time", "moment", "at_zone", "s", "u", "bin", "fx"],
    "truncate[3]": ["i", "id", "d10", "d38", "s", "bin"],
    "year": ["day", "moment", "at_zone"],
    "month": ["day", "moment", "at_zone"],
    "day": ["day", "moment", "at_zone"],
    "hour": ["moment", "at_zone"],
}
FILTERS = {
    "b": ("b", "b = true"),
    "i": ("i > 0", "i > 0"),
    "id": ("id = 10000000000", "id = 10000000000"),
    "d4": ("d4 >= -95.99", "d4 >= -95.99"),
    "d10": ("d10 > -9999994.999", "d10 > -9999994.999"),
    "d19": ("d19 < 0", "d19 < 0"),
    "d38": ("d38 < 0", "d38 < 0"),
    "day": ("day <= date '1970-01-06'", "day <= '1970-01-06'"),
    "at_time": ("at_time > time '15:00:00'", "at_time > '15:00:00'"),
    "moment": ("moment >= timestamp '1970-01-04 00:00:00'", "moment >= '1970-01-04T00:00:00'"),
    "at_zone": ("at_zone < timestamptz '1970-01-04 00:00:00+00'", "at_zone < '1970-01-04T00:00:00+00:00'"),
    "s": ("s = '한글/=%&? x1'", "s = '한글/=%&? x1'"),
    "u": ("u > '80000000-0000-0000-0000-000000000000'::uuid", None),
    "bin": ("bin is not null", "bin is not null"),
    "f": ("f > 1", "f > 1"),
    "d": ("d is null", "d is null"),
    "fx": ("fx is not null", "fx is not null"),
}


@case
def partitioned(lake):
    made = []
    for transform, columns in TRANSFORMED.items():
        for column in columns:
            name = f"by_{transform.split('[')[0]}_{column}"
            try:
                table = lake.table(name, EVERY, spec_of(EVERY, f"{transform} {column}"))
                table.append(every_rows())
            except Exception as error:
                print(f"{name}: PyIceberg itself: {str(error)[:200]}", file=sys.stderr)
                continue
            made.append(name)
            ours, theirs = FILTERS[column]
            if theirs is not None:
                made.append((name, f"id from {{t}} where {ours}", theirs))
    return made


@case
def physical_types(lake):
    """Decimals as int32 and int64, timestamps in other units, unsigned, half floats, dictionaries: files that PyIceberg did not write."""
    made = []
    rows = every_rows()
    variants = {
        "decimal_integers": dict(store_decimal_as_integer=True),
        "plain": dict(use_dictionary=False, compression="none", write_statistics=False),
        "split": dict(use_dictionary=False, use_byte_stream_split=["f", "d"], data_page_version="2.0"),
        "delta": dict(use_dictionary=False, column_encoding={"i": "DELTA_BINARY_PACKED", "id": "DELTA_BINARY_PACKED", "s": "DELTA_BYTE_ARRAY", "bin": "DELTA_LENGTH_BYTE_ARRAY"}, data_page_version="2.0"),
        "old_lists": dict(use_compliant_nested_type=False),
        "paged": dict(write_page_index=True, data_page_size=100, row_group_size=5, write_batch_size=2),
        "version_1": dict(version="1.0"),
        "sorted": dict(sorting_columns=[pq.SortingColumn(0)], write_page_checksum=True),
    }
    for name, options in variants.items():
        table = lake.table(f"physical_{name}", EVERY)
        lake.adopt(table, lake.file(f"physical_{name}", rows, **options), rows)
        made.append((f"physical_{name}", None, rows))
        for condition in ("i > 0", "d18 > 0.500000000000000000", "s >= 'a'", "moment > '1970-01-02T00:00:00'"):
            made.append((f"physical_{name}", f"id from {{t}} where {condition}", condition))
    return made


@case
def foreign_files(lake):
    """Files without field ids: the mapping that add_files sets; int96, other units, more and fewer columns, another order."""
    schema = Schema(
        NestedField(1, "id", LongType()),
        NestedField(2, "moment", TimestampType()),
        NestedField(3, "at_zone", TimestamptzType()),
        NestedField(4, "name", StringType()),
        NestedField(5, "price", DecimalType(12, 2)),
        NestedField(6, "place", StructType(NestedField(7, "lat", DoubleType()), NestedField(8, "tags", ListType(9, StringType(), element_required=False)))),
        NestedField(10, "lines", ListType(11, StructType(NestedField(12, "sku", StringType()), NestedField(13, "n", IntegerType())), element_required=False)),
        NestedField(14, "attributes", MapType(15, StringType(), 16, StructType(NestedField(17, "v", IntegerType())), value_required=False)),
    )
    plain = pa.schema(
        [
            ("id", pa.int64()),
            ("moment", pa.timestamp("us")),
            ("at_zone", pa.timestamp("us", "UTC")),
            ("name", pa.string()),
            ("price", pa.decimal128(12, 2)),
            ("place", pa.struct([("lat", pa.float64()), ("tags", pa.list_(pa.string()))])),
            ("lines", pa.list_(pa.struct([("sku", pa.string()), ("n", pa.int32())]))),
            ("attributes", pa.map_(pa.string(), pa.struct([("v", pa.int32())]))),
        ]
    )
    rows = [
        {
            "id": index,
            "moment": datetime.datetime(1969, 12, 31, 23, 59, 59, 1) + datetime.timedelta(days=index),
            "at_zone": datetime.datetime(2024, 1, index + 1, tzinfo=UTC),
            "name": f"n{index}",
            "price": NUMBER(index) / 4,
            "place": {"lat": index / 3, "tags": ["x", None]},
            "lines": [{"sku": f"s{index}", "n": index}],
            "attributes": [("k", {"v": index})],
        }
        for index in range(6)
    ]
    data = pa.Table.from_pylist(rows, schema=plain)
    table = lake.table("foreign", schema)
    table.add_files([f"file://{lake.file('foreign_a', data)}"])
    table.add_files([f"file://{lake.file('foreign_b', data.select(['name', 'lines', 'id']))}"])
    table.add_files([f"file://{lake.file('foreign_c', data.select(list(reversed(plain.names))))}"])
    answers = [("foreign", None, None)]
    with table.update_schema() as update:
        update.rename_column("name", "label")
        update.rename_column(("place", "tags"), "labels")
        update.rename_column(("lines", "sku"), "article")
        update.add_column(("lines", "price"), DecimalType(9, 2))
        update.add_column(("attributes", "w"), StringType())
        update.delete_column("price")
        update.move_first("place")
    with table.update_schema() as update:
        # The mapping gives the old name to the new column, and with it what older files hold under it.
        update.add_column("name", StringType(), doc="another column of an old name")
    native = pa.Table.from_pylist([{"id": 100, "label": "native", "name": "n", "lines": [{"article": "q", "n": 1, "price": NUMBER("1.25")}], "attributes": [("k", {"v": 1, "w": "w"})]}], schema=table.schema().as_arrow())
    table.append(native)
    return ["foreign"]


@case
def int96(lake):
    moments = pa.table({"id": pa.array([1, 2, 3, 4], pa.int64()), "moment": pa.array([datetime.datetime(1900, 1, 1, 1, 2, 3, 4), datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), datetime.datetime(2262, 1, 1), None], pa.timestamp("us"))})
    made = []
    for kind in (TimestampType(), TimestamptzType()):
        name = f"int96_{type(kind).__name__.lower()}"
        mapping = [{"field-id": 1, "names": ["id"]}, {"field-id": 2, "names": ["moment"]}]
        table = lake.table(name, Schema(NestedField(1, "id", LongType()), NestedField(2, "moment", kind)))
        with table.transaction() as change:
            change.set_properties({"schema.name-mapping.default": json.dumps(mapping)})
        lake.adopt(table, lake.file(name, moments, use_deprecated_int96_timestamps=True), moments)
        typed = moments.set_column(1, "moment", moments["moment"].cast(pa.timestamp("us", "UTC" if kind == TimestamptzType() else None)))
        made.append((name, None, typed))
        later = typed.filter(pa.array([False, True, True, False]))
        zone = "timestamptz '1950-01-01 00:00:00+00'" if kind == TimestamptzType() else "timestamp '1950-01-01 00:00:00'"
        made.append((name, f"* from {{t}} where moment > {zone}", later))
    return made


@case
def mapped_by_many_names(lake):
    """A mapping by hand: several names for a column, for an element of a list, for keys and values, names that moved on."""
    schema = Schema(
        NestedField(1, "id", IntegerType()),
        NestedField(2, "name", StringType()),
        NestedField(3, "points", ListType(4, StructType(NestedField(5, "x", IntegerType()), NestedField(6, "y", IntegerType())), element_required=False)),
        NestedField(7, "m", MapType(8, StructType(NestedField(9, "a", IntegerType())), 10, ListType(11, StringType(), element_required=False), value_required=False)),
        NestedField(12, "unmapped", StringType()),
    )
    schema = assign_fresh_schema_ids(schema)
    named = lambda path, names, *fields: {"field-id": schema.find_field(path).field_id, "names": names, "fields": list(fields)}
    mapping = [
        named("id", ["id", "ID", "record id"]),
        named("name", ["name", "label", "de.nomination"]),
        named("points", ["points", "pts"], named("points.element", ["element"], named("points.element.x", ["x", "lon"]), named("points.element.y", ["y", "lat"]))),
        named("m", ["m"], named("m.key", ["key"], named("m.key.a", ["a", "alpha"])), named("m.value", ["value"], named("m.value.element", ["element"]))),
        {"names": ["ignored"]},
    ]
    table = lake.table("mapped", schema)
    with table.transaction() as change:
        change.set_properties({"schema.name-mapping.default": json.dumps(mapping)})
    names = [("id", "name", "points", "x", "y", "a"), ("ID", "label", "pts", "lon", "lat", "alpha"), ("record id", "de.nomination", "pts", "x", "lat", "a")]
    rows = []
    for turn, (i, n, p, x, y, a) in enumerate(names):
        rows += [[str(turn), f"n{turn}", [["1", "2"], None], [[["1"], ["v", None]]], None], [None] * 5]
        file_schema = pa.schema(
            [
                ("ignored", pa.int32()),
                (i, pa.int32()),
                (n, pa.string()),
                (p, pa.list_(pa.struct([(y, pa.int32()), (x, pa.int32())]))),
                ("m", pa.map_(pa.struct([(a, pa.int32())]), pa.list_(pa.string()))),
                ("unmapped", pa.string()),
            ]
        )
        data = pa.Table.from_pylist([{"ignored": 9, i: turn, n: f"n{turn}", p: [{x: 1, y: 2}, None], "m": [({a: 1}, ["v", None])], "unmapped": "never seen"}, {"ignored": 1}], schema=file_schema)
        lake.adopt(table, lake.file(f"mapped_{turn}", data), data)
    # By hand: PyIceberg refuses a file with a column that the mapping does not name.
    return [("mapped", None, rows), ("mapped", "id from {t} where name = 'n1'", [["1"]]), ("mapped", "id from {t} where unmapped is null and id < 2", [["0"], ["1"]])]


@case
def evolution_by_depth(lake):
    schema = Schema(
        NestedField(1, "id", IntegerType(), required=True),
        NestedField(2, "deep", StructType(NestedField(3, "a", IntegerType()), NestedField(4, "b", StructType(NestedField(5, "c", FloatType()), NestedField(6, "d", ListType(7, StructType(NestedField(8, "e", IntegerType()), NestedField(9, "f", MapType(10, StringType(), 11, StructType(NestedField(12, "g", DecimalType(5, 2)), NestedField(13, "h", StringType())), value_required=False))), element_required=False)))))),
    )
    table = lake.table("by_depth", schema)

    def insert(turn: int, make):
        table.append(pa.Table.from_pylist([{"id": turn * 10 + index, "deep": make(index) if index else None} for index in range(3)], schema=table.schema().as_arrow()))

    insert(0, lambda i: {"a": i, "b": {"c": i / 2, "d": [{"e": i, "f": [("k", {"g": NUMBER("1.25"), "h": "h"})]}, None]}})
    with table.update_schema() as update:
        update.update_column(("deep", "a"), LongType())
        update.update_column(("deep", "b", "c"), DoubleType())
        update.update_column(("deep", "b", "d", "e"), LongType())
        update.update_column(("deep", "b", "d", "f", "g"), DecimalType(12, 2))
        update.rename_column(("deep", "b", "d", "f", "h"), "aitch")
        update.add_column(("deep", "b", "d", "f", "i"), StringType())
        update.add_column(("deep", "b", "n"), StructType(NestedField(100, "o", IntegerType()), NestedField(101, "p", ListType(102, IntegerType(), element_required=False))))
    insert(1, lambda i: {"a": 2**40 + i, "b": {"c": 0.1, "d": [{"e": 2**40, "f": [("k", {"g": NUMBER("1234567890.25"), "aitch": "h2", "i": "i"})]}], "n": {"o": 1, "p": [1, None]}}})
    with table.update_schema() as update:
        update.rename_column(("deep", "a"), "x")
        update.delete_column(("deep", "b", "c"))
    with table.update_schema() as update:
        update.add_column(("deep", "a"), StringType(), doc="not the old one")
        update.add_column(("deep", "b", "c"), StringType())
        update.move_first(("deep", "a"))
        update.move_after(("deep", "b"), ("deep", "a"))
        update.move_first("deep")
    with table.update_schema() as update:
        update.rename_column("deep", "d")
    insert_named = pa.Table.from_pylist([{"d": {"a": "text", "x": 7, "b": {"d": [{"e": 1, "f": []}], "n": None}}, "id": 20}], schema=table.schema().as_arrow())
    table.append(insert_named)
    with table.update_schema() as update:
        update.delete_column(("d", "b", "n"))
        update.add_column(("d", "b", "later"), StructType(NestedField(100, "l", ListType(101, IntegerType(), element_required=False))))
    with table.update_schema() as update:
        update.add_column(("d", "b", "n"), IntegerType())
    return ["by_depth", ("by_depth", "id from {t} where id >= 11", "id >= 11")]


@case
def replaced_fields(lake):
    """Structs of which no field is left, whatever kinds their fields were."""
    kinds = {"list": ListType(10, IntegerType(), element_required=False), "map": MapType(11, StringType(), 12, IntegerType(), value_required=False), "struct": StructType(NestedField(13, "x", StructType(NestedField(14, "y", IntegerType())))), "int": IntegerType()}
    values = {"list": [1], "map": [("k", 1)], "struct": {"x": {"y": 1}}, "int": 1}
    schema = Schema(NestedField(1, "id", IntegerType()), *[NestedField(20 + index, name, StructType(NestedField(30 + index, "old", kind))) for index, (name, kind) in enumerate(kinds.items())])
    table = lake.table("replaced_fields", schema)
    table.append(pa.Table.from_pylist([{"id": 1, **{name: {"old": value} for name, value in values.items()}}, {"id": 2}, {"id": 3, **{name: {"old": None} for name in values}}], schema=table.schema().as_arrow()))
    with table.update_schema() as update:
        for name in kinds:
            update.add_column((name, "new"), StringType())
    with table.update_schema() as update:
        for name in kinds:
            update.delete_column((name, "old"))
    table.append(pa.Table.from_pylist([{"id": 4, **{name: {"new": "n"} for name in values}}], schema=table.schema().as_arrow()))
    return ["replaced_fields"]


@case
def specs_that_changed(lake):
    schema = Schema(NestedField(1, "id", IntegerType()), NestedField(2, "kind", StringType()), NestedField(3, "moment", TimestampType()), NestedField(4, "price", DecimalType(9, 2)))
    made = []
    for version in (1, 2):
        name = f"specs_{version}"
        table = lake.table(name, schema, format__version=version)

        def insert(turn):
            table.append(
                pa.Table.from_pylist(
                    [{"id": turn * 100 + index, "kind": f"k{index % 3}" if index else None, "moment": datetime.datetime(2023, 12, 31, 22) + datetime.timedelta(hours=index), "price": NUMBER(index) / 2} for index in range(6)],
                    schema=table.schema().as_arrow(),
                )
            )

        insert(0)
        with table.update_spec() as update:
            update.add_identity("kind")
        insert(1)
        with table.update_spec() as update:
            update.add_field("moment", parse_transform("day"), "day")
        insert(2)
        with table.update_spec() as update:
            update.remove_field("kind")
            update.add_field("id", parse_transform("bucket[3]"), "id_bucket")
        insert(3)
        with table.update_spec() as update:
            update.remove_field("day")
            if version == 2:  # PyIceberg takes the void field of format 1 for a second one on the column
                update.add_field("moment", parse_transform("hour"), "hour")
            update.add_field("price", parse_transform("truncate[100]"), "cheap")
        insert(4)
        with table.update_spec() as update:
            update.rename_field("cheap", "sort of")
        with table.update_schema() as update:
            update.rename_column("kind", "sort")
        table.append(pa.Table.from_pylist([{"id": 1000, "sort": "k1", "moment": datetime.datetime(2023, 12, 31, 22), "price": NUMBER("0.5")}], schema=table.schema().as_arrow()))
        made += [name, (name, "id from {t} where sort = 'k1' and moment >= timestamp '2024-01-01 00:00:00'", "sort = 'k1' and moment >= '2024-01-01T00:00:00'"), (name, "id from {t} where sort is null", "sort is null"), (name, "id from {t} where price < 1", "price < 1"), (name, "id from {t} where id in (1, 101, 203, 401)", "id in (1, 101, 203, 401)")]
    return made


@case
def changed_rows(lake):
    schema = Schema(NestedField(1, "id", IntegerType(), required=True), NestedField(2, "kind", StringType()), NestedField(3, "v", LongType()), identifier_field_ids=[1])
    table = lake.table("changed_rows", schema, spec_of(schema, "kind"))
    rows = lambda numbers, v: pa.Table.from_pylist([{"id": n, "kind": f"k{n % 3}", "v": v} for n in numbers], schema=schema.as_arrow())
    table.append(rows(range(20), 0))
    table.delete("id in (3, 4)")
    table.overwrite(rows([100, 101], 1), "kind = 'k1' and id < 10")
    table.upsert(rows([100, 6, 200], 2))
    table.dynamic_partition_overwrite(rows([300, 303], 3))
    table.delete("kind = 'k2'")
    return ["changed_rows"]


@case
def refs(lake):
    schema = Schema(NestedField(1, "id", IntegerType()))
    table = lake.table("refs", schema)
    one = lambda n: pa.Table.from_pylist([{"id": n}], schema=schema.as_arrow())
    table.append(one(1))
    first = table.current_snapshot().snapshot_id
    table.manage_snapshots().create_tag(first, "first").create_branch(first, "try").commit()
    table.append(one(2), branch="try")
    table.append(one(3))
    table.refresh()
    return ["refs", ("refs", None, None, first), ("refs", None, None, table.metadata.refs["try"].snapshot_id)]


@case
def metadata_spellings(lake):
    """Compressed metadata files under both names and under a name that does not tell."""
    schema = Schema(NestedField(1, "id", IntegerType()))
    made = []
    for ending in ("gz.metadata.json", "metadata.json.gz", "metadata.json"):
        name = f"gz_{len(made)}"
        table = lake.table(name, schema)
        table.append(pa.Table.from_pylist([{"id": 5}], schema=schema.as_arrow()))
        path = table.metadata_location.removeprefix("file://")
        squeezed = path.removesuffix("metadata.json") + ending
        text = open(path, "rb").read()
        os.remove(path)
        with open(squeezed, "wb") as out:
            out.write(gzip.compress(text))
        made.append((name, None, [["5"]], None, "file://" + squeezed))
    return made


@case
def wide(lake):
    """3,000 columns, of which half came later, and a struct of 500."""
    columns = [NestedField(i + 1, f"c{i}", [LongType(), StringType(), DoubleType(), DateType()][i % 4]) for i in range(1500)]
    table = lake.table("wide", Schema(*columns))
    value = lambda i, row: [row * 7 + i, f"{row} {i}", row / (i + 1), datetime.date(2020, 1, 1) + datetime.timedelta(days=i)][i % 4]
    table.append(pa.Table.from_pylist([{f"c{i}": value(i, row) for i in range(1500)} for row in range(3)], schema=table.schema().as_arrow()))
    with table.update_schema() as update:
        for i in range(1500, 3000):
            update.add_column(f"c{i}", [LongType(), StringType(), DoubleType(), DateType()][i % 4])
        update.add_column("s", StructType(*[NestedField(9000 + i, f"f{i}", IntegerType()) for i in range(500)]))
    table.append(pa.Table.from_pylist([{**{f"c{i}": value(i, 3) for i in range(3000)}, "s": {f"f{i}": i for i in range(500)}}], schema=table.schema().as_arrow()))
    return ["wide", ("wide", "c7, c2999 from {t} where c2998 > 0.0001", "c2998 > 0.0001")]


@case
def deep(lake):
    """A struct in a list in a map, six times over: 18 levels."""
    kind, arrow_value = LongType(), 7
    number = 100
    for _ in range(6):
        kind = StructType(NestedField(number, "f", kind), NestedField(number + 1, "é 🍜", StringType()))
        kind = ListType(number + 2, kind, element_required=False)
        kind = MapType(number + 3, StringType(), number + 4, kind, value_required=False)
        arrow_value = [("k", [{"f": arrow_value, "é 🍜": "x"}, None])]
        number += 10
    table = lake.table("deep", Schema(NestedField(1, "id", IntegerType()), NestedField(2, "d", kind)))
    table.append(pa.Table.from_pylist([{"id": 1, "d": arrow_value}, {"id": 2, "d": None}], schema=table.schema().as_arrow()))
    return ["deep"]


@case
def odd_names(lake):
    names = ["a b", "c.d", 'q"t', "it's", "한글", "Ünï", "UPPER", "1x", "-", "a/b", "x=y", "%41", "null", "select", "#", "🍜", "new\nline", "tab\t", "$x", "[0]", "{y}", "*", "?", ":", "file_path", "pos", "_pos", "__lake", "filename"]
    schema = Schema(*[NestedField(i + 1, name, StringType()) for i, name in enumerate(names)], NestedField(100, "s", StructType(*[NestedField(200 + i, name, IntegerType()) for i, name in enumerate(names)])))
    data = lambda turn: pa.Table.from_pylist([{**{name: f"{turn} {name}" for name in names}, "s": {name: turn for name in names}}, {}], schema=schema.as_arrow())
    table = lake.table("odd_names", schema)
    table.append(data(1))
    made = ["odd_names"]
    parts = lake.table("odd_parts", schema, PartitionSpec(*[PartitionField(source_id=i + 1, field_id=1000 + i, transform=parse_transform("identity"), name=name) for i, name in enumerate(names)]))
    parts.append(data(2))
    return [*made, "odd_parts"]


@case
def empty(lake):
    schema = Schema(NestedField(1, "id", IntegerType()), NestedField(2, "l", ListType(3, IntegerType(), element_required=False)))
    lake.table("never_written", schema)
    table = lake.table("emptied", schema)
    none = pa.Table.from_pylist([], schema=schema.as_arrow())
    table.append(none)
    table.append(pa.Table.from_pylist([{"id": 1}], schema=schema.as_arrow()))
    table.delete("id = 1")
    lake.adopt(table, lake.file("no_rows", none), none)
    return ["never_written", "emptied"]


MANIFESTS = {
    "plain": {"codec": "null"},
    "headerless": {"metadata": {}},
    "spec_object": {"metadata": {"partition-spec": '{"spec-id": 0, "fields": [{"name": "p0_kind", "transform": "identity", "source-id": 2, "field-id": 1000}]}', "partition-spec-id": "0"}},
    # Other names with the same ids, and nothing that a reader can do without.
    "other_names": {"rename": True},
    "least": {"keep": {"status", "data_file", "content", "file_path", "file_format", "partition", "p0_kind", "record_count", "file_size_in_bytes", "manifest_path", "manifest_length", "partition_spec_id", "sequence_number", "min_sequence_number", "added_snapshot_id"}},
}


@case
def manifests(lake):
    """Manifests and lists as other writers leave them: codecs, headers, names, columns."""
    schema = Schema(NestedField(1, "id", IntegerType()), NestedField(2, "kind", StringType()))
    made = []
    for variant, options in MANIFESTS.items():
        for version in (1, 2):
            name = f"manifests_{variant}_{version}"
            table = lake.table(name, schema, spec_of(schema, "kind"), format__version=version)
            for turn in range(3):
                table.append(pa.Table.from_pylist([{"id": turn * 10 + index, "kind": f"k{index % 3}" if index else None} for index in range(6)], schema=schema.as_arrow()))
            table.delete("kind = 'k2' and id > 15")
            rows = rows_of(table.scan().to_arrow())
            listed = table.current_snapshot().manifest_list.removeprefix("file://")
            for manifest in table.current_snapshot().manifests(table.io):
                rewrite(manifest.manifest_path.removeprefix("file://"), **options)
            rewrite(listed, **options, lengths=True)
            made += [(name, None, rows), (name, "id from {t} where kind = 'k1'", [[row[0]] for row in rows if row[1] == "k1"]), (name, "id from {t} where kind is null", [[row[0]] for row in rows if row[1] is None])]
    return made


def rewrite(path, codec="deflate", metadata=None, rename=False, keep=None, lengths=False):
    with open(path, "rb") as file:
        reader = fastavro.reader(file)
        records, schema, kept = list(reader), reader.writer_schema, reader.metadata
    if lengths:
        for record in records:
            record["manifest_length"] = os.path.getsize(record["manifest_path"].removeprefix("file://"))
    change = lambda one: renamed(one) if rename else without(one, keep) if keep else one
    header = {key: value for key, value in kept.items() if not key.startswith("avro.")} if metadata is None else metadata
    schema = change(schema)
    if rename:
        records = [renamed_record(record) for record in records]
    with open(path, "wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), records, codec=codec, metadata=header)


def without(schema, keep):
    if isinstance(schema, list):
        return [without(part, keep) for part in schema]
    if isinstance(schema, dict) and schema.get("type") == "record":
        return {**schema, "fields": [{**field, "type": without(field["type"], keep)} for field in schema["fields"] if field["name"] in keep]}
    return schema


def renamed(schema):
    if isinstance(schema, list):
        return [renamed(part) for part in schema]
    if isinstance(schema, dict) and schema.get("type") == "record":
        return {**schema, "fields": [{**field, "name": "other_" + field["name"], "type": renamed(field["type"])} for field in schema["fields"]]}
    if isinstance(schema, dict) and schema.get("type") == "array":
        return {**schema, "items": renamed(schema["items"])}
    return schema


def renamed_record(value):
    if isinstance(value, dict):
        return {"other_" + key: renamed_record(item) for key, item in value.items()}
    return [renamed_record(item) for item in value] if isinstance(value, list) else value


@case
def refused(lake):
    """What the specification does not have, and what the engine cannot decode: by name, never misread."""
    schema = Schema(NestedField(1, "id", IntegerType()))
    data = pa.Table.from_pylist([{"id": 1}], schema=schema.as_arrow())
    table = lake.table("codec_of_manifest", schema)
    table.append(data)
    rewrite(table.current_snapshot().manifests(table.io)[0].manifest_path.removeprefix("file://"), codec="bzip2")
    table = lake.table("split_integers", schema)
    lake.adopt(table, lake.file("split_integers", data, use_dictionary=False, use_byte_stream_split=["id"]), data)
    unmapped = pa.table({"id": [1]})
    table = lake.table("unmapped", schema)
    lake.adopt(table, lake.file("unmapped", unmapped), unmapped)
    table = lake.table("encrypted", schema)
    lake.adopt(table, lake.file("encrypted", data), data, key=b"key")
    refused = {
        "codec_of_manifest": "its codec bzip2 is not one of null, deflate, snappy, zstandard",
        "split_integers": "BYTE_STREAM_SPLIT encoding is only supported for FLOAT or DOUBLE data",
        "unmapped": f"{lake.folder}/files/unmapped.parquet carries no field ids, and the table has no name mapping",
        "encrypted": "encryption (key_metadata)",
    }
    return [Refused(name, feature) for name, feature in refused.items()]


@case
def paths(lake):
    """One file under every spelling of a local path."""
    schema = Schema(NestedField(1, "id", IntegerType()))
    made = []
    for index, scheme in enumerate(("file://", "file:", "")):
        name = f"path_{index}"
        table = lake.table(name, schema)
        data = pa.Table.from_pylist([{"id": 1}, {"id": 2}], schema=schema.as_arrow())
        path = lake.file(f"path {index} %20 [x] *?", data)
        lake.adopt(table, path, data, scheme=scheme)
        made.append((name, None, data))
    return made


@case
def values_of_partitions(lake):
    """Files that leave out the column that they are partitioned by: the manifest has its value."""
    schema = Schema(NestedField(1, "id", IntegerType()), NestedField(2, "kind", StringType()), NestedField(3, "day", DateType()), NestedField(4, "price", DecimalType(9, 2)))
    table = lake.table("left_out", schema, spec_of(schema, "kind", "day", "bucket[4] id", "price"))
    for turn, kind in enumerate(("a b", None, "")):
        data = pa.table({"id": pa.array([turn], pa.int32())}, schema=pa.schema([pa.field("id", pa.int32(), metadata={"PARQUET:field_id": "1"})]))
        lake.adopt(table, lake.file(f"left_out_{turn}", data), data, kind, None if turn == 1 else 19000 + turn, 0, NUMBER("1.25") if turn else None)
    rows = [["0", "a b", "19000", None], ["1", None, None, "1.25"], ["2", "", "19002", "1.25"]]
    # Of a bucket no value can be told; the filters are on what the manifest has.
    return [("left_out", None, rows), ("left_out", "id from {t} where kind is null", [["1"]]), ("left_out", "id from {t} where day = date '2022-01-10' and price = 1.25", [["2"]]), ("left_out", "kind from {t} where day > date '2022-01-08'", [[""]])]


@case
def promoted_bounds(lake):
    """Bounds in the type that the column had when the file was written."""
    schema = Schema(NestedField(1, "i", IntegerType()), NestedField(2, "f", FloatType()), NestedField(3, "d", DecimalType(4, 2)))
    table = lake.table("promoted", schema, spec_of(schema, "i", "d"))
    insert = lambda i, f, d: table.append(pa.Table.from_pylist([{"i": i, "f": f, "d": NUMBER(d)}], schema=table.schema().as_arrow()))
    insert(-5, -1.5, "-1.25")
    insert(7, 2.5, "99.99")
    with table.update_schema() as update:
        update.update_column("i", LongType())
        update.update_column("f", DoubleType())
        update.update_column("d", DecimalType(30, 2))
    insert(2**40, 1e300, "9999999999999999.25")
    filters = ("i < 0", "i = 7", "i > 100", "f < 0", "f >= 2.5", "d < 0", "d = 99.99", "d > 100")
    return ["promoted", *(("promoted", f"i from {{t}} where {one}", one) for one in filters)]


@case
def many_snapshots(lake):
    schema = Schema(NestedField(1, "id", IntegerType()))
    table = lake.table("many_snapshots", schema, spec_of(schema, "bucket[2] id"))
    for index in range(60):
        table.append(pa.Table.from_pylist([{"id": index}], schema=schema.as_arrow()))
    return ["many_snapshots"]


def main() -> None:
    folder, *wanted = sys.argv[1:]
    lake = Lake(folder)
    answers, failed = [], []
    for function in CASES:
        name = function.__name__
        if wanted and name not in wanted:
            continue
        begun = time.time()
        try:
            made = function(lake)
            for entry in made if isinstance(made, list) else [made]:
                answers.append(answer(lake, name, entry))
        except Exception:
            traceback.print_exc()
            failed.append(name)
        print(f"{name} {time.time() - begun:.1f} s", file=sys.stderr)
    if failed:
        sys.exit(f"failed: {failed}")
    json.dump(answers, sys.stdout)


main()
