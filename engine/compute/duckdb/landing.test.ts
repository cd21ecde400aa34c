import { mkdtemp, rm, utimes, writeFile, appendFile, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LakeError } from "../../common/errors.ts";
import type { Compute, LandingColumn, LandingRelation, WriteRequest, WriteResult } from "../compute.ts";
import { openDuckDb } from "./duckdb-compute.ts";

let folder: string;
let compute: Compute;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lake-landing-"));
  compute = await openDuckDb({
    timezone: "Asia/Seoul",
    threads: 2,
    memoryLimitBytes: 500e6,
    tempDirectory: join(folder, "temp"),
    allowedDirectories: [folder],
  });
});
afterAll(async () => {
  await compute.close();
  await rm(folder, { recursive: true, force: true });
});

const columns: LandingColumn[] = [
  { name: "id", type: "bigint", required: true },
  { name: "note", type: "varchar" },
  { name: "amount", type: "double" },
  { name: "at", type: "timestamptz" },
  { name: "properties.recipe_id", type: "bigint" },
];

async function land(name: string, bytes: string | Uint8Array): Promise<string> {
  const path = join(folder, `${(count += 1)}-${name}`);
  await writeFile(path, bytes);
  return path;
}

async function relationOf(
  paths: readonly string[],
  onBadRecord: LandingRelation["onBadRecord"],
): Promise<LandingRelation> {
  const files = await Promise.all(paths.map(async (path) => ({ path, sizeBytes: (await stat(path)).size })));
  return {
    kind: "landing",
    name: "landing.events",
    format: "jsonl",
    files,
    columns,
    onBadRecord,
    declaredAt: { file: "models/sources.yml", line: 7 },
  };
}

function requestOf(
  relation: LandingRelation,
  sql = `select id, note, _file from "landing.events"`,
): WriteRequest {
  const types = ["long", "string", "string"] as const;
  const fields = ["id", "note", "_file"].map((name, index) => ({
    id: index + 1,
    name,
    required: false,
    type: types[index]!,
  }));
  return {
    id: "model.test.m",
    sql,
    relations: [relation],
    schema: { type: "struct", "schema-id": 0, fields },
    spec: { "spec-id": 0, fields: [] },
    dataLocation: join(folder, "warehouse", "data"),
    properties: {},
    writeId: `write-${(count += 1)}`,
  };
}

async function write(
  paths: readonly string[],
  onBadRecord: LandingRelation["onBadRecord"] = "fail",
): Promise<WriteResult> {
  return compute.write(requestOf(await relationOf(paths, onBadRecord)));
}

async function failure(work: Promise<unknown>): Promise<LakeError> {
  const error: unknown = await work.then(
    () => "it succeeded",
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LakeError);
  return error as LakeError;
}

const good = `{"id":1,"note":"a"}\n{"id":2,"properties":{"recipe_id":"7"}}\n`;

describe("lines that are fine", () => {
  const cases: [string, string | Buffer, number][] = [
    ["plain", good, 2],
    ["blank lines", `\n${good}\n  \n`, 2],
    ["CRLF", good.replaceAll("\n", "\r\n"), 2],
    ["missing last newline", good.trimEnd(), 2],
    ["empty file", "", 0],
    ["byte order mark", Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(good)]), 2],
    ["a number where text is declared", `{"id":1,"note":5}\n`, 1],
    ["an object where text is declared", `{"id":1,"note":{"a":1}}\n`, 1],
    ["an escaped NUL", `{"id":1,"note":"a\\u0000b"}\n`, 1],
    ["a key twice", `{"id":1,"id":2}\n`, 1],
    ["NaN for a double", `{"id":1,"amount":NaN}\n`, 1],
    ["undeclared columns", `{"id":1,"other":[1,2]}\n`, 1],
    ["nested JSON as text", `{"id":1,"properties":"{\\"recipe_id\\":\\"7\\"}"}\n`, 1],
    ["a line of 17 MB", `{"id":1,"note":"${"x".repeat(17 << 20)}"}\n{"id":2}\n`, 2],
  ];
  test.each(cases)("%s", async (_name, text, rows) => {
    const result = await write([await land("fine.jsonl", text)]);
    expect(result.rows).toBe(BigInt(rows));
    expect(result.landing).toMatchObject([{ validRows: rows, rejectedRows: 0 }]);
  });
});

describe("lines that are bad, by default and under quarantine", () => {
  const cases: [string, string | Buffer, string][] = [
    ["not JSON", `{bad`, 'malformed JSON at column 2: expected a key, found "bad", in {bad'],
    [
      "cut JSON",
      `{"id":1,"note":"a`,
      'malformed JSON at column 18: the text ends inside a string, in {"id":1,"note":"a',
    ],
    [
      "invalid UTF-8",
      Buffer.from([...Buffer.from(`{"id":1,"note":"`), 0xff, 0xfe, ...Buffer.from(`"}`)]),
      `invalid UTF-8 at byte 17, in {"id":1,"note":"\ufffd\ufffd"}`,
    ],
    ["raw NUL", `{"id":1,"note":"a\0b"}`, "malformed JSON at column 18"],
    ["an array", `[1,2]`, "expected a JSON object, found [1,2]"],
    ["a number", `5`, "expected a JSON object, found 5"],
    ["null", `null`, "expected a JSON object, found null"],
    ["text", `"abc"`, `expected a JSON object, found "abc"`],
    ["two objects", `{"id":1}{"id":2}`, `malformed JSON at column 9: found "{\\"id\\":2}" after the end`],
    ["no declared column", `{}`, "id is missing, in {}"],
    ["a wrong type", `{"id":"abc"}`, "id: expected bigint, found abc"],
    ["a wrong time", `{"id":1,"at":"yesterday"}`, "at: expected timestamptz, found yesterday"],
    ["NaN for a bigint", `{"id":NaN}`, "id: expected bigint, found NaN"],
    ["a missing required column", `{"note":"a"}`, "id is missing"],
    [
      "a wrong nested type",
      `{"id":1,"properties":{"recipe_id":"x7"}}`,
      "properties.recipe_id: expected bigint, found x7",
    ],
    [
      "malformed nested text",
      `{"id":1,"properties":"{bad"}`,
      "properties: expected a JSON object, found {bad",
    ],
    [
      "nested text that is no object",
      `{"id":1,"properties":"[1]"}`,
      "properties: expected a JSON object, found [1]",
    ],
  ];
  test.each(cases)("%s", async (_name, line, reason) => {
    const raw = Buffer.from(line);
    const path = await land(
      "bad.jsonl",
      Buffer.concat([Buffer.from(`{"id":1}\r\n\n`), raw, Buffer.from(`\n{"id":3}`)]),
    );
    const error = await failure(write([path]));
    expect(error).toMatchObject({ code: "compute/bad-record", at: { file: path, line: 3 } });
    expect(error.message).toContain(`${path}:3: ${reason}`);
    expect(error.hint).toContain("models/sources.yml:7");
    const result = await write([path], "quarantine");
    expect(result.rows).toBe(2n);
    expect(result.landing).toMatchObject([{ validRows: 2, rejectedRows: 1 }]);
    expect(result.rejected).toMatchObject([{ path, line: 3, reason: expect.stringContaining(reason) }]);
    expect(Buffer.from(result.rejected[0]!.raw)).toEqual(raw);
  });
});

describe("an object over several lines, which the engine alone would fail at", () => {
  const pretty = `{\n  "id": 2,\n  "note": "b"\n}`;

  test("is one bad line after the other, and hides no good one", async () => {
    const text = `{"id":1}\n\n${pretty}\n[\n{"id":3}\n]\n{"id":4,"note":"a\n{"id":5}`;
    const bad = [3, 4, 5, 6, 7, 9, 10];
    for (const [name, bytes] of [
      ["split.jsonl", Buffer.from(text)],
      ["split-mark.jsonl", Buffer.from(`\ufeff${text}`)],
      ["split.jsonl.gz", gzipSync(text)],
    ] as const) {
      const paths = [await land(name, bytes), await land("fine.jsonl", good)];
      const error = await failure(write(paths));
      expect(error.code).toBe("compute/bad-records");
      expect(error.errors.map(({ at }) => at?.line)).toEqual(bad);
      const result = await write(paths, "quarantine");
      expect(result.rejected.map(({ line }) => line)).toEqual(bad);
      expect(result.rejected.map(({ raw }) => Buffer.from(raw).toString())).toContain(`  "id": 2,`);
      expect([result.rows, result.landing[0]]).toMatchObject([5n, { validRows: 3, rejectedRows: 7 }]);
    }
  });
});

test("bad lines are found where they are in a large file among several, ten of them shown", async () => {
  const lines = Array.from({ length: 9000 }, (_, index) =>
    index % 500 === 499 ? "{oops" : `{"id":${index}}`,
  );
  const path = await land("large.jsonl", lines.join("\n"));
  const fine = await land("fine.jsonl", good);
  const error = await failure(write([fine, path]));
  expect(error.at).toEqual({ file: path, line: 500 });
  expect(error.errors.map(({ at }) => at?.line)).toEqual(
    Array.from({ length: 10 }, (_, index) => (index + 1) * 500),
  );
  const result = await write([fine, path], "quarantine");
  expect(result.rejected.map(({ line }) => line)).toEqual(
    Array.from({ length: 18 }, (_, index) => (index + 1) * 500),
  );
  expect(result.landing.map(({ validRows, rejectedRows }) => [validRows, rejectedRows])).toEqual([
    [2, 0],
    [8982, 18],
  ]);
});

test("a filter of the model does not hide bad lines, and a model that reads no column does not, either", async () => {
  const path = await land("hidden.jsonl", `{"id":1}\n{bad\n{"id":2,"at":"never"}\n`);
  const relation = await relationOf([path], "quarantine");
  const filtered = await compute.write(
    requestOf(relation, `select id from "landing.events" where id = 2 and note = 'x'`),
  );
  expect(filtered.rejected.map(({ line }) => line)).toEqual([2, 3]);
  const counted = await compute.write(requestOf(relation, `select count(*) as id from "landing.events"`));
  expect(counted.rejected.map(({ line }) => line)).toEqual([2, 3]);
  const failing = await relationOf([path], "fail");
  expect(
    (await failure(compute.write(requestOf(failing, `select id from "landing.events" where id = 1`)))).at
      ?.line,
  ).toBe(2);
});

describe("archives", () => {
  const text = Array.from(
    { length: 30_000 },
    (_, index) => `{"id":${index},"note":"n${(index * 7919) % 10_007}"}\n`,
  ).join("");
  /** An archive that ends after a flushed line: the engine reads it without a word. */
  const cutAtLine = flushedGzip(text.slice(0, text.indexOf("\n", text.length / 3) + 1));

  test.each([
    ["gz", gzipSync(text)],
    ["zst", zstdCompressSync(text)],
  ])("whole .%s files are read and counted", async (ending, bytes) => {
    const result = await write([await land(`whole.jsonl.${ending}`, bytes)]);
    expect(result.landing).toMatchObject([{ validRows: 30_000, sizeBytes: bytes.length }]);
    expect(result.rows).toBe(30_000n);
  });

  const wrongGzip = Buffer.from(gzipSync(text));
  wrongGzip[wrongGzip.length - 8]! ^= 0xff;
  const whole = zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  const wrongZstd = Buffer.from(whole);
  wrongZstd[wrongZstd.length - 1]! ^= 0xff;
  test.each([
    ["gz cut at a line end", "gz", cutAtLine],
    ["gz with a wrong CRC", "gz", wrongGzip],
    ["zst that is cut", "zst", whole.subarray(0, whole.length >> 1)],
    ["zst with a wrong checksum", "zst", wrongZstd],
  ])("%s fails whole, also under quarantine", async (_name, ending, bytes) => {
    const path = await land(`damaged.jsonl.${ending}`, bytes);
    const fine = await land("fine.jsonl", good);
    for (const mode of ["fail", "quarantine"] as const) {
      expect(await failure(write([fine, path], mode))).toMatchObject({
        code: "compute/damaged-archive",
        at: { file: path },
      });
    }
  });
});

/** Compressed up to a flush point, without the stream's end and its CRC. */
function flushedGzip(text: string): Buffer {
  return gzipSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
}

test("a file that is not what the plan saw is refused", async () => {
  const path = await land("changed.jsonl", good);
  const relation = await relationOf([path], "fail");
  await appendFile(path, `{"id":3}\n`);
  expect((await failure(compute.write(requestOf(relation)))).code).toBe("compute/landing-changed");
});

test("the content hash is of the stored bytes and does not depend on the file's time", async () => {
  const path = await land("hash.jsonl", good);
  const first = await write([path]);
  await utimes(path, 1, 1);
  const second = await write([path]);
  expect(second.landing[0]!.contentHash).toBe(first.landing[0]!.contentHash);
  expect(first.landing[0]!.contentHash).toMatch(/^[0-9a-f]{64}$/);
});
