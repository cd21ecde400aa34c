import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Storage } from "../../engine/storage/storage.ts";
import { describeWith } from "../services/skip.ts";
import { scratchFolder, storageAdapters, type StorageAdapter } from "./adapters.ts";
import { race } from "./processes.ts";

for (const adapter of storageAdapters) {
  describeWith(adapter.unavailable(), `the storage ${adapter.name}`, () => suite(adapter));
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const oddNames = ["a b", "100%25", "50%", "ü日本", "c#d", "e?f=g", "h=2024-01-01", "i+j&k", "l'm\"n"];

function suite(adapter: StorageAdapter): void {
  let service: Awaited<ReturnType<StorageAdapter["start"]>>;
  let storage: Storage;
  let prefix: string;

  beforeAll(async () => {
    service = await adapter.start();
    storage = await adapter.open(service.options);
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    prefix = await service.fresh();
  });

  const textOf = async (path: string): Promise<string> => new TextDecoder().decode(await storage.read(path));
  async function streamed(path: string): Promise<Uint8Array[]> {
    const pieces: Uint8Array[] = [];
    for await (const piece of storage.readStream(path)) pieces.push(piece);
    return pieces;
  }
  async function listed(at: string): Promise<string[]> {
    const paths: string[] = [];
    for await (const file of storage.list(at)) paths.push(file.path);
    return paths.sort();
  }

  test("what was written is read back, whole and in parts, and replaced as a whole", async () => {
    const path = `${prefix}/folder/file`;
    await storage.write(path, bytes("0123456789"));
    expect(await textOf(path)).toBe("0123456789");
    expect(new TextDecoder().decode(await storage.readRange(path, 3, 4))).toBe("3456");
    expect(new TextDecoder().decode(await storage.readRange(path, 8, 100))).toBe("89");
    await storage.write(path, bytes("new"));
    expect(await textOf(path)).toBe("new");
    await storage.write(path, new Uint8Array());
    expect((await storage.read(path)).length).toBe(0);
  });

  test("names with blanks, %, #, ?, unicode and quotes mean themselves and come back as spelled", async () => {
    for (const name of oddNames) await storage.write(`${prefix}/${name}/x ${name}`, bytes(name));
    for (const name of oddNames) {
      const path = `${prefix}/${name}/x ${name}`;
      expect(await textOf(path)).toBe(name);
      expect(await storage.stat(path)).toMatchObject({ path, sizeBytes: bytes(name).length });
      expect(await listed(`${prefix}/${name}`)).toEqual([path]);
    }
    expect((await listed(prefix)).length).toBe(oddNames.length);
  });

  test("a missing file is not found by read, range and stream, and null to stat", async () => {
    const path = `${prefix}/missing`;
    const missing = { code: "storage/not-found", message: expect.stringContaining(path) };
    await expect(storage.read(path)).rejects.toMatchObject(missing);
    await expect(storage.readRange(path, 0, 1)).rejects.toMatchObject(missing);
    await expect(streamed(path)).rejects.toMatchObject(missing);
    expect(await storage.stat(path)).toBeNull();
    expect(await storage.stat(prefix)).toBeNull();
    expect(await listed(prefix)).toEqual([]);
  });

  test("a stream gives a large file's bytes in order, in more than one piece", async () => {
    const content = randomBytes(5_000_000);
    await storage.write(`${prefix}/large`, content);
    const pieces = await streamed(`${prefix}/large`);
    expect(pieces.length).toBeGreaterThan(1);
    expect(Buffer.concat(pieces).equals(content)).toBe(true);
  });

  test("write-if-absent refuses a taken path and leaves it alone", async () => {
    const path = `${prefix}/new/once`;
    await storage.writeIfAbsent(path, bytes("first"));
    await expect(storage.writeIfAbsent(path, bytes("second"))).rejects.toMatchObject({
      code: "storage/exists",
    });
    expect(await textOf(path)).toBe("first");
    expect(await listed(prefix)).toEqual([path]);
  });

  test("of six processes that create a hundred files each file has exactly one winner", async () => {
    const own = [adapter.name, JSON.stringify(service.options), prefix, "100"];
    const won = (await race(
      "./racing-creator.ts",
      Array.from({ length: 6 }, (_, me) => [...own, String(me)]),
    )) as number[][];
    expect(won.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, number) => number));
    for (const [me, numbers] of won.entries()) {
      for (const number of numbers) expect(await textOf(`${prefix}/${number}`)).toBe(String(me));
    }
    expect((await listed(prefix)).length).toBe(100);
  });

  test("finished local files are moved to their paths", async () => {
    const folder = await scratchFolder();
    const files = await Promise.all(
      Array.from({ length: 40 }, async (_, number) => {
        const localPath = join(folder, `finished ${number}`);
        await writeFile(localPath, `content ${number}`);
        return { localPath, path: `${prefix}/data/p=${number % 3}/${number}.parquet` };
      }),
    );
    await storage.putFiles(files);
    for (const [number, { path }] of files.entries()) expect(await textOf(path)).toBe(`content ${number}`);
    await expect(
      storage.putFiles([{ localPath: join(folder, "none"), path: `${prefix}/none` }]),
    ).rejects.toMatchObject({ code: "storage/not-found", message: expect.stringContaining(folder) });
    await rm(folder, { recursive: true });
  });

  test("delete removes what is there and does not mind what is not", async () => {
    await storage.write(`${prefix}/a`, bytes("a"));
    await storage.write(`${prefix}/b`, bytes("b"));
    await storage.delete([`${prefix}/a`, `${prefix}/never`, `${prefix}/b/under-a-file`]);
    expect(await listed(prefix)).toEqual([`${prefix}/b`]);
  });

  test("list goes through all folders, with or without a slash, and takes no neighbour with a longer name", async () => {
    const paths = ["one", "x/two", "x/y/three", "x/y/z/four"].map((name) => `${prefix}/table/${name}`);
    for (const path of paths) await storage.write(path, bytes(path));
    await storage.write(`${prefix}/table2/other`, bytes("other"));
    expect(await listed(`${prefix}/table`)).toEqual([...paths].sort());
    expect(await listed(`${prefix}/table/`)).toEqual([...paths].sort());
    for await (const file of storage.list(`${prefix}/table`)) {
      const stat = await storage.stat(file.path);
      expect(file).toEqual(stat);
      expect(Math.abs(Date.now() - file.modifiedMs)).toBeLessThan(120_000);
    }
  });

  test("a list of three thousand files is complete", async () => {
    const folder = await scratchFolder();
    await mkdir(join(folder, "many"));
    const names = Array.from({ length: 3000 }, (_, number) => `${number}`);
    await Promise.all(names.map((name) => writeFile(join(folder, "many", name), name)));
    await storage.putFiles(
      names.map((name) => ({ localPath: join(folder, "many", name), path: `${prefix}/${name}` })),
    );
    expect(new Set(await listed(prefix))).toEqual(new Set(names.map((name) => `${prefix}/${name}`)));
    expect(await readdir(folder)).toEqual(["many"]);
    await rm(folder, { recursive: true });
  });
}
