// A landing zone of 100,000 objects: listed page by page, and never held as a whole by the storage.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import { describeWith } from "../services/skip.ts";
import { startVersitygw, versitygwUnavailable, type RunningS3 } from "../services/versitygw.ts";

const objects = 100_000;
const perPage = 1000;

describeWith(versitygwUnavailable(), "a landing zone of 100,000 objects", () => {
  let server: RunningS3;
  let bucket: string;
  beforeAll(async () => {
    server = await startVersitygw();
    bucket = await server.createBucket();
    // As files of the server's folder: a hundred thousand uploads would take minutes.
    for (let folder = 0; folder < 100; folder += 1) {
      const at = path.join(server.folder(bucket), "events", String(folder).padStart(3, "0"));
      mkdirSync(at, { recursive: true });
      for (let file = 0; file < objects / 100; file += 1) writeFileSync(path.join(at, `${file}.jsonl`), "");
    }
  });
  afterAll(() => server?.stop());

  test("takes a request for each thousand, and memory for two of them", async () => {
    let pages = 0;
    const storage = openS3Storage({ storage: server.storage, onRequest: () => (pages += 1) });
    const before = process.memoryUsage().heapUsed;
    let [seen, highest] = [0, 0];
    for await (const file of storage.list(`s3://${bucket}/events`)) {
      expect(file.path.startsWith(`s3://${bucket}/events/`)).toBe(true);
      seen += 1;
      if (seen % 10_000 !== 0) continue;
      global.gc?.();
      highest = Math.max(highest, process.memoryUsage().heapUsed - before);
    }
    expect([seen, pages]).toEqual([objects, objects / perPage]);
    // What nobody holds is not collected at once: some tens of megabytes, where all objects with their answers
    // would be hundreds.
    expect(highest).toBeLessThan(80 * 1024 * 1024);
  });
});
