// Which delete files apply to a data file (specification, "Scan Planning").
import { fieldsById } from "./field-ids.ts";
import { partitionKey } from "./partition.ts";
import { factsOf, mayShareValue } from "./pruning.ts";
import { parseTransform } from "./transform.ts";
import type { DataFile, IcebergType, PartitionSpec, Schema } from "./types.ts";

export interface SequencedFile {
  readonly file: DataFile;
  /** Of the data, inherited where the manifest leaves it out. */
  readonly sequenceNumber: bigint;
}

export interface IndexDeletesOptions {
  /** For comparing bounds of equality columns; those that it does not have are not compared. */
  readonly schema: Schema;
  readonly specOf: (file: DataFile) => PartitionSpec;
}

/** `file_path` of position delete files (specification, "Reserved Field IDs"). */
const filePathId = 2_147_483_546;
const none: readonly DataFile[] = [];

/**
 * A deletion vector replaces a file's position deletes; position deletes reach files of their partition
 * that are not newer; equality deletes only older ones, of their partition or, from an unpartitioned
 * spec, of all. Those whose bounds say that they share nothing with the file are left out.
 */
export function indexDeletes(
  deletes: readonly SequencedFile[],
  { schema, specOf }: IndexDeletesOptions,
): (data: SequencedFile) => readonly DataFile[] {
  if (deletes.length === 0) return () => none;
  const byFile = new Map<string, SequencedFile[]>();
  const positions = new Map<string, SequencedFile[]>();
  const equalities = new Map<string, SequencedFile[]>();
  const everywhere: SequencedFile[] = [];
  for (const entry of deletes) {
    const { file } = entry;
    const key = partitionKey(file.specId, file.partition);
    if (file.content === "equality-deletes") {
      if (isUnpartitioned(specOf(file))) everywhere.push(entry);
      else push(equalities, key, entry);
      continue;
    }
    const only = onlyDataFile(file);
    if (only === undefined) push(positions, key, entry);
    else push(byFile, only, entry);
  }
  const typesById = new Map([...fieldsById(schema)].map(([id, { field }]) => [id, field.type]));
  return (data) => {
    const key = partitionKey(data.file.specId, data.file.partition);
    const reaches = ({ file, sequenceNumber }: SequencedFile): boolean =>
      data.sequenceNumber <= sequenceNumber && partitionKey(file.specId, file.partition) === key;
    const named = (byFile.get(data.file.path) ?? []).filter(reaches);
    const vectors = named.filter(({ file }) => isVector(file));
    const byPosition =
      vectors.length > 0
        ? vectors
        : [
            ...named,
            ...(positions.get(key) ?? []).filter(
              (entry) => data.sequenceNumber <= entry.sequenceNumber && mayName(entry.file, data.file.path),
            ),
          ];
    const byEquality = [...(equalities.get(key) ?? []), ...everywhere].filter(
      (entry) => data.sequenceNumber < entry.sequenceNumber && mayEqual(entry.file, data.file, typesById),
    );
    return [...byPosition, ...byEquality].map(({ file }) => file);
  };
}

function push(map: Map<string, SequencedFile[]>, key: string, entry: SequencedFile): void {
  const list = map.get(key);
  if (list) list.push(entry);
  else map.set(key, [entry]);
}

function isVector(file: DataFile): boolean {
  return file.format.toUpperCase() === "PUFFIN";
}

function isUnpartitioned(spec: PartitionSpec): boolean {
  return spec.fields.every((field) => parseTransform(field.transform).kind === "void");
}

/** The one data file that a deletion vector or position delete file is about, where it says so. */
function onlyDataFile(file: DataFile): string | undefined {
  if (file.referencedDataFile !== undefined || isVector(file)) return file.referencedDataFile ?? "";
  const [lower, upper] = pathBounds(file);
  // Shortened bounds are no paths: the upper one is then above the lower.
  if (lower === undefined || upper === undefined || Buffer.compare(lower, upper) !== 0) return undefined;
  return Buffer.from(lower.buffer, lower.byteOffset, lower.byteLength).toString("utf8");
}

function pathBounds(file: DataFile): readonly [Uint8Array | undefined, Uint8Array | undefined] {
  return [file.lowerBounds?.get(filePathId), file.upperBounds?.get(filePathId)];
}

/** Whether the position delete file can hold a row for the path, by its bounds. */
function mayName(file: DataFile, path: string): boolean {
  const bytes = Buffer.from(path, "utf8");
  const [lower, upper] = pathBounds(file);
  return !(lower && Buffer.compare(bytes, lower) < 0) && !(upper && Buffer.compare(bytes, upper) > 0);
}

/** Whether some row of the data file can equal one of the delete file's in every column compared. */
function mayEqual(deletes: DataFile, data: DataFile, types: ReadonlyMap<number, IcebergType>): boolean {
  return (deletes.equalityIds ?? []).every((id) => {
    const type = types.get(id);
    return type === undefined || mayShareValue(type, factsOf(deletes, id, type), factsOf(data, id, type));
  });
}
