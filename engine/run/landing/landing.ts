// Landing zones: where a source's files lie, and which are there.
import { sha256 } from "../../common/hash.ts";
import { lakeError } from "../../common/errors.ts";
import type { LandingVersion } from "../../plan/landing-diff.ts";
import type { Source, TargetProfile } from "../../project/types.ts";
import type { Storage } from "../../storage/storage.ts";

const defaultPatterns = ["*.jsonl", "*.jsonl.gz", "*.jsonl.zst"];

/** The folder of a landing source, relative ones below the target's `landing`. */
export function landingLocation(source: Source, profile: TargetProfile): string {
  const location = source.location ?? source.identifier;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(location) || location.startsWith("/")) return location;
  return `${profile.landing.replace(/\/+$/, "")}/${location}`;
}

export interface Listing {
  readonly files: readonly LandingVersion[];
  /** How many files lie there that no pattern names; those in the making do not count. */
  readonly others: number;
}

/** Every file of a landing zone that the source's patterns name: one listing, in path order.
 *  Files whose name starts with `.` or `_` are in the making and left out. */
export async function listLanding(options: {
  readonly source: Source;
  readonly profile: TargetProfile;
  readonly storage: Storage;
}): Promise<Listing> {
  const { source, profile, storage } = options;
  const location = landingLocation(source, profile).replace(/\/+$/, "");
  const isOurs = landingNames(source);
  const found: LandingVersion[] = [];
  let isEmpty = true;
  let others = 0;
  try {
    for await (const file of storage.list(location)) {
      isEmpty = false;
      const relative = file.path.slice(location.length + 1);
      if (!isOurs(relative)) {
        if (!isInTheMaking(relative)) others += 1;
        continue;
      }
      found.push({
        path: file.path,
        sizeBytes: file.sizeBytes,
        modifiedMs: file.modifiedMs,
        ...(file.etag !== undefined && { etag: file.etag }),
      });
    }
  } catch (error) {
    throw noLocation(source, location, error);
  }
  // A folder that is not there lists like an empty one; an object store has no folders to miss.
  const local = storage.localPath(location);
  if (isEmpty && local !== null && !(await isFolder(local))) throw noLocation(source, location);
  return { files: found.sort((a, b) => (a.path < b.path ? -1 : 1)), others };
}

function noLocation(source: Source, location: string, cause?: unknown): Error {
  return lakeError(
    "run/no-landing-location",
    { source: `${source.sourceName}.${source.name}`, location },
    { at: source.at, cause, hint: "make the folder, or correct `location` or the target's `landing`" },
  );
}

async function isFolder(path: string): Promise<boolean> {
  const { stat } = await import("node:fs/promises");
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Whether a run would take in a file of this name; below the source's location, parts joined by `/`. */
export function isLandingName(source: Source, name: string): boolean {
  return landingNames(source)(name);
}

function landingNames(source: Source): (name: string) => boolean {
  const patterns = (source.files ?? defaultPatterns).map(globExpression);
  return (name) => !isInTheMaking(name) && patterns.some((pattern) => pattern.test(name));
}

/** A name that starts with `.` or `_`. */
function isInTheMaking(name: string): boolean {
  return /(^|\/)[._]/.test(name);
}

/** `*` and `?` stay within a folder, `**` + `/` crosses folders. */
function globExpression(pattern: string): RegExp {
  const source = pattern
    .split(/(\*\*\/|\*|\?)/)
    .map((part) =>
      part === "**/"
        ? "(?:.*/)?"
        : part === "*"
          ? "[^/]*"
          : part === "?"
            ? "[^/]"
            : part.replace(/[.+^${}()|[\]\\]/g, "\\$&"),
    )
    .join("");
  return new RegExp(`^${source}$`);
}

/** SHA-256 of a file's stored bytes, hex. */
export async function contentHash(storage: Storage, path: string): Promise<string> {
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  for await (const chunk of storage.readStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

/** A stable mark for a set of landing files, for tests and fingerprints. */
export function landingVersion(files: readonly LandingVersion[]): string {
  return sha256(
    files.map((file) => `${file.path}\t${file.sizeBytes}\t${file.etag ?? file.modifiedMs}`).join("\n"),
  );
}
