// From a table's folder to its newest metadata file, for tables that no catalog of the project knows.
import { isLakeError, lakeError } from "../common/errors.ts";
import type { Storage } from "../storage/storage.ts";

const metadataFile = /\.metadata\.json(?:\.gz)?$/;

/**
 * The metadata file that `location` names: itself, or of a table's folder the one that Hadoop's
 * `version-hint.text` points to, or else the only one with the highest version. Errors: `iceberg/bad-metadata`
 * where there is none, or several could be the newest: which one a catalog holds cannot be guessed.
 */
export async function findMetadata(storage: Storage, location: string): Promise<string> {
  if (/\.json(?:\.gz)?$/.test(location)) return location;
  const folder = `${location.replace(/(?<=[^/:])\/+$/, "")}/metadata`;
  const names = await namesOf(storage, folder);
  const hint = await versionHint(storage, folder);
  const newest = hint === null ? highest(names) : names.filter((name) => isOfHint(name, hint));
  const [name] = newest;
  if (name !== undefined && newest.length === 1) return `${folder}/${name}`;
  const problem =
    name === undefined
      ? hint === null
        ? "it holds no metadata file"
        : `its version-hint.text names version ${hint}, of which there is no metadata file`
      : `${newest.slice(0, 3).join(" and ")} could be the newest; only a catalog knows which is`;
  const sentence = "name the metadata file itself, or the table in its catalog";
  throw lakeError("iceberg/bad-metadata", { path: folder, problem }, { hint: sentence });
}

async function namesOf(storage: Storage, folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { path } of storage.list(`${folder}/`)) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (metadataFile.test(name)) names.push(name);
  }
  return names;
}

async function versionHint(storage: Storage, folder: string): Promise<string | null> {
  try {
    const text = Buffer.from(await storage.read(`${folder}/version-hint.text`))
      .toString("utf8")
      .trim();
    return text === "" ? null : text;
  } catch (error) {
    if (isLakeError(error, "storage/not-found")) return null;
    throw error;
  }
}

/** Hadoop writes a version, `3` for `v3.metadata.json`; others the name of the file without its ending. */
function isOfHint(name: string, hint: string): boolean {
  const version = name.replace(/(?:\.gz)?\.metadata\.json(?:\.gz)?$/, "");
  return version === hint || version === `v${hint}` || name === hint;
}

function highest(names: readonly string[]): readonly string[] {
  const versionOf = (name: string): number => Number(/^v?(\d{1,15})[-.]/.exec(name)?.[1] ?? -1);
  const top = Math.max(...names.map(versionOf));
  return names.filter((name) => versionOf(name) === top);
}
