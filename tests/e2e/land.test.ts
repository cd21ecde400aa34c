// `lake land`: what lies in the landing zone afterwards, on local files and on S3.
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gunzipSync, gzipSync, zstdDecompressSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openLocalStorage } from "../../engine/storage/local/local-storage.ts";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { describeWith } from "../services/skip.ts";
import { startVersitygw, versitygwUnavailable, type RunningS3 } from "../services/versitygw.ts";
import { makeProject, type TestProject } from "./project.ts";

const sources = `sources:
  - name: landing
    tables:
      - name: events
        location: events
        columns: [{name: id, data_type: bigint}]
`;

interface Place {
  /** A folder of this machine, which the target may use. */
  readonly root: string;
  readonly profiles: string;
  /** Where the source's files come to lie. */
  readonly folder: string;
  readonly storage: Storage;
}

const local = (): Place => {
  const root = path.join(tmpdir(), `lake-land-test-${randomUUID()}`);
  return {
    root,
    profiles: `shop: {outputs: {dev: {schema: a, warehouse: ${root}/w, landing: ${root}/landing}}}`,
    folder: `${root}/landing/events`,
    storage: openLocalStorage(),
  };
};

describeWith(null, "landing files in a local folder", () => suite(() => Promise.resolve(local())));

describeWith(versitygwUnavailable(), "landing files on S3", () => {
  let server: RunningS3;
  beforeAll(async () => {
    server = await startVersitygw();
  });
  afterAll(() => server.stop());
  suite(async () => {
    const bucket = await server.createBucket();
    const root = path.join(tmpdir(), `lake-land-test-${randomUUID()}`);
    const output = {
      schema: "a",
      warehouse: root,
      landing: `s3://${bucket}/bronze`,
      storage: server.storage,
    };
    return {
      root,
      profiles: JSON.stringify({ shop: { outputs: { dev: output } } }),
      folder: `s3://${bucket}/bronze/events`,
      storage: openS3Storage({ storage: server.storage }),
    };
  });
});

function suite(open: () => Promise<Place>): void {
  let place: Place;
  let project: TestProject;
  beforeEach(async () => {
    place = await open();
    project = makeProject({ "models/sources.yml": sources, "profiles.yml": place.profiles });
    return () => {
      project[Symbol.dispose]();
      rmSync(place.root, { recursive: true, force: true });
    };
  });
  const land = (...args: string[]): ReturnType<TestProject["cli"]> => project.cli("land", ...args);
  async function landed(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for await (const { path: at } of place.storage.list(place.folder)) {
      const bytes = await place.storage.read(at);
      const text = at.endsWith(".gz")
        ? gunzipSync(bytes)
        : at.endsWith(".zst")
          ? zstdDecompressSync(bytes)
          : bytes;
      found[at.slice(place.folder.length + 1)] = Buffer.from(text).toString();
    }
    return found;
  }

  test("files are copied under their names, and a second time skipped", async () => {
    project.write({ "a.jsonl": '{"id":1}\n', "b.jsonl": '{"id":2}\n' });
    const first = await land("a.jsonl", "b.jsonl");
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining("2 files landed") });
    expect(first.stderr).toMatch(/2 of 2 {2}landed/);
    expect(await land("a.jsonl", "b.jsonl", "--source", "landing.events")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("0 files landed (0 bytes), 2 there already"),
    });
    expect(await landed()).toEqual({ "a.jsonl": '{"id":1}\n', "b.jsonl": '{"id":2}\n' });
    expect(project.read("a.jsonl")).toBe('{"id":1}\n');
  });

  test.each(["gzip", "zstd"])(
    "files are compressed with %s, and the same lines are known again",
    async (format) => {
      project.write({ "a.jsonl": '{"id":1}\n'.repeat(1000) });
      expect(await land("a.jsonl", "--compress", format)).toMatchObject({ code: 0 });
      const name = format === "gzip" ? "a.jsonl.gz" : "a.jsonl.zst";
      expect(await landed()).toEqual({ [name]: '{"id":1}\n'.repeat(1000) });
      for (const other of [[], ["--compress", "gzip"], ["--compress", "zstd"]]) {
        expect(await land("a.jsonl", ...other)).toMatchObject({
          code: 0,
          stdout: expect.stringContaining("1 there already"),
        });
      }
      expect(Object.keys(await landed())).toEqual([name]);
    },
  );

  test("a different file of the same name is refused and changes nothing", async () => {
    project.write({ "a.jsonl": '{"id":1}\n' });
    await land("a.jsonl");
    project.write({ "a.jsonl": '{"id":7}\n' });
    for (const other of [[], ["--compress", "gzip"]]) {
      const refused = await land("a.jsonl", ...other);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain(`${place.folder}/a.jsonl is there already with other content`);
      expect(refused.stderr).toContain("another name");
    }
    expect(await landed()).toEqual({ "a.jsonl": '{"id":1}\n' });
  });

  test("a file that no run would read, a folder, a missing file and a cut archive are refused", async () => {
    project.write({
      "a.csv": "1",
      "_a.jsonl": "{}",
      "cut.jsonl.gz": gzipSync("{}\n".repeat(999)).subarray(0, 30),
    });
    mkdirSync(path.join(project.root, "folder.jsonl"));
    for (const [name, reason] of [
      ["a.csv", "no file pattern of the source landing.events takes a.csv"],
      ["_a.jsonl", "no file pattern"],
      ["folder.jsonl", "it is no file"],
      ["missing.jsonl", "there is no file missing.jsonl"],
      ["cut.jsonl.gz", "unexpected end of file"],
    ] as const) {
      const refused = await land(name);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain(reason);
    }
    expect(await landed()).toEqual({});
  });

  test("of processes that land different files under one name at once exactly one wins", async () => {
    const rivals = ["1", "2", "3", "4"];
    for (const me of rivals) project.write({ [`${me}/same.jsonl`]: `{"id":${me}}\n` });
    const outcomes = await Promise.all(rivals.map((me) => land(`${me}/same.jsonl`)));
    const winners = outcomes.flatMap(({ code }, index) => (code === 0 ? [rivals[index]] : []));
    expect(winners.length).toBe(1);
    expect(await landed()).toEqual({ "same.jsonl": `{"id":${winners[0]}}\n` });
  });

  test("a file of many megabytes arrives byte for byte", async () => {
    const lines = Array.from(
      { length: 400_000 },
      (_, id) => `{"id":${id},"note":"${"x".repeat(id % 97)}"}\n`,
    ).join("");
    writeFileSync(path.join(project.root, "large.jsonl"), lines);
    expect(await land("large.jsonl")).toMatchObject({ code: 0 });
    const [[name, content] = []] = Object.entries(await landed());
    expect(name).toBe("large.jsonl");
    expect(content === readFileSync(path.join(project.root, "large.jsonl"), "utf8")).toBe(true);
    expect(readdirSync(tmpdir()).filter((entry) => /^lake-land-[0-9a-f]{8}-/.test(entry))).toEqual([]);
  });
}
