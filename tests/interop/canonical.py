"""Rows of Arrow tables in the one form in which `canonical.ts` has DuckDB give them, too."""

import uuid
from decimal import Decimal

import pyarrow as pa


def rows_of(table: pa.Table) -> list:
    columns = [values_of(column.combine_chunks()) for column in table.columns]
    return [list(row) for row in zip(*columns)] if columns else [[] for _ in range(table.num_rows)]


def values_of(array: pa.Array) -> list:
    """Null, text for what is scalar, lists for what nests (maps as pairs)."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
        return [None if value is None else str(uuid.UUID(bytes=value)) for value in array.to_pylist()]
    kind = array.type
    if pa.types.is_dictionary(kind):
        return values_of(array.dictionary_decode())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return nested(array, values_of(array.values), array.offsets.to_pylist())
    if pa.types.is_map(kind):
        pairs = [list(pair) for pair in zip(values_of(array.keys), values_of(array.items))]
        return nested(array, pairs, array.offsets.to_pylist())
    if pa.types.is_struct(kind):
        fields = [values_of(field) for field in array.flatten()]
        valid = array.is_valid().to_pylist()
        return [[field[row] for field in fields] if there else None for row, there in enumerate(valid)]
    if pa.types.is_date(kind):
        array = array.cast(pa.int32())
    elif pa.types.is_time(kind) or pa.types.is_timestamp(kind):
        if kind.unit != "us":
            raise ValueError(f"{kind} is not in microseconds")
        array = array.cast(pa.int64())
    return [None if value is None else scalar(value) for value in array.to_pylist()]


def nested(array: pa.Array, values: list, offsets: list) -> list:
    valid = array.is_valid().to_pylist()
    return [values[offsets[row] : offsets[row + 1]] if there else None for row, there in enumerate(valid)]


def scalar(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case Decimal():
            return format(value, "f")
        case bytes():
            return value.hex()
        case _:
            return str(value)
