import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLocalStorage } from "../../storage/local/local-storage.ts";
import type { Storage } from "../../storage/storage.ts";
import type { LandingFile } from "../compute.ts";
import { openFileCache, type FileCache } from "./file-cache.ts";

let folder: string;
let cache: FileCache;
let reads: string[];
/** Files of this machine as the store; how often each is read is what a store would charge for. */
function counted(): Storage {
  const storage = openLocalStorage();
  return {
    ...storage,
    readStream: (path) => {
      reads.push(path);
      return storage.readStream(path);
    },
    readRange: (path, offset, length) => {
      reads.push(path);
      return storage.readRange(path, offset, length);
    },
  };
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lake-cache-"));
  reads = [];
  cache = openFileCache({ storage: counted(), directory: join(folder, "scratch"), maxBytes: 2500 });
});
afterEach(() => rm(folder, { recursive: true }));

async function file(name: string, content: Uint8Array): Promise<LandingFile> {
  const path = join(folder, name);
  await writeFile(path, content);
  return { path, sizeBytes: content.length };
}
const held = (): number => readdirSync(join(folder, "scratch/cache")).length;

test("a table's file is brought once for all statements, a large one in parts", async () => {
  const small = await file("a.parquet", randomBytes(1000));
  const large = await file("b.parquet", randomBytes(40_000_000));
  const releases = await Promise.all(
    [1, 2, 3].map(() => cache.hold({ immutable: [small, large], changeable: [] })),
  );
  for (const { path } of [small, large]) {
    expect(readFileSync(cache.localPath(path)).equals(readFileSync(path))).toBe(true);
    expect(cache.spelled(cache.localPath(path))).toBe(path);
  }
  expect(reads.filter((path) => path === small.path).length).toBe(1);
  expect(reads.filter((path) => path === large.path).length).toBe(3);
  for (const release of releases) release();
});

test("between statements the bound holds; what a statement holds stays", async () => {
  const files = await Promise.all([0, 1, 2, 3].map((name) => file(`${name}.parquet`, randomBytes(1000))));
  const first = await cache.hold({ immutable: files, changeable: [] });
  expect(held()).toBe(4);
  const second = await cache.hold({ immutable: files.slice(0, 1), changeable: [] });
  first();
  expect(held()).toBe(2);
  expect(existsSync(cache.localPath(files[0]?.path ?? ""))).toBe(true);
  second();
});

test("a landing file that was replaced is brought again, with the time of the new one", async () => {
  const before = await file("a.jsonl.gz", randomBytes(100));
  (await cache.hold({ immutable: [], changeable: [before] }))();
  expect(cache.localPath(before.path)).toMatch(/\.jsonl\.gz$/);
  const now = randomBytes(200);
  await expect(
    cache.hold({ immutable: [], changeable: [await file("a.jsonl.gz", now).then(() => before)] }),
  ).rejects.toMatchObject({ code: "compute/landing-changed" });
  await utimes(before.path, 1_700_000_000, 1_700_000_000);
  const release = await cache.hold({ immutable: [], changeable: [{ ...before, sizeBytes: 200 }] });
  expect(readFileSync(cache.localPath(before.path)).equals(now)).toBe(true);
  expect(await cache.current(before.path)).toMatchObject({ sizeBytes: 200, modifiedMs: 1_700_000_000_000 });
  release();
});

test("a file that is not what the metadata says is refused, and asked for again later", async () => {
  const wrong = { ...(await file("a.parquet", randomBytes(100))), sizeBytes: 101 };
  const hold = (): Promise<unknown> => cache.hold({ immutable: [wrong], changeable: [] });
  await expect(hold()).rejects.toMatchObject({
    message: expect.stringContaining("expected 101 bytes, found 100"),
  });
  await file("a.parquet", randomBytes(101));
  await hold();
});

test("what was written is read again without asking the store, and gone when the write fails", async () => {
  const target = cache.target(join(folder, "table/data"), "w1");
  await mkdir(join(target.directory, "p=1"), { recursive: true });
  await writeFile(join(target.directory, "p=1/a.parquet"), "rows");
  const path = join(folder, "table/data/p=1/a.parquet");
  const written = { path, sizeBytes: 4n } as Parameters<typeof target.publish>[0][number];
  await target.publish([written]);
  expect(readFileSync(path, "utf8")).toBe("rows");
  expect(existsSync(target.directory)).toBe(false);
  (await cache.hold({ immutable: [{ path, sizeBytes: 4 }], changeable: [] }))();
  expect(reads).toEqual([]);
  await target.discard();
  expect(existsSync(path)).toBe(false);
});
