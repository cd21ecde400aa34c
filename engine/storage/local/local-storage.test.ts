import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { storageError } from "./local-errors.ts";
import { localPathOf } from "./local-path.ts";
import { openLocalStorage } from "./local-storage.ts";
import { copyAcross } from "./write-file.ts";

const storage = openLocalStorage();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lake-local-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function listed(prefix: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of storage.list(prefix)) paths.push(path);
  return paths.sort();
}

describe("a location", () => {
  test.each([
    ["file:///a/b c", "/a/b c"],
    ["file:/a/b", "/a/b"],
    ["/a/b", "/a/b"],
    ["file:///a/%20", "/a/%20"],
    ["file:///a?b#c", "/a?b#c"],
    ["/a/ü", "/a/ü"],
  ])("%s is the file %s, literally", (location, path) => {
    expect(localPathOf(location)).toBe(path);
    expect(storage.localPath(location)).toBe(path);
  });

  test.each(["a/b", "", "s3://bucket/a", "file://host/a", "file:a", "/a\0b"])(
    "%j is refused",
    async (location) => {
      expect(() => localPathOf(location)).toThrow(expect.objectContaining({ code: "storage/failed" }));
      await expect(storage.read(location)).rejects.toMatchObject({
        code: "storage/failed",
        retryable: false,
      });
    },
  );

  test("comes back from list as it was spelled, file: or plain", async () => {
    await storage.write(`${folder}/spelled/x y`, bytes("1"));
    expect(await listed(`file:${folder}/spelled`)).toEqual([`file:${folder}/spelled/x y`]);
    expect(await listed(`${folder}/spelled/`)).toEqual([`${folder}/spelled/x y`]);
  });
});

describe("a failure of the file system", () => {
  test("a file where a folder was expected is named, not retried", async () => {
    await storage.write(`${folder}/plain`, bytes("1"));
    await expect(storage.write(`${folder}/plain/below`, bytes("2"))).rejects.toMatchObject({
      code: "storage/failed",
      retryable: false,
      message: expect.stringContaining("a file where a folder was expected (ENOTDIR)"),
    });
    expect(await storage.stat(`${folder}/plain/below`)).toBeNull();
    await expect(listed(`${folder}/plain`)).rejects.toMatchObject({ code: "storage/failed" });
    await expect(storage.read(folder)).rejects.toMatchObject({ message: expect.stringContaining("EISDIR") });
  });

  test("a failed write leaves no unfinished file behind", async () => {
    await mkdir(`${folder}/taken/target`, { recursive: true });
    await expect(storage.write(`${folder}/taken/target`, bytes("1"))).rejects.toMatchObject({
      code: "storage/failed",
    });
    await storage.writeIfAbsent(`${folder}/taken/once`, bytes("1"));
    await expect(storage.writeIfAbsent(`${folder}/taken/once`, bytes("2"))).rejects.toMatchObject({
      code: "storage/exists",
    });
    expect((await readdir(`${folder}/taken`)).sort()).toEqual(["once", "target"]);
  });

  test("a full disk is told as such", async () => {
    // A device of Linux on which every write fails with ENOSPC.
    const error: unknown = await writeFile("/dev/full", "x").catch((caught: unknown) => caught);
    expect(storageError("write", "/warehouse/a", error)).toMatchObject({
      message: "cannot write /warehouse/a: the disk is full (ENOSPC)",
      hint: expect.stringContaining("free space"),
      retryable: false,
    });
  });

  test.each([
    ["EROFS", false],
    ["EACCES", false],
    ["EMFILE", true],
    ["EBUSY", true],
    ["EIO", false],
  ])("%s is retryable: %s", (code, retryable) => {
    expect(storageError("write", "/a", Object.assign(new Error(code), { code }))).toMatchObject({
      code: "storage/failed",
      retryable,
    });
  });
});

describe("list", () => {
  test("follows links to files inside, neither circles nor what lies outside", async () => {
    const root = `${folder}/links`;
    await storage.write(`${folder}/outside/secret`, bytes("1"));
    await storage.write(`${root}/real/file`, bytes("2"));
    await symlink(`${root}/real/file`, `${root}/inside`);
    await symlink(`${folder}/outside/secret`, `${root}/leak`);
    await symlink(`${folder}/outside`, `${root}/leaks`);
    await symlink(root, `${root}/real/circle`);
    await symlink(`${root}/nowhere`, `${root}/dangling`);
    expect(await listed(root)).toEqual([`${root}/inside`, `${root}/real/file`]);
    await symlink(root, `${folder}/other-name`);
    expect((await listed(`${folder}/other-name`)).length).toBe(2);
  });

  test("leaves unfinished files out", async () => {
    await storage.write(`${folder}/unfinished/done`, bytes("1"));
    await writeFile(`${folder}/unfinished/.lake-0123456789abcdef.tmp`, "2");
    expect(await listed(`${folder}/unfinished`)).toEqual([`${folder}/unfinished/done`]);
  });

  test("a name that is not UTF-8 is an error, not a file that is left out", async () => {
    await mkdir(`${folder}/latin`);
    await writeFile(Buffer.concat([Buffer.from(`${folder}/latin/`), Buffer.from([0x66, 0xfc])]), "1");
    await expect(listed(`${folder}/latin`)).rejects.toMatchObject({
      code: "storage/failed",
      message: expect.stringContaining("not valid UTF-8"),
    });
  });

  test("ends early without leaving the folder open", async () => {
    for (let number = 0; number < 5; number += 1)
      await storage.write(`${folder}/early/${number}`, bytes("1"));
    for await (const file of storage.list(`${folder}/early`)) {
      expect(file.sizeBytes).toBe(1);
      break;
    }
    await rm(`${folder}/early`, { recursive: true });
  });
});

describe("finished files", () => {
  test("one that stands at its path already stays there", async () => {
    await storage.write(`${folder}/put/a.parquet`, bytes("rows"));
    await storage.putFiles([
      { localPath: `${folder}/put/a.parquet`, path: `file://${folder}/put/a.parquet` },
    ]);
    expect(await storage.stat(`${folder}/put/a.parquet`)).toMatchObject({ sizeBytes: 4 });
  });

  test("one of another file system is copied whole, then taken away", async () => {
    await writeFile(`${folder}/from-afar`, "rows");
    await copyAcross(`${folder}/from-afar`, `${folder}/new/near`);
    expect(await storage.stat(`${folder}/from-afar`)).toBeNull();
    expect(await readdir(`${folder}/new`)).toEqual(["near"]);
  });
});

test("a hundred files written at once into one new folder are all there", async () => {
  await Promise.all(
    Array.from({ length: 100 }, (_, number) => storage.write(`${folder}/at-once/${number}`, bytes("1"))),
  );
  expect((await readdir(`${folder}/at-once`)).length).toBe(100);
});
