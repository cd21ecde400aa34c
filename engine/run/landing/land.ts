// `lake land`: local files → a source's landing zone, each once and whole.
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable, type Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip, createZstdCompress, createZstdDecompress } from "node:zlib";
import { isLakeError, lakeError } from "../../common/errors.ts";
import { mapLimited } from "../../common/limit.ts";
import { suggest } from "../../common/suggest.ts";
import type { Source } from "../../project/types.ts";
import type { Storage } from "../../storage/storage.ts";
import { isLandingName, landingLocation } from "./landing.ts";
import type { Session } from "../session.ts";

export type Compression = "gzip" | "zstd";

export interface LandedFile {
  /** As it was named on the command line. */
  readonly file: string;
  readonly path: string;
  readonly status: "landed" | "there-already";
  /** As it lies in the landing zone. */
  readonly sizeBytes: number;
}

export interface LandRequest {
  readonly session: Session;
  /** Names as given, with the absolute paths that they mean. */
  readonly files: readonly { readonly name: string; readonly absolute: string }[];
  /** `landing.events`; may be left out where the project has one landing source. */
  readonly source?: string;
  readonly compress?: Compression;
  readonly onFile?: (file: LandedFile, done: number) => void;
}

const filesAtOnce = 4;
const suffixes: Readonly<Record<Compression, string>> = { gzip: ".gz", zstd: ".zst" };

/**
 * Uploads what is not there yet. All files are looked at before the first is sent; one that differs from its
 * namesake in the landing zone is refused, and with it those after it.
 * Errors: `storage/which-source`, `run/unknown-source`, `storage/not-landable`, `storage/landed-differs`.
 */
export async function landFiles(request: LandRequest): Promise<LandedFile[]> {
  const { session, compress, onFile } = request;
  const source = landingSource(session, request.source);
  const folder = landingLocation(source, session.profile).replace(/\/+$/, "");
  const uploads = request.files.map(({ name, absolute }) => {
    const packed = compress === undefined || /\.(gz|zst)$/.test(absolute);
    const landedName = path.basename(absolute) + (packed ? "" : suffixes[compress]);
    return {
      name,
      absolute,
      landedName,
      target: `${folder}/${landedName}`,
      compress: packed ? undefined : compress,
    };
  });
  for (const upload of uploads) await checkLandable(upload, source);
  const twice = uploads.find(({ landedName }, index) => {
    return uploads.findIndex((other) => stem(other.landedName) === stem(landedName)) !== index;
  });
  if (twice !== undefined) {
    const problem = `another of the given files is called ${stem(twice.landedName)}, too`;
    throw lakeError("storage/not-landable", { file: twice.name, problem });
  }
  const storage = await session.storage();
  const staging = path.join(tmpdir(), `lake-land-${randomUUID()}`);
  await mkdir(staging, { mode: 0o700 });
  let done = 0;
  try {
    return await mapLimited(uploads, filesAtOnce, async (upload) => {
      const landed = await landOne(storage, staging, upload);
      done += 1;
      onFile?.(landed, done);
      return landed;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

interface Upload {
  readonly name: string;
  readonly absolute: string;
  readonly landedName: string;
  readonly target: string;
  readonly compress: Compression | undefined;
}

function landingSource(session: Session, wanted: string | undefined): Source {
  const sources = [...session.graph.nodes.values()].flatMap((node) =>
    node.resourceType === "source" && node.type === "landing" ? [node] : [],
  );
  const names = sources.map((source) => `${source.sourceName}.${source.name}`);
  if (wanted === undefined) {
    const [only] = sources;
    if (sources.length === 1 && only) return only;
    throw lakeError("storage/which-source", { known: names }, { hint: "name it: --source landing.events" });
  }
  const found = sources[names.indexOf(wanted)];
  if (found) return found;
  const near = suggest(wanted, names);
  const hint =
    near === undefined ? `landing sources: ${names.join(", ") || "none"}` : `did you mean "${near}"?`;
  throw lakeError("run/unknown-source", { name: wanted }, { hint });
}

/** A file that no run would read is not landed: it would look as if its rows had been taken in. */
async function checkLandable({ name, absolute, landedName }: Upload, source: Source): Promise<void> {
  const stats = await stat(absolute).catch((error: unknown) => {
    throw lakeError("storage/not-found", { path: name }, { cause: error });
  });
  if (!stats.isFile()) throw lakeError("storage/not-landable", { file: name, problem: "it is no file" });
  if (isLandingName(source, landedName)) return;
  throw lakeError(
    "storage/not-landable",
    {
      file: name,
      problem: `no file pattern of the source ${source.sourceName}.${source.name} takes ${landedName}`,
    },
    { at: source.at, hint: "rename the file, or extend the source's `files`" },
  );
}

async function landOne(storage: Storage, staging: string, upload: Upload): Promise<LandedFile> {
  const { name, target, absolute } = upload;
  const there = await sameThere(storage, upload);
  if (there) return there;
  const before = await stat(absolute);
  const staged = path.join(staging, upload.landedName);
  await pipeline([
    createReadStream(absolute),
    ...packing(upload.compress),
    createWriteStream(staged, { flags: "wx" }),
  ]);
  const after = await stat(absolute);
  if (before.size !== after.size || before.mtimeMs !== after.mtimeMs) {
    throw lakeError("storage/not-landable", { file: name, problem: "it changed while it was read" });
  }
  const { size: sizeBytes } = await stat(staged);
  try {
    await storage.putFiles([{ localPath: staged, path: target }], { ifAbsent: true });
  } catch (error) {
    if (!isLakeError(error, "storage/exists")) throw error;
    // Somebody else landed it in the meantime: then it is the same, or refused.
    const now = await sameThere(storage, upload);
    if (now) return now;
    throw error;
  }
  return { file: name, path: target, status: "landed", sizeBytes };
}

/** What lies there under the file's name, compressed or not, with the same content; other content is refused. */
async function sameThere(storage: Storage, { name, absolute, target }: Upload): Promise<LandedFile | null> {
  const candidates = ["", ".gz", ".zst"].map((suffix) => stem(target) + suffix);
  const found = (await Promise.all(candidates.map((candidate) => storage.stat(candidate)))).filter(
    (info) => info !== null,
  );
  if (found.length === 0) {
    // A cut archive would be landed as it is, and every run after it would fail.
    if (unpacking(absolute).length > 0) await localHash(absolute, name);
    return null;
  }
  const own = await localHash(absolute, name);
  for (const { path: there, sizeBytes } of found) {
    const content = await contentHash(Readable.from(storage.readStream(there)), there).catch(
      (error: unknown) => {
        if (isLakeError(error)) throw error;
        return null;
      },
    );
    if (content === own) return { file: name, path: there, status: "there-already", sizeBytes };
    throw lakeError(
      "storage/landed-differs",
      { file: name, path: there },
      { hint: "land it under another name; files of a landing zone are never replaced" },
    );
  }
  return null;
}

async function localHash(absolute: string, name: string): Promise<string> {
  try {
    return await contentHash(createReadStream(absolute), absolute);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw lakeError(
      "storage/not-landable",
      { file: name, problem: `it cannot be read: ${problem}` },
      { cause: error },
    );
  }
}

/** SHA-256 of the lines themselves: two compressions of one content are the same file. */
async function contentHash(stream: Readable, name: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline([stream, ...unpacking(name), hash]);
  return hash.digest("hex");
}

function packing(compress: Compression | undefined): Duplex[] {
  if (compress === "gzip") return [createGzip()];
  return compress === "zstd" ? [createZstdCompress()] : [];
}

function unpacking(name: string): Duplex[] {
  if (name.endsWith(".gz")) return [createGunzip()];
  return name.endsWith(".zst") ? [createZstdDecompress()] : [];
}

function stem(name: string): string {
  return name.replace(/\.(gz|zst)$/, "");
}
