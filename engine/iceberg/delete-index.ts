// Which delete files apply to a data file (specification, "Scan Planning").
import { partitionKey } from "./partition.ts";
import { parseTransform } from "./transform.ts";
import type { DataFile, PartitionSpec } from "./types.ts";

export interface SequencedFile {
  readonly file: DataFile;
  /** Of the data, inherited where the manifest leaves it out. */
  readonly sequenceNumber: bigint;
}

/** `file_path` of position delete files (specification, "Reserved Field IDs"). */
const filePathId = 2_147_483_546;

/**
 * A deletion vector replaces a file's position deletes; position deletes reach files of their partition
 * that are not newer; equality deletes only older ones, of their partition or, from an unpartitioned
 * spec, of all.
 */
export function indexDeletes(
  deletes: readonly SequencedFile[],
  specOf: (file: DataFile) => PartitionSpec,
): (data: SequencedFile) => readonly DataFile[] {
  if (deletes.length === 0) return () => [];
  const vectors = new Map<string, SequencedFile[]>();
  const positions = new Map<string, SequencedFile[]>();
  const equalities = new Map<string, SequencedFile[]>();
  const everywhere: SequencedFile[] = [];
  for (const entry of deletes) {
    const { file } = entry;
    const key = partitionKey(file.specId, file.partition);
    if (file.content === "equality-deletes") {
      if (isUnpartitioned(specOf(file))) everywhere.push(entry);
      else push(equalities, key, entry);
    } else if (file.format.toUpperCase() === "PUFFIN") {
      push(vectors, file.referencedDataFile ?? "", entry);
    } else {
      push(positions, key, entry);
    }
  }
  return (data) => {
    const key = partitionKey(data.file.specId, data.file.partition);
    const inPartition = ({ file }: SequencedFile): boolean =>
      partitionKey(file.specId, file.partition) === key;
    const notOlder = (entry: SequencedFile): boolean => data.sequenceNumber <= entry.sequenceNumber;
    const newer = (entry: SequencedFile): boolean => data.sequenceNumber < entry.sequenceNumber;
    const vector = (vectors.get(data.file.path) ?? []).filter(
      (entry) => notOlder(entry) && inPartition(entry),
    );
    const byPosition =
      vector.length > 0
        ? vector
        : (positions.get(key) ?? []).filter(
            (entry) => notOlder(entry) && mayName(entry.file, data.file.path),
          );
    const byEquality = [...(equalities.get(key) ?? []), ...everywhere].filter(newer);
    return [...byPosition, ...byEquality].map(({ file }) => file);
  };
}

function push(map: Map<string, SequencedFile[]>, key: string, entry: SequencedFile): void {
  const list = map.get(key);
  if (list) list.push(entry);
  else map.set(key, [entry]);
}

function isUnpartitioned(spec: PartitionSpec): boolean {
  return spec.fields.every((field) => parseTransform(field.transform).kind === "void");
}

/** Whether the position delete file can hold a row for the path, by what it refers to and by its bounds. */
function mayName(file: DataFile, path: string): boolean {
  if (file.referencedDataFile !== undefined) return file.referencedDataFile === path;
  const bytes = Buffer.from(path, "utf8");
  const lower = file.lowerBounds?.get(filePathId);
  const upper = file.upperBounds?.get(filePathId);
  return !(lower && Buffer.compare(bytes, lower) < 0) && !(upper && Buffer.compare(bytes, upper) > 0);
}
