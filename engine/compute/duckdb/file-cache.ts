// Local copies of an object store's files, for the life of one engine. Files of tables never change, so one
// copy serves every statement; landing files can be replaced, so a copy is believed only while the store
// shows the same version.
import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { link, mkdir, open, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { lakeError } from "../../common/errors.ts";
import { limit } from "../../common/limit.ts";
import type { DataFile } from "../../iceberg/types.ts";
import type { FileInfo, Storage } from "../../storage/storage.ts";
import type { LandingFile } from "../compute.ts";

/** What stands at a path now. */
export interface FileState {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export interface WriteTarget {
  readonly directory: string;
  /** Resolves when every file stands at its path. */
  publish(files: readonly DataFile[]): Promise<void>;
  /** Takes away what a failed write left. */
  discard(): Promise<void>;
}

export interface FileCache {
  localPath(path: string): string;
  spelled(localPath: string): string | undefined;
  /** A text for people, in which copies are called as what they are copies of. */
  respelled(text: string): string;
  /** Brings the files; they stay until the answer is called. */
  hold(files: {
    readonly immutable: readonly LandingFile[];
    readonly changeable: readonly LandingFile[];
  }): Promise<() => void>;
  current(path: string): Promise<FileState | null>;
  target(dataLocation: string, writeId: string): WriteTarget;
}

export interface FileCacheOptions {
  readonly storage: Storage;
  /** Removed by whoever gave it. */
  readonly directory: string;
  /** What copies may take of the disk between statements; one statement takes what it needs. */
  readonly maxBytes?: number;
}

interface Copy {
  readonly path: string;
  readonly sizeBytes: number;
  /** Of a file that can be replaced. */
  readonly version?: FileInfo;
  readonly ready: Promise<void>;
  holders: number;
}

const copiesAtOnce = 16;
const defaultMaxBytes = 8 * 1024 ** 3;
/** A larger file that never changes is brought in parts, side by side. */
const partBytes = 16 * 1024 * 1024;

export function openFileCache(options: FileCacheOptions): FileCache {
  return new CachedFiles(options);
}

class CachedFiles implements FileCache {
  readonly #storage: Storage;
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #run = limit(copiesAtOnce);
  /** A file is open while it is brought, and a process may have few open: of thousands, only those at work. */
  readonly #bringing = limit(copiesAtOnce);
  /** In order of use, the least recent first. */
  readonly #copies = new Map<string, Copy>();
  readonly #spelled = new Map<string, string>();

  constructor({ storage, directory, maxBytes = defaultMaxBytes }: FileCacheOptions) {
    this.#storage = storage;
    this.#directory = directory;
    this.#maxBytes = maxBytes;
  }

  /** One folder, whatever the names are; the ending tells the engine how to read. */
  localPath(path: string): string {
    const name = createHash("sha256").update(path).digest("hex");
    const ending = /(?:\.[a-z0-9]{1,16}){0,2}$/i.exec(path)?.[0] ?? "";
    const local = join(this.#directory, "cache", name + ending);
    this.#spelled.set(local, path);
    return local;
  }

  spelled(localPath: string): string | undefined {
    return this.#spelled.get(localPath);
  }

  respelled(text: string): string {
    const copies = join(this.#directory, "cache") + "/";
    if (!text.includes(copies)) return text;
    return [...this.#spelled].reduce((now, [local, path]) => now.replaceAll(local, path), text);
  }

  async hold({ immutable, changeable }: Parameters<FileCache["hold"]>[0]): Promise<() => void> {
    await mkdir(join(this.#directory, "cache"), { recursive: true });
    const held: Copy[] = [];
    const release = (): void => {
      for (const copy of held.splice(0)) copy.holders -= 1;
      this.#evict();
    };
    // All of them are taken before the first is awaited, so that none is evicted for another.
    const taken = await Promise.allSettled([
      ...immutable.map((file) => this.#take(held, file)),
      ...changeable.map(async (file) => this.#take(held, file, await this.#version(file))),
    ]);
    const failed = taken.find((result) => result.status === "rejected");
    if (failed === undefined) return release;
    release();
    throw failed.reason;
  }

  async #take(held: Copy[], { path, sizeBytes }: LandingFile, version?: FileInfo): Promise<void> {
    const known = this.#copies.get(path);
    const fits =
      known !== undefined && known.version?.etag === version?.etag && known.sizeBytes === sizeBytes;
    if (known && !fits && known.holders > 0) throw changed(path, sizeBytes, known.sizeBytes);
    const copy: Copy = fits
      ? known
      : {
          path,
          sizeBytes,
          ...(version && { version }),
          ready: this.#bringing(() => this.#bring(path, sizeBytes, version)),
          holders: 0,
        };
    this.#copies.delete(path);
    this.#copies.set(path, copy);
    copy.holders += 1;
    held.push(copy);
    try {
      await copy.ready;
    } catch (error) {
      if (this.#copies.get(path) === copy) this.#copies.delete(path);
      throw error;
    }
  }

  /** What the plan saw of a landing file must be what is there. */
  async #version({ path, sizeBytes }: LandingFile): Promise<FileInfo> {
    const version = await this.#run(() => this.#storage.stat(path));
    if (version?.sizeBytes !== sizeBytes) throw changed(path, sizeBytes, version?.sizeBytes ?? null);
    return version;
  }

  async #bring(path: string, sizeBytes: number, version: FileInfo | undefined): Promise<void> {
    const local = this.localPath(path);
    const file = await open(local, "w", 0o600);
    let received = 0;
    try {
      if (version === undefined && sizeBytes > partBytes) {
        const offsets = Array.from(
          { length: Math.ceil(sizeBytes / partBytes) },
          (_, index) => index * partBytes,
        );
        const parts = await Promise.allSettled(
          offsets.map((offset) =>
            this.#run(async () => {
              const wanted = Math.min(partBytes, sizeBytes - offset);
              const bytes = await this.#storage.readRange(path, offset, wanted);
              await file.write(bytes, 0, bytes.length, offset);
              received += bytes.length;
            }),
          ),
        );
        const failed = parts.find((part) => part.status === "rejected");
        if (failed) throw failed.reason;
      } else {
        await this.#run(async () => {
          for await (const chunk of this.#storage.readStream(path)) {
            await file.write(chunk, 0, chunk.length, received);
            received += chunk.length;
          }
        });
      }
    } finally {
      await file.close();
    }
    if (received !== sizeBytes) throw changed(path, sizeBytes, received);
    if (version) await utimes(local, version.modifiedMs / 1000, version.modifiedMs / 1000);
  }

  async current(path: string): Promise<FileState | null> {
    const now = await this.#storage.stat(path);
    const read = this.#copies.get(path)?.version;
    return now === null || now.etag !== read?.etag ? null : now;
  }

  /** In one go: between forgetting a copy and removing it nobody may begin another under its name. */
  #evict(): void {
    let bytes = 0;
    for (const { sizeBytes } of this.#copies.values()) bytes += sizeBytes;
    for (const copy of this.#copies.values()) {
      if (bytes <= this.#maxBytes) return;
      if (copy.holders > 0) continue;
      this.#copies.delete(copy.path);
      bytes -= copy.sizeBytes;
      rmSync(this.localPath(copy.path), { force: true });
    }
  }

  target(dataLocation: string, writeId: string): WriteTarget {
    const directory = join(this.#directory, `out-${writeId}`);
    let begun: readonly string[] = [];
    return {
      directory,
      publish: async (files) => {
        begun = files.map(({ path }) => path);
        const staged = files.map((file) => ({
          file,
          localPath: directory + file.path.slice(dataLocation.length),
        }));
        await mkdir(join(this.#directory, "cache"), { recursive: true });
        for (const { file, localPath } of staged) await this.#keep(file, localPath);
        await this.#storage.putFiles(staged.map(({ file, localPath }) => ({ localPath, path: file.path })));
        await rm(directory, { recursive: true, force: true });
        this.#evict();
      },
      discard: async () => {
        await rm(directory, { recursive: true, force: true });
        for (const path of begun) this.#copies.delete(path);
        // Best effort: what stays is an orphan that cleaning finds, and must not hide the failure itself.
        await this.#storage.delete(begun).catch(() => undefined);
        begun = [];
      },
    };
  }

  /** What this run wrote, its later models read: a second name costs nothing. */
  async #keep({ path, sizeBytes }: DataFile, written: string): Promise<void> {
    const local = this.localPath(path);
    await rm(local, { force: true });
    await link(written, local);
    this.#copies.set(path, { path, sizeBytes: Number(sizeBytes), ready: Promise.resolve(), holders: 0 });
  }
}

function changed(path: string, expectedBytes: number, foundBytes: number | null): Error {
  return lakeError("compute/landing-changed", { path, expectedBytes, foundBytes });
}
