"""Reads a target folder's artifacts as dbt's schemas say: artifacts.py <folder>. Prints what was found in them."""

import json
import sys
from pathlib import Path

from dbt_artifacts_parser.parser import parse_manifest_v12, parse_run_results_v6, parse_sources_v3

folder = Path(sys.argv[1])


def read(name: str) -> dict:
    return json.loads((folder / name).read_text())


manifest = parse_manifest_v12(manifest=read("manifest.json"))
results = parse_run_results_v6(run_results=read("run_results.json"))
found = {
    "nodes": {
        kind: sorted(id for id, node in manifest.nodes.items() if node.resource_type == kind)
        for kind in ("model", "seed", "test")
    },
    "sources": sorted(manifest.sources),
    "exposures": sorted(manifest.exposures),
    "unit_tests": sorted(manifest.unit_tests),
    "groups": {name: ids for name, ids in manifest.group_map.items()},
    "kinds": sorted({type(node).__name__ for node in manifest.nodes.values()}),
    "statuses": {result.unique_id: result.status.value for result in results.results},
}
if (folder / "sources.json").exists():
    sources = parse_sources_v3(sources=read("sources.json"))
    found["freshness"] = {result.unique_id: result.status.value for result in sources.results}
print(json.dumps(found))
