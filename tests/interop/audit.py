"""Checks a table's files, field by field, against the specification and what iceberg-java writes.

Everything is read without PyIceberg's readers (json, fastavro, pyarrow); only its single-value decoding and
its transforms are used, as the second opinion on ours. Gives problems as sentences; none is what is wanted.
"""

import json
import os
import re

import fastavro
import pyarrow.parquet as pq

import values

# Logical types as the numbers that they are: a datetime cannot hold all that a timestamp can.
fastavro.read.LOGICAL_READERS.clear()

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "../../engine/iceberg/golden")
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
TOTALS = {
    "total-records": ("added-records", "deleted-records"),
    "total-files-size": ("added-files-size", "removed-files-size"),
    "total-data-files": ("added-data-files", "deleted-data-files"),
    "total-delete-files": ("added-delete-files", "removed-delete-files"),
    "total-position-deletes": ("added-position-deletes", "removed-position-deletes"),
    "total-equality-deletes": ("added-equality-deletes", "removed-equality-deletes"),
}
RESERVED = {
    "format-version", "uuid", "snapshot-count", "current-snapshot-id", "current-snapshot-summary",
    "current-snapshot-timestamp-ms", "current-schema", "default-partition-spec", "default-sort-order",
}  # fmt: skip


def local(path: str) -> str:
    return re.sub("^file:(//)?", "", path)


def avro(path: str) -> tuple[dict, dict, list]:
    with open(local(path), "rb") as file:
        reader = fastavro.reader(file)
        return reader.metadata, json.loads(reader.metadata["avro.schema"]), list(reader)


class Audit:
    """With `shared` set, another engine wrote snapshots, too: only what lake added is held to lake's form."""

    def __init__(self, metadata_location: str, shared: bool = False) -> None:
        self.shared = shared
        self.problems: list[str] = []
        self.facts = {"snapshots": 0, "manifests": 0, "files": 0, "bounds": 0, "unbounded": []}
        self.location = metadata_location
        with open(local(metadata_location)) as file:
            self.metadata = json.load(file)
        self.schemas = {schema["schema-id"]: schema for schema in self.metadata["schemas"]}
        self.specs = {spec["spec-id"]: spec["fields"] for spec in self.metadata["partition-specs"]}
        self.seen: set[str] = set()

    def expect(self, holds: object, problem: str) -> None:
        if not holds:
            self.problems.append(problem)

    def same(self, found: object, wanted: object, what: str) -> None:
        self.expect(found == wanted, f"{what}: found {found!r}, expected {wanted!r}")

    def run(self) -> dict:
        self.check_metadata()
        by_id = {snapshot["snapshot-id"]: snapshot for snapshot in self.metadata["snapshots"]}
        self.ours = {id_ for id_, s in by_id.items() if not self.shared or "lake.commit-id" in s["summary"]}
        for snapshot in self.metadata["snapshots"]:
            if snapshot["snapshot-id"] in self.ours:
                self.check_snapshot(snapshot, by_id.get(snapshot.get("parent-snapshot-id")))
        return {"problems": self.problems, "facts": self.facts}

    # -- metadata.json -------------------------------------------------------------------------------------

    def check_metadata(self) -> None:
        m = self.metadata
        required = {
            "format-version", "table-uuid", "location", "last-sequence-number", "last-updated-ms",
            "last-column-id", "schemas", "current-schema-id", "partition-specs", "default-spec-id",
            "last-partition-id", "sort-orders", "default-sort-order-id",
        }  # fmt: skip
        self.same(required - m.keys(), set(), "missing keys of the metadata")
        self.same(m["format-version"], 2, "format-version")
        self.expect(re.fullmatch(UUID, m["table-uuid"]), f"table-uuid {m['table-uuid']}")
        self.expect(not m["location"].endswith("/") and ":/" in m["location"], f"location {m['location']}")
        self.same(m["sort-orders"], [{"order-id": 0, "fields": []}], "sort-orders")
        self.same(m["default-sort-order-id"], 0, "default-sort-order-id")
        self.expect(m["current-schema-id"] in self.schemas, "current-schema-id names no schema")
        self.expect(m["default-spec-id"] in self.specs, "default-spec-id names no spec")
        ids = [id_ for schema in m["schemas"] for id_ in field_ids(schema)]
        self.same(m["last-column-id"], max(ids), "last-column-id")
        for schema in m["schemas"]:
            own = field_ids(schema)
            self.same(len(set(own)), len(own), f"distinct field ids of schema {schema['schema-id']}")
            self.same(schema["type"], "struct", "a schema's type")
        partition_ids = [field["field-id"] for fields in self.specs.values() for field in fields]
        self.same(m["last-partition-id"], max([999, *partition_ids]), "last-partition-id")
        self.same(RESERVED & m["properties"].keys(), set(), "reserved properties")
        self.expect(all(type(value) is str for value in m["properties"].values()), "a property is no text")
        codec = m["properties"].get("write.parquet.compression-codec")
        self.same(codec, "zstd", "codec property")
        self.check_heads()
        self.check_logs()

    def check_heads(self) -> None:
        m = self.metadata
        head = m["current-snapshot-id"]
        self.same(m["refs"].get("main"), {"snapshot-id": head, "type": "branch"}, "refs.main")
        sequences = [snapshot["sequence-number"] for snapshot in m["snapshots"]]
        self.same(sequences, sorted(set(sequences)), "sequence numbers in order")
        self.same(m["last-sequence-number"], sequences[-1], "last-sequence-number")
        ids = [snapshot["snapshot-id"] for snapshot in m["snapshots"]]
        self.same(len(set(ids)), len(ids), "distinct snapshot ids")
        self.expect(all(0 < id_ < 2**63 for id_ in ids), "a snapshot id is not within 63 bits")

    def check_logs(self) -> None:
        m = self.metadata
        log = m["snapshot-log"]
        times = [entry["timestamp-ms"] for entry in log]
        self.same(times, sorted(times), "snapshot-log in order")
        self.same(log[-1]["snapshot-id"], m["current-snapshot-id"], "last of snapshot-log")
        at = {snapshot["snapshot-id"]: snapshot["timestamp-ms"] for snapshot in m["snapshots"]}
        for entry in log:
            self.same(entry["timestamp-ms"], at.get(entry["snapshot-id"]), "time in snapshot-log")
        self.expect(m["last-updated-ms"] >= times[-1], "last-updated-ms is before the last snapshot")
        version = self.version(self.location)
        for position, entry in enumerate(reversed(m["metadata-log"])):
            self.same(self.version(entry["metadata-file"]), version - 1 - position, "version in metadata-log")
            with open(local(entry["metadata-file"])) as file:
                previous = json.load(file)
            self.same(entry["timestamp-ms"], previous["last-updated-ms"], "time in metadata-log")
            self.same(previous["table-uuid"], m["table-uuid"], "table-uuid of an earlier metadata file")
        self.same(len(m["metadata-log"]), min(version, 100), "entries of metadata-log")

    def version(self, path: str) -> int:
        found = re.fullmatch(rf"(\d{{5}})-{UUID}\.metadata\.json", os.path.basename(path))
        self.expect(found, f"name of metadata file {path}")
        self.same(os.path.dirname(path), f"{self.metadata['location']}/metadata", "folder of metadata")
        return int(found[1]) if found else -1

    # -- snapshots, manifest lists -------------------------------------------------------------------------

    def check_snapshot(self, snapshot: dict, parent: dict | None) -> None:
        self.facts["snapshots"] += 1
        id_, what = snapshot["snapshot-id"], f"snapshot {snapshot['snapshot-id']}"
        summary = snapshot["summary"]
        self.expect(all(type(value) is str for value in summary.values()), f"{what}: a value is no text")
        self.expect(summary["operation"] in ("append", "overwrite", "replace", "delete"), f"{what}: operation")
        self.expect(snapshot["schema-id"] in self.schemas, f"{what}: schema-id")
        zero = [key for key in summary if re.match("(added|deleted|removed)-", key) and summary[key] == "0"]
        self.same(zero, [], f"{what}: counts of nothing")
        for total, (added, removed) in TOTALS.items():
            before = int(parent["summary"][total]) if parent else 0
            wanted = before + int(summary.get(added, 0)) - int(summary.get(removed, 0))
            self.same(summary.get(total), str(wanted), f"{what}: {total}")
        path = snapshot["manifest-list"]
        name = rf"{re.escape(self.metadata['location'])}/metadata/snap-{id_}-\d+-{UUID}(-\d+-[0-9a-f]+)?\.avro"
        self.expect(re.fullmatch(name, path), f"name of manifest list {path}")
        header, schema, manifests = avro(path)
        with open(f"{GOLDEN}/manifest-file.v2.avsc.json") as golden:
            self.same(bare(schema), bare(json.load(golden)), "schema of the manifest list")
        self.check_header(header, path, {
            "snapshot-id": str(id_), "parent-snapshot-id": str(parent["snapshot-id"]) if parent else "null",
            "sequence-number": str(snapshot["sequence-number"]), "format-version": "2",
        })  # fmt: skip
        counts = {kind: [0] * 5 for kind in ("added", "deleted", "live")}
        for manifest in manifests:
            self.check_manifest(manifest, snapshot, counts)
        for kind, keys in (
            ("added", ("added-files-size", "added-data-files", "added-records",
                       "added-delete-files", "added-position-deletes")),
            ("deleted", ("removed-files-size", "deleted-data-files", "deleted-records",
                         "removed-delete-files", "removed-position-deletes")),
            ("live", ("total-files-size", "total-data-files", "total-records",
                      "total-delete-files", "total-position-deletes")),
        ):
            for count, key in zip(counts[kind], keys):
                self.same(int(summary.get(key, 0)), count, f"{what}: {key} against the manifests")

    def check_header(self, header: dict, path: str, wanted: dict) -> None:
        for key, value in wanted.items():
            self.same(header.get(key), value, f"header {key} of {path}")
        self.same(header.get("avro.codec"), "deflate", f"codec of {path}")

    # -- manifests -----------------------------------------------------------------------------------------

    def check_manifest(self, row: dict, snapshot: dict, counts: dict) -> None:
        self.facts["manifests"] += 1
        path, fields = row["manifest_path"], self.specs[row["partition_spec_id"]]
        new = row["added_snapshot_id"] == snapshot["snapshot-id"]
        self.same(row["manifest_length"], os.path.getsize(local(path)), f"manifest_length of {path}")
        self.expect(row["content"] in (0, 1), f"content of {path}")
        if new:
            self.same(row["sequence_number"], snapshot["sequence-number"], f"sequence_number of {path}")
            name = rf"{re.escape(self.metadata['location'])}/metadata/{UUID}(-\d+-[0-9a-f]+)?-m\d+\.avro"
            self.expect(re.fullmatch(name, path), f"name of manifest {path}")
        header, schema, entries = avro(path)
        if row["added_snapshot_id"] not in self.ours:
            self.check_counts(row, entries, snapshot, counts)
            return
        self.schema = table_schema = json.loads(header["schema"])
        known = self.schemas.get(table_schema.get("schema-id"))
        self.same(plain_schema(table_schema), plain_schema(known), f"header schema of {path}")
        self.same(json.loads(header["partition-spec"]), fields, f"header partition-spec of {path}")
        self.check_header(header, path, {
            "partition-spec-id": str(row["partition_spec_id"]), "format-version": "2", "content": "deletes" if row["content"] == 1 else "data",
        })  # fmt: skip
        with open(f"{GOLDEN}/manifest-entry.v2.avsc.json") as golden:
            wanted = bare(json.load(golden))
        found = bare(schema)
        partition = record(found)["fields"][3]["type"]
        record(wanted)["fields"][3]["type"] = partition
        self.same(found, wanted, "schema of the manifest")
        self.same(
            (partition["name"], [(field["name"], field["field-id"], field["type"][0]) for field in partition["fields"]]),
            ("r102", [(avro_name(field["name"]), field["field-id"], "null") for field in fields]),
            f"partition record of {path}",
        )
        self.check_entries(row, entries, snapshot, counts)
        values.check_summaries(self, row, entries, fields, table_schema)

    def check_entries(self, row: dict, entries: list, snapshot: dict, counts: dict) -> None:
        for entry in entries:
            numbers = (entry["sequence_number"], entry["file_sequence_number"])
            path = entry["data_file"]["file_path"]
            if entry["status"] == 1:
                self.same(entry["snapshot_id"], row["added_snapshot_id"], f"snapshot_id of {path}")
                self.same(numbers, (None, None), f"sequence numbers of added {path}")
            else:
                self.expect(None not in numbers, f"sequence numbers of {path}: {numbers}")
            if entry["snapshot_id"] in self.ours and entry["status"] != 2:
                self.check_file(entry["data_file"], row)
        self.check_counts(row, entries, snapshot, counts)
        live = [e["sequence_number"] for e in entries if e["status"] != 2 and e["sequence_number"] is not None]
        wanted = min([row["sequence_number"], *live])
        self.same(row["min_sequence_number"], wanted, f"min_sequence_number of {row['manifest_path']}")

    def check_counts(self, row: dict, entries: list, snapshot: dict, counts: dict) -> None:
        new = row["added_snapshot_id"] == snapshot["snapshot-id"]
        by_status: dict[int, list] = {0: [], 1: [], 2: []}
        for entry in entries:
            by_status[entry["status"]].append(entry)
        for status, name in ((1, "added"), (0, "existing"), (2, "deleted")):
            files = [entry["data_file"] for entry in by_status[status]]
            self.same(row[f"{name}_files_count"], len(files), f"{name}_files_count")
            self.same(row[f"{name}_rows_count"], sum(f["record_count"] for f in files), f"{name}_rows_count")
            kind = {"added": "added" if new else None, "deleted": "deleted" if new else None}.get(name)
            for target in filter(None, (kind, None if name == "deleted" else "live")):
                # Data files are counted apart from delete files, their bytes together.
                at = 1 + 2 * row["content"]
                counts[target][0] += sum(f["file_size_in_bytes"] for f in files)
                counts[target][at] += len(files)
                counts[target][at + 1] += sum(f["record_count"] for f in files)

    def check_file(self, file: dict, row: dict) -> None:
        path = file["file_path"]
        if path in self.seen:
            return
        self.seen.add(path)
        self.facts["files"] += 1
        self.expect(path.startswith(f"{self.metadata['location']}/data/"), f"path of {path}")
        fixed = {key: file[key] for key in ("content", "file_format", "equality_ids", "sort_order_id")}
        deletes = row["content"] == 1
        # Position deletes have an order of their own.
        order = None if deletes else 0
        wanted = {"content": int(deletes), "file_format": "PARQUET", "equality_ids": None, "sort_order_id": order}
        self.same(fixed, wanted, f"fields of {path}")
        self.same(file["file_size_in_bytes"], os.path.getsize(local(path)), f"size of {path}")
        parquet = pq.ParquetFile(local(path))
        self.row_groups, table = parquet.num_row_groups, parquet.read()
        self.same(file["record_count"], table.num_rows, f"record_count of {path}")
        if file["split_offsets"] is not None:
            self.same(file["split_offsets"], sorted(file["split_offsets"]), f"split_offsets of {path}")
        if deletes:
            self.check_deletes(file, table)
            return
        values.check_metrics(self, file, table)
        values.check_partition(self, file, table, self.specs[row["partition_spec_id"]])

    def check_deletes(self, file: dict, table: object) -> None:
        """Sorted, of one data file, with the path itself as bounds: a reader knows which file it is about."""
        path = file["file_path"]
        rows = table.to_pylist()
        ids = [int(field.metadata[b"PARQUET:field_id"]) for field in table.schema]
        self.same((table.column_names, ids), (["file_path", "pos"], [2147483546, 2147483545]), f"columns of {path}")
        self.same(rows, sorted(rows, key=lambda one: (one["file_path"], one["pos"])), f"order of {path}")
        self.same({one["file_path"] for one in rows}, {file["referenced_data_file"]}, f"data file of {path}")
        for bounds in ("lower_bounds", "upper_bounds"):
            found = dict(values.pairs(file[bounds])).get(2147483546)
            self.same(found, file["referenced_data_file"].encode(), f"{bounds} of {path}")


def plain_schema(schema: dict | None) -> dict:
    """No identifier fields may be spelled in two ways."""
    return {key: value for key, value in (schema or {}).items() if value or key != "identifier-field-ids"}


def record(schema: dict) -> dict:
    return next(field for field in schema["fields"] if field["name"] == "data_file")["type"]


def avro_name(name: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_]", lambda found: f"_x{ord(found[0]):X}", name)
    return name if not name[:1].isdigit() else f"_{name}"


def bare(schema: object) -> object:
    """Without what no reader looks at."""
    if isinstance(schema, dict):
        return {key: bare(value) for key, value in schema.items() if key not in ("doc",)}
    return [bare(item) for item in schema] if isinstance(schema, list) else schema


def field_ids(kind: object) -> list[int]:
    if isinstance(kind, str):
        return []
    match kind["type"]:
        case "struct":
            return [id_ for field in kind["fields"] for id_ in (field["id"], *field_ids(field["type"]))]
        case "list":
            return [kind["element-id"], *field_ids(kind["element"])]
        case _:
            return [kind["key-id"], kind["value-id"], *field_ids(kind["key"]), *field_ids(kind["value"])]
