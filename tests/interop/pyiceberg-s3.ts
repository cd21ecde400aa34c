// PyIceberg on a table of an S3 server that no catalog needs to know.
import type { RunningS3 } from "../services/versitygw.ts";
import { runPython } from "./pyiceberg.ts";

/** The rows of the table with the metadata file, in the order of `id`: each as the list of Python's expressions over `r`. */
export function rowsOnS3(
  { endpoint, region, accessKeyId, secretAccessKey }: RunningS3,
  metadata: string,
  expressions: readonly string[],
): Promise<unknown> {
  const properties = {
    "s3.endpoint": endpoint,
    "s3.region": region,
    "s3.access-key-id": accessKeyId,
    "s3.secret-access-key": secretAccessKey,
    "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO",
  };
  const script = `
import json, sys
from pyiceberg.table import StaticTable
table = StaticTable.from_metadata(sys.argv[1], json.loads(sys.argv[2]))
rows = table.scan().to_arrow().sort_by("id").to_pylist()
print(json.dumps([[${expressions.join(", ")}] for r in rows]))
`;
  return runPython(script, [metadata, JSON.stringify(properties)]);
}
