"""Recomputes from a data file's rows what its manifest says about them: metrics, bounds, partition values."""

import json
import math
from decimal import Decimal, getcontext

import pyarrow as pa
from pyiceberg import types
from pyiceberg.conversions import from_bytes
from pyiceberg.schema import Schema, index_by_id
from pyiceberg.transforms import parse_transform

# Python rounds decimals to 28 digits; Iceberg has 38.
getcontext().prec = 60
MICROS = {"hour": 3_600_000_000, "day": 86_400_000_000}


def leaves(table: pa.Table) -> dict[int, tuple[list, bool]]:
    """Field id → values as Iceberg holds them (days, microseconds, raw bytes), and whether in a list or map."""
    found: dict[int, tuple[list, bool]] = {}

    def visit(field: pa.Field, array: pa.Array, repeated: bool) -> None:
        kind = field.type
        if pa.types.is_struct(kind):
            for inner, values in zip(kind, array.flatten()):
                visit(inner, values, repeated)
        elif pa.types.is_map(kind):
            visit(kind.key_field, array.keys, True)
            visit(kind.item_field, array.items, True)
        elif pa.types.is_list(kind):
            visit(kind.value_field, array.values, True)
        else:
            found[int(field.metadata[b"PARQUET:field_id"])] = ([] if repeated else plain(array), repeated)

    for field, column in zip(table.schema, table.columns):
        array = column.combine_chunks()
        visit(field, array if isinstance(array, pa.Array) else pa.concat_arrays(array.chunks), False)
    return found


def plain(array: pa.Array) -> list:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_date(array.type):
        array = array.cast(pa.int32())
    elif pa.types.is_time(array.type) or pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    return array.to_pylist()


def schema_of(document: dict) -> Schema:
    return Schema.model_validate_json(json.dumps(document))


def pairs(entries: list | None) -> dict:
    return {entry["key"]: entry["value"] for entry in entries or []}


def decoded(kind: types.PrimitiveType, value: bytes) -> object:
    """A bound; `from_bytes` gives uuids as bytes or as UUID, depending on the version."""
    result = from_bytes(kind, value)
    return getattr(result, "bytes", result)


def check_metrics(audit, file: dict, table: pa.Table) -> None:
    schema = schema_of(audit.schema)
    path = file["file_path"]
    maps = {key: pairs(file[key]) for key in (
        "column_sizes", "value_counts", "null_value_counts", "nan_value_counts", "lower_bounds", "upper_bounds",
    )}  # fmt: skip
    columns = leaves(table)
    audit.same(set(maps["column_sizes"]), set(columns), f"columns with sizes in {path}")
    for id_, (values, repeated) in columns.items():
        what = f"{schema.find_column_name(id_)} of {path}"
        if repeated:
            held = [name for name, entries in maps.items() if id_ in entries and name != "column_sizes"]
            audit.same(held, [], f"metrics inside a list or map: {what}")
            continue
        kind = schema.find_type(id_)
        floating = isinstance(kind, (types.FloatType, types.DoubleType))
        nans = sum(1 for value in values if floating and value is not None and math.isnan(value))
        audit.same(maps["value_counts"].get(id_), len(values), f"value_counts of {what}")
        audit.same(maps["null_value_counts"].get(id_), values.count(None), f"null_value_counts of {what}")
        audit.expect(maps["nan_value_counts"].get(id_, nans) == nans, f"nan_value_counts of {what}")
        audit.expect(floating or id_ not in maps["nan_value_counts"], f"NaN counted in {what}")
        held = [value for value in values if value is not None and not (floating and math.isnan(value))]
        check_bounds(audit, kind, held, nans, (maps["lower_bounds"].get(id_), maps["upper_bounds"].get(id_)), what)


def check_bounds(audit, kind, held: list, nans: int, found: tuple, what: str) -> None:
    lower, upper = (None if value is None else decoded(kind, value) for value in found)
    if not held:
        audit.same((lower, upper), (None, None), f"bounds without values of {what}")
        return
    least, most = min(held), max(held)
    if lower is None or upper is None:
        audit.facts["unbounded"].append(what.split(" of ")[0])
        # The engine knows none for a file of which one row group holds nothing but nulls.
        known = nans > 0 or isinstance(most, (str, bytes)) or audit.row_groups > 1
        audit.expect(known, f"no bounds of {what}")
        return
    audit.facts["bounds"] += 1
    audit.expect(lower <= least and most <= upper, f"{what}: {least!r}..{most!r} is not in {lower!r}..{upper!r}")
    if isinstance(most, float):
        audit.expect(not (least == 0 and math.copysign(1, lower) > 0), f"lower bound +0.0 of {what}")
        audit.expect(not (most == 0 and math.copysign(1, upper) < 0), f"upper bound -0.0 of {what}")
    if isinstance(most, (str, bytes)):
        audit.same(lower, least[:16], f"lower bound of {what}")
        audit.expect(len(upper) <= 16, f"length of the upper bound of {what}")
        if len(most) <= 16:
            audit.same(upper, most, f"upper bound of {what}")
        return
    audit.same((lower, upper), (least, most), f"bounds of {what}")


def raw(kind: types.PrimitiveType, value: object) -> object:
    """A partition value as Avro holds it → as Iceberg does."""
    if isinstance(kind, types.DecimalType) and isinstance(value, bytes):
        return Decimal(int.from_bytes(value, "big", signed=True)).scaleb(-kind.scale)
    return value


def check_partition(audit, file: dict, table: pa.Table, fields: list) -> None:
    columns = leaves(table) if fields else {}
    schema = schema_of(audit.schema)
    for field, value in zip(fields, file["partition"].values()):
        source = schema.find_type(field["source-id"])
        found = raw(parse_transform(field["transform"]).result_type(source), value)
        wanted = {key(transformed(field["transform"], source, v)) for v in columns[field["source-id"]][0]}
        audit.same({key(found)}, wanted, f"partition value {field['name']} of {file['file_path']}")


def transformed(transform: str, source: types.PrimitiveType, value: object) -> object:
    far = isinstance(source, (types.TimestampType, types.TimestamptzType)) and value is not None
    if far and abs(value) > 250_000_000_000_000_000 and transform in MICROS:
        # Beyond Python's datetime; Java's result is an int and stops at its ends.
        return max(-(2**31), min(2**31 - 1, value // MICROS[transform]))
    result = parse_transform(transform).transform(source)(value)
    limit = {types.IntegerType: 2**31, types.LongType: 2**63}.get(type(source))
    # Below the smallest number Java's truncation wraps round, and ours; Python has no smallest number.
    return result + 2 * limit if limit and result is not None and result < -limit else result


def key(value: object) -> object:
    """Floats by their bits, NaN as one; a bool is no int."""
    return (type(value).__name__, repr(value) if isinstance(value, float) else value)


def check_summaries(audit, row: dict, entries: list, fields: list, schema: dict) -> None:
    path, sources = row["manifest_path"], {}
    # A spec of former days may partition by a column that the schema no longer has.
    for known in [*audit.metadata["schemas"], schema]:
        sources |= {id_: field.field_type for id_, field in index_by_id(schema_of(known)).items()}
    audit.expect(row["partitions"] is not None, f"partitions of {path} are null")
    audit.same(len(row["partitions"]), len(fields), f"number of partition summaries of {path}")
    for index, (field, summary) in enumerate(zip(fields, row["partitions"])):
        kind = parse_transform(field["transform"]).result_type(sources[field["source-id"]])
        found = [raw(kind, list(entry["data_file"]["partition"].values())[index]) for entry in entries]
        nan = [value for value in found if isinstance(value, float) and math.isnan(value)]
        held = [value for value in found if value is not None and value not in nan]
        what = f"summary of {field['name']} in {path}"
        audit.same(summary["contains_null"], None in found, f"contains_null, {what}")
        audit.expect(summary["contains_nan"] in (None, bool(nan)), f"contains_nan, {what}")
        lower, upper = (
            None if summary[side] is None else decoded(kind, summary[side]) for side in ("lower_bound", "upper_bound")
        )
        wanted = (min(held), max(held)) if held else (None, None)
        audit.same((lower, upper), wanted, f"bounds, {what}")
