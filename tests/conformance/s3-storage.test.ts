// What only an object store can do wrong: each fault with its outcome looked up on the server itself.
import { randomBytes, randomUUID } from "node:crypto";
import { readdir, rm, writeFile } from "node:fs/promises";
import { inspect } from "node:util";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { S3Request } from "../../engine/storage/s3/s3-client.ts";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { startHttpFaultProxy, type HttpFaultProxy } from "../services/http-fault-proxy.ts";
import { describeWith } from "../services/skip.ts";
import { startVersitygw, versitygwUnavailable, type RunningS3 } from "../services/versitygw.ts";
import { scratchFolder } from "./adapters.ts";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describeWith(versitygwUnavailable(), "S3 under faults", () => {
  let server: RunningS3;
  let proxy: HttpFaultProxy;
  let bucket: string;
  /** Past the proxy: what is really there. */
  let direct: Storage;
  let storage: Storage;
  let prefix: string;
  const requests: S3Request[] = [];
  const counted = (operation: string): number =>
    requests.filter((request) => request.operation === operation).length;

  beforeAll(async () => {
    server = await startVersitygw();
    proxy = await startHttpFaultProxy(server.endpoint);
    bucket = await server.createBucket();
    direct = openS3Storage({ storage: server.storage });
    storage = openS3Storage({
      storage: { ...server.storage, endpoint: proxy.endpoint, retries: 3, request_timeout: "500ms" },
      onRequest: (request) => requests.push(request),
    });
  });
  afterAll(async () => {
    await proxy.close();
    await server.stop();
  });
  beforeEach(() => {
    prefix = `s3://${bucket}/${randomUUID()}`;
    proxy.fail();
    requests.length = 0;
  });

  const textOf = async (path: string): Promise<string> => new TextDecoder().decode(await direct.read(path));
  const listed = async (at: string): Promise<string[]> =>
    (await all(direct.list(at))).map(({ path }) => path).sort();
  async function streamed(path: string): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const piece of storage.readStream(path)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  describe("an answer that passes by itself", () => {
    test.each([
      ["PUT", 500, "InternalError"],
      ["PUT", 503, "SlowDown"],
      ["PUT", 503, "ServiceUnavailable"],
    ])("%s answered by %i %s is sent again", async (method, answer, code) => {
      proxy.fail({ method, times: 2, what: { answer, code } });
      await storage.write(`${prefix}/a`, bytes("content"));
      expect(await textOf(`${prefix}/a`)).toBe("content");
      expect(counted("PutObject")).toBe(3);
    });

    test("without an end it is a failure that may be tried again, and nothing is written", async () => {
      proxy.fail({ method: "PUT", times: 100, what: { answer: 503, code: "SlowDown" } });
      await expect(storage.write(`${prefix}/a`, bytes("content"))).rejects.toMatchObject({
        code: "storage/failed",
        retryable: true,
        message: expect.stringContaining("slow down (503 SlowDown)"),
      });
      expect(counted("PutObject")).toBe(4);
      expect(await listed(prefix)).toEqual([]);
    });

    test("reads, lists, looks and deletes go through it", async () => {
      const path = `${prefix}/a`;
      await direct.write(path, bytes("content"));
      const failTwice = (method: string): void =>
        proxy.fail({ method, times: 2, what: { answer: 500, code: "InternalError" } });
      failTwice("GET");
      expect(await streamed(path)).toEqual(Buffer.from("content"));
      failTwice("GET");
      expect(await all(storage.list(prefix))).toMatchObject([{ path, sizeBytes: 7 }]);
      failTwice("HEAD");
      expect(await storage.stat(path)).toMatchObject({ sizeBytes: 7 });
      failTwice("POST");
      await storage.delete([path]);
      expect(await listed(prefix)).toEqual([]);
    });
  });

  test("a list asks for a page when it is needed, one ahead", async () => {
    const folder = await scratchFolder();
    const files = Array.from({ length: 3500 }, (_, number) => ({
      localPath: join(folder, String(number)),
      path: `${prefix}/${number}`,
    }));
    await Promise.all(files.map(({ localPath }) => writeFile(localPath, "")));
    await direct.putFiles(files);
    let seen = 0;
    for await (const file of storage.list(prefix)) {
      seen += 1;
      expect(file.sizeBytes).toBe(0);
      if (seen === 10) break;
    }
    expect(counted("ListObjectsV2")).toBeLessThanOrEqual(2);
    let pages = 0;
    const other = openS3Storage({ storage: server.storage, onRequest: () => (pages += 1) });
    expect((await all(other.list(prefix))).length).toBe(3500);
    expect(pages).toBe(4);
    await rm(folder, { recursive: true });
  });

  test("a server that stays silent is left after the timeout, and asked again", async () => {
    await direct.write(`${prefix}/a`, bytes("content"));
    proxy.fail({ method: "GET", times: 1, what: { silent: true } });
    const begun = performance.now();
    expect(await streamed(`${prefix}/a`)).toEqual(Buffer.from("content"));
    expect(performance.now() - begun).toBeGreaterThan(400);
  });

  test("silence without an end is a failure in bounded time", async () => {
    proxy.fail({ method: "GET", times: 100, what: { silent: true } });
    const begun = performance.now();
    await expect(storage.read(`${prefix}/a`)).rejects.toMatchObject({
      code: "storage/failed",
      retryable: true,
    });
    expect(performance.now() - begun).toBeLessThan(20_000);
  });

  test("a refusal in the middle of many writes is final, names its path, and is not retried", async () => {
    proxy.fail({ method: "PUT", after: 2, times: 1, what: { answer: 403, code: "AccessDenied" } });
    const paths = Array.from({ length: 4 }, (_, number) => `${prefix}/${number}`);
    for (const path of paths.slice(0, 2)) await storage.write(path, bytes(path));
    await expect(storage.write(paths[2] ?? "", bytes("x"))).rejects.toMatchObject({
      code: "storage/failed",
      retryable: false,
      message: expect.stringMatching(/cannot write s3:.*\/2: access denied \(403 AccessDenied\)/),
      hint: expect.stringContaining("s3:PutObject"),
    });
    await storage.write(paths[3] ?? "", bytes("x"));
    expect(await listed(prefix)).toEqual([paths[0], paths[1], paths[3]]);
  });

  describe("a body", () => {
    const content = randomBytes(3_000_000);

    test.each([
      ["cut after 1,000 bytes", { cutReplyAfter: 1000 }],
      ["cut after 2,000,000 bytes", { cutReplyAfter: 2_000_000 }],
      ["cut, with headers that agree with the cut", { cutReplyAfter: 1000, honestLength: true }],
      ["with another byte in it", { spoilReply: true }],
    ] as const)("%s is never taken for the object", async (_, what) => {
      await direct.write(`${prefix}/a`, content);
      proxy.fail({ method: "GET", times: 2, what });
      expect(Buffer.from(await storage.read(`${prefix}/a`)).equals(content)).toBe(true);
      expect(counted("GetObject")).toBeGreaterThan(1);
    });

    test("of a stream is asked for from where it was cut", async () => {
      await direct.write(`${prefix}/a`, content);
      proxy.fail({ method: "GET", times: 3, what: { cutReplyAfter: 900_000 } });
      expect((await streamed(`${prefix}/a`)).equals(content)).toBe(true);
      expect(counted("GetObject")).toBe(4);
    });

    test("of a stream whose last bytes are wrong fails instead of ending", async () => {
      await direct.write(`${prefix}/a`, content);
      proxy.fail({ method: "GET", times: 1, what: { spoilReply: true } });
      await expect(streamed(`${prefix}/a`)).rejects.toMatchObject({
        code: "storage/failed",
        retryable: true,
      });
    });

    test("of a range is the range, or is asked for again", async () => {
      await direct.write(`${prefix}/a`, content);
      proxy.fail({ method: "GET", times: 2, what: { cutReplyAfter: 10 } });
      const part = await storage.readRange(`${prefix}/a`, 5000, 100);
      expect(Buffer.from(part).equals(content.subarray(5000, 5100))).toBe(true);
    });

    test("of an object that is replaced while it is read is not mixed", async () => {
      await direct.write(`${prefix}/a`, content);
      const stream = storage.readStream(`${prefix}/a`)[Symbol.asyncIterator]();
      proxy.fail({ method: "GET", times: 1, what: { cutReplyAfter: 100_000 } });
      await stream.next();
      await direct.write(`${prefix}/a`, randomBytes(3_000_000));
      const rest = async (): Promise<void> => {
        while ((await stream.next()).done !== true);
      };
      await expect(rest()).rejects.toMatchObject({ code: "storage/changed" });
    });
  });

  describe("a reply that is lost", () => {
    test("after write-if-absent: the object is looked at, and it is ours", async () => {
      proxy.fail({ method: "PUT", times: 1, what: { loseReply: true } });
      await storage.writeIfAbsent(`${prefix}/once`, bytes("mine"));
      expect(await textOf(`${prefix}/once`)).toBe("mine");
    });

    test("after write-if-absent on a taken path: it is another's, even with the same content", async () => {
      await direct.writeIfAbsent(`${prefix}/once`, bytes("same"));
      proxy.fail({ method: "PUT", times: 1, what: { loseReply: true } });
      await expect(storage.writeIfAbsent(`${prefix}/once`, bytes("same"))).rejects.toMatchObject({
        code: "storage/exists",
      });
    });

    test("every time: what stands is found, although no write was ever confirmed", async () => {
      proxy.fail({ method: "PUT", times: 100, what: { loseReply: true } });
      await storage.writeIfAbsent(`${prefix}/once`, bytes("mine"));
      expect(await textOf(`${prefix}/once`)).toBe("mine");
    });

    test("after the last step of an upload in parts: the object is ours", async () => {
      proxy.fail({ method: "POST", url: "uploadId=", times: 1, what: { loseReply: true } });
      const content = randomBytes(20_000_000);
      await storage.write(`${prefix}/large`, content);
      expect(Buffer.from(await direct.read(`${prefix}/large`)).equals(content)).toBe(true);
      expect(counted("CreateMultipartUpload")).toBe(1);
    });
  });

  describe("a large file", () => {
    test("goes in parts, and its parts are aborted when one cannot be sent", async () => {
      const folder = await scratchFolder();
      const localPath = join(folder, "large");
      await writeFile(localPath, randomBytes(40_000_000));
      proxy.fail({
        method: "PUT",
        url: "partNumber=3",
        times: 100,
        what: { answer: 403, code: "AccessDenied" },
      });
      await expect(storage.putFiles([{ localPath, path: `${prefix}/large` }])).rejects.toMatchObject({
        code: "storage/failed",
      });
      expect(counted("AbortMultipartUpload")).toBe(1);
      expect(await listed(prefix)).toEqual([]);
      expect(await readdir(folder)).toEqual(["large"]);
      proxy.fail({
        method: "PUT",
        url: "partNumber=3",
        times: 2,
        what: { answer: 500, code: "InternalError" },
      });
      await storage.putFiles([{ localPath, path: `${prefix}/large` }]);
      expect(await direct.stat(`${prefix}/large`)).toMatchObject({ sizeBytes: 40_000_000 });
      expect(await readdir(folder)).toEqual([]);
      await rm(folder, { recursive: true });
    });

    test("of two writers that create it in parts one wins", async () => {
      const contents = [randomBytes(20_000_000), randomBytes(20_000_000)];
      const outcomes = await Promise.allSettled(
        contents.map((content) => storage.writeIfAbsent(`${prefix}/large`, content)),
      );
      const won = outcomes.flatMap(({ status }, index) => (status === "fulfilled" ? [index] : []));
      expect(won.length).toBe(1);
      expect(
        Buffer.from(await direct.read(`${prefix}/large`)).equals(contents[won[0] ?? 0] ?? Buffer.of()),
      ).toBe(true);
    });
  });

  test("no error, log or inspection shows a key", async () => {
    const secrets = [server.accessKeyId, server.secretAccessKey];
    const shown: string[] = [inspect(storage, { depth: 10, showHidden: true }), JSON.stringify(storage)];
    const note = async (act: Promise<unknown>): Promise<void> => {
      const error: unknown = await act.catch((caught: unknown) => caught);
      shown.push(inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error));
    };
    for (const [answer, code] of [
      [403, "SignatureDoesNotMatch"],
      [403, "InvalidAccessKeyId"],
      [403, "AccessDenied"],
      [400, "SomethingElse"],
    ] as const) {
      proxy.fail({ method: "PUT", times: 100, what: { answer, code } });
      await note(storage.write(`${prefix}/a`, bytes("x")));
    }
    const wrong = openS3Storage({ storage: { ...server.storage, secret_access_key: "hunter2hunter2" } });
    await note(wrong.read(`${prefix}/a`));
    await note(
      Promise.resolve().then(() =>
        openS3Storage({ storage: { ...server.storage, secret_acces_key: "hunter2" } }),
      ),
    );
    await note(
      Promise.resolve().then(() => openS3Storage({ storage: { ...server.storage, sse: "hunter2" } })),
    );
    for (const text of shown) {
      for (const secret of [...secrets, "hunter2"]) expect(text).not.toContain(secret);
      expect(text).not.toMatch(/Signature=[0-9a-f]/);
    }
  });

  test("a missing bucket and a wrong secret say what to do", async () => {
    await expect(direct.read("s3://no-such-bucket-here/a")).rejects.toMatchObject({
      code: "storage/failed",
      message: expect.stringContaining("the bucket does not exist"),
      hint: expect.stringContaining("warehouse"),
    });
    const wrong = openS3Storage({ storage: { ...server.storage, secret_access_key: "wrong" } });
    await expect(wrong.write(`${prefix}/a`, bytes("x"))).rejects.toMatchObject({
      code: "storage/failed",
      retryable: false,
      message: expect.stringContaining("secret key does not fit"),
    });
  });
});
