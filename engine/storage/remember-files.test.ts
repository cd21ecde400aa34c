import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLocalStorage } from "./local/local-storage.ts";
import { rememberFiles } from "./remember-files.ts";
import type { Storage } from "./storage.ts";

const id = "0b0e7a52-4c2f-4ae0-9a3e-3f6f0a2a7f11";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
let folder: string;
let storage: Storage;
const textOf = async (path: string): Promise<string> => new TextDecoder().decode(await storage.read(path));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lake-remember-"));
  storage = rememberFiles(openLocalStorage(), 1000);
});
afterEach(() => rm(folder, { recursive: true }));

test("a metadata file is asked for once, whether it was written or read", async () => {
  await storage.write(`${folder}/${id}-m0.avro`, bytes("written"));
  await writeFile(`${folder}/00001-${id}.metadata.json`, "read");
  await textOf(`${folder}/00001-${id}.metadata.json`);
  await Promise.all(
    [`${id}-m0.avro`, `00001-${id}.metadata.json`].map((name) => writeFile(join(folder, name), "other")),
  );
  expect(await textOf(`${folder}/${id}-m0.avro`)).toBe("written");
  expect(await textOf(`${folder}/00001-${id}.metadata.json`)).toBe("read");
});

test("what can change is read each time", async () => {
  for (const name of ["v1.metadata.json", "tests.json", `${id}.json`, `${id}.parquet`]) {
    await storage.write(`${folder}/${name}`, bytes("1"));
    await writeFile(join(folder, name), "2");
    expect(await textOf(`${folder}/${name}`)).toBe("2");
  }
});

test("what is deleted is gone, and what a caller does to its bytes stays with the caller", async () => {
  const path = `${folder}/${id}-m0.avro`;
  const given = bytes("given");
  await storage.write(path, given);
  given.fill(0);
  (await storage.read(path)).fill(0);
  expect(await textOf(path)).toBe("given");
  await storage.delete([path]);
  await expect(storage.read(path)).rejects.toMatchObject({ code: "storage/not-found" });
});

test("the oldest give way at the bound", async () => {
  const paths = Array.from({ length: 11 }, (_, number) => `${folder}/${id}-m${number}.avro`);
  for (const path of paths) await storage.write(path, new Uint8Array(100));
  for (const path of paths) await writeFile(path, "other");
  expect(await textOf(paths[0] ?? "")).toBe("other");
  expect((await storage.read(paths[10] ?? "")).length).toBe(100);
});
