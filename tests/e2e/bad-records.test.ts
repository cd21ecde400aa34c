// Bad input in the landing zone: what is wrong is named to the line and nothing is published, or it is kept
// raw in the quarantine table; what is merely untidy is fine.
import { existsSync } from "node:fs";
import path from "node:path";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { eventsProject, goodLines, lines, quarantining } from "./events-project.ts";
import { makeProject } from "./project.ts";
import type { Files } from "./project.ts";

const batch = (name: string): string => `landing-zone/events/${name}`;

/** The run fails, and neither the catalog nor the table's folder shows anything of it. */
async function failure(files: Files, base: Files = eventsProject): Promise<string> {
  using here = makeProject({ ...base, ...files });
  const before = await here.catalog();
  const { code, stdout, stderr } = await here.cli("build");
  expect(code).toBe(1);
  expect(await here.catalog()).toEqual(before);
  expect(stdout + stderr).not.toMatch(/^\s+at .*:\d+/m);
  return stdout + stderr;
}

async function rowsOf(files: Files, base: Files = eventsProject): Promise<unknown[]> {
  using here = makeProject({ ...base, ...files });
  const result = await here.run({});
  expect(result.results.filter(({ status }) => status === "error").map(({ message }) => message)).toEqual([]);
  return (await here.query(`select id from {{ref "events"}} order by id`)).flat();
}

describe("a bad record stops the run", () => {
  test("a malformed line is named by file, line and what was found, and nothing is published", async () => {
    const text = await failure({
      [batch("a.jsonl")]: `${goodLines(2)}{"id": 3, "kind": \n${goodLines(1, 4)}`,
    });
    expect(text).toMatch(/events\/a\.jsonl:3: malformed JSON at column 19: .*, in \{"id": 3, "kind":/);
  });

  test("the line is the right one in a large file after many good ones", async () => {
    const text = await failure({
      [batch("a.jsonl")]: `${goodLines(30_000)}oops\n${goodLines(20_000, 40_000)}`,
    });
    expect(text).toMatch(/events\/a\.jsonl:30001: /);
  });

  test("a wrong type is named with column, type and value", async () => {
    const text = await failure({ [batch("a.jsonl")]: lines({ id: 1 }, { id: "twelve" }) });
    expect(text).toMatch(/a\.jsonl:2: .*\bid\b.*twelve/);
    expect(text).toMatch(/bigint/i);
  });

  test("so is one in a nested path, in an object and in JSON text", async () => {
    for (const props of [{ recipe_id: "no number" }, JSON.stringify({ recipe_id: "no number" })]) {
      const text = await failure({ [batch("a.jsonl")]: lines({ id: 1 }, { id: 2, props }) });
      expect(text).toMatch(/a\.jsonl:2: .*props\.recipe_id.*no number/);
    }
  });

  test("a required column that is absent is named", async () => {
    const text = await failure({ [batch("a.jsonl")]: `${goodLines(1)}{"kind": "view"}\n` });
    expect(text).toMatch(/a\.jsonl:2: .*\bid\b.*missing/);
  });

  test("says how to go on: correct the line, or on_bad_record", async () => {
    const text = await failure({ [batch("a.jsonl")]: "oops\n" });
    expect(text).toContain("on_bad_record: quarantine");
  });

  test("a second run after the line was corrected takes everything in once", async () => {
    using here = makeProject({ ...eventsProject, [batch("a.jsonl")]: `${goodLines(2)}oops\n` });
    const failed = await here.run({});
    expect(failed.of("events")?.status).toBe("error");
    expect(failed.of("daily")?.status).toBe("skipped");
    here.write({ [batch("a.jsonl")]: goodLines(2) });
    expect((await here.run({})).success).toBe(true);
    expect(await here.query(`select id from {{ref "events"}} order by id`)).toEqual(
      [[1n], [2n]].map(([id]) => [Number(id)]),
    );
  });
});

describe("quarantine", () => {
  const invalid = Buffer.from([0x7b, 0x22, 0x69, 0x64, 0x22, 0xff, 0xfe, 0x00, 0x7d]);

  test("keeps the line raw, byte by byte, with file, line number and reason; the summary counts it", async () => {
    const bytes = Buffer.concat([
      Buffer.from(goodLines(2)),
      invalid,
      Buffer.from(`\n{"id": "x"}\n${goodLines(1, 3)}`),
    ]);
    using here = makeProject({ ...quarantining, [batch("a.jsonl")]: bytes });
    const { code, stdout } = await here.cli("build");
    expect(stdout).toMatch(/2 .*(bad|rejected|quarantine)/i);
    expect(code).toBe(0);
    here.write({
      "models/quarantine.yml": `version: 2
sources:
  - name: lakehouse
    tables:
      - {name: events_quarantine, type: iceberg}
`,
    });
    const kept = await here.query(
      `select line, regexp_extract(data_source, '[^/]+$'), reason, hex(raw) from {{source "lakehouse" "events_quarantine"}} order by line`,
    );
    expect(kept).toEqual([
      [
        3,
        "a.jsonl",
        expect.stringContaining("invalid UTF-8 at byte 6"),
        invalid.toString("hex").toUpperCase(),
      ],
      [
        4,
        "a.jsonl",
        expect.stringMatching(/id.*x/),
        Buffer.from('{"id": "x"}').toString("hex").toUpperCase(),
      ],
    ]);
    expect(await here.query(`select id from {{ref "events"}} order by id`)).toEqual([[1], [2], [3]]);
  });

  test("a line that was put there is not put there again, and a full refresh starts the table anew", async () => {
    using here = makeProject({ ...quarantining, [batch("a.jsonl")]: `oops\n${goodLines(1)}` });
    here.write({
      "models/quarantine.yml": `version: 2
sources: [{name: lakehouse, tables: [{name: events_quarantine, type: iceberg}]}]
`,
    });
    const count = (): Promise<unknown[][]> =>
      here.query(`select count(*) from {{source "lakehouse" "events_quarantine"}}`);
    expect((await here.run({ select: ["events"] })).success).toBe(true);
    here.write({ [batch("b.jsonl")]: `${goodLines(1, 2)}oops\noops\n` });
    expect((await here.run({ select: ["events"] })).success).toBe(true);
    expect(await count()).toEqual([[3]]);
    expect((await here.run({ select: ["events"], fullRefresh: true })).success).toBe(true);
    expect(await count()).toEqual([[3]]);
  });

  test("after a full refresh without bad lines the old ones are gone", async () => {
    using here = makeProject({ ...quarantining, [batch("a.jsonl")]: `oops\n${goodLines(1)}` });
    here.write({
      "models/quarantine.yml": `version: 2
sources: [{name: lakehouse, tables: [{name: events_quarantine, type: iceberg}]}]
`,
    });
    expect((await here.run({ select: ["events"] })).success).toBe(true);
    here.write({ [batch("a.jsonl")]: goodLines(1) });
    expect((await here.run({ select: ["events"], fullRefresh: true })).success).toBe(true);
    expect(await here.query(`select count(*) from {{source "lakehouse" "events_quarantine"}}`)).toEqual([
      [0],
    ]);
  });

  test("is published with its model, not before: a failing test keeps both back", async () => {
    using here = makeProject({
      ...quarantining,
      [batch("a.jsonl")]: `oops\n${goodLines(1)}`,
      "tests/never.sql": `select * from {{ref "events"}}`,
      "lake.yml": "name: shop\nprofile: shop\ntimezone: Asia/Seoul\ntest-paths: [tests]\n",
    });
    expect((await here.run({})).published).toBe(false);
    expect(await here.catalog()).toEqual({});
  });
});

describe("archives", () => {
  const packed = (bytes: Buffer, name: string): Files => ({ [batch(name)]: bytes });
  const text = Buffer.from(goodLines(500));

  test("gz and zst are read", async () => {
    const files = {
      [batch("a.jsonl.gz")]: gzipSync(text),
      [batch("b.jsonl.zst")]: zstdCompressSync(Buffer.from(goodLines(500, 501))),
    };
    expect(await rowsOf(files)).toHaveLength(1000);
  });

  test("one cut exactly at a line end is refused whole", async () => {
    // The first part of two is flushed at a line end: what can be read looks complete.
    const first = gzipSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
    expect(await failure(packed(first, "a.jsonl.gz"))).toMatch(/a\.jsonl\.gz is damaged: .*no row of it/s);
    expect(await failure(packed(first, "a.jsonl.gz"), quarantining)).toContain("damaged");
  });

  test("one with a wrong checksum is refused whole, also under quarantine", async () => {
    const wrong = Buffer.from(gzipSync(text));
    wrong[wrong.length - 6]! ^= 0xff;
    expect(await failure(packed(wrong, "a.jsonl.gz"))).toMatch(/a\.jsonl\.gz is damaged/);
    expect(await failure(packed(wrong, "a.jsonl.gz"), quarantining)).toMatch(/a\.jsonl\.gz is damaged/);
  });

  test("a cut zst and one with a wrong checksum are refused", async () => {
    const whole = zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
    const wrong = Buffer.from(whole);
    wrong[wrong.length - 1]! ^= 0xff;
    expect(await failure(packed(whole.subarray(0, -9), "a.jsonl.zst"))).toContain("damaged");
    expect(await failure(packed(wrong, "a.jsonl.zst"))).toContain("damaged");
  });
});

describe("untidy but fine", () => {
  test("a BOM, CRLF, an empty file, a missing last newline and blank lines", async () => {
    const [one, two, three, four] = [goodLines(1), goodLines(1, 2), goodLines(1, 3), goodLines(1, 4)];
    const files = {
      [batch("bom.jsonl")]: `\uFEFF${one}`,
      [batch("crlf.jsonl")]: two.replaceAll("\n", "\r\n"),
      [batch("empty.jsonl")]: "",
      [batch("no-newline.jsonl")]: three.trimEnd(),
      [batch("blank.jsonl")]: `\n\n${four}\n  \n`,
      [batch("only-blank.jsonl")]: "\n",
    };
    expect(await rowsOf(files)).toEqual([1, 2, 3, 4]);
  });

  test("an empty file is held too: the next run has nothing new", async () => {
    using here = makeProject({
      ...eventsProject,
      [batch("empty.jsonl")]: "",
      [batch("a.jsonl")]: goodLines(1),
    });
    expect((await here.run({})).success).toBe(true);
    expect((await here.run({})).of("events")?.status).toBe("reused");
  });

  test("context and properties as JSON text and as nested objects give the same", async () => {
    const context = { page: "home" };
    const props = { recipe_id: "12" };
    using here = makeProject({
      ...eventsProject,
      [batch("a.jsonl")]: lines(
        { id: 1, context, props },
        { id: 2, context: JSON.stringify(context), props: JSON.stringify(props) },
        { id: 3, context: JSON.stringify(context), props },
      ),
    });
    expect((await here.run({})).success).toBe(true);
    const rows = await here.query(`select page, recipe_id from {{ref "events"}} order by id`);
    expect(rows).toEqual([
      ["home", 12],
      ["home", 12],
      ["home", 12],
    ]);
  });
});

describe("a cast outside the declaration", () => {
  test("that fails names model, line and value, and publishes nothing", async () => {
    const text = await failure(
      { [batch("a.jsonl")]: lines({ id: 1, kind: "12" }, { id: 2, kind: "notanumber" }) },
      {
        ...eventsProject,
        "models/events.sql": `{{config materialized="incremental" strategy="append"}}
select
  id,
  kind::integer as n
from {{ref "stg"}}
`,
        "models/daily.sql": `{{config materialized="table"}}\nselect sum(n) as n from {{ref "events"}}\n`,
      },
    );
    expect(text).toContain("notanumber");
    expect(text).toMatch(/models\/events\.sql:4:/);
  });

  test("in a view on the way is named there", async () => {
    const text = await failure(
      { [batch("a.jsonl")]: lines({ id: 1, context: { page: "none" } }) },
      {
        ...eventsProject,
        "models/stg.sql": String(eventsProject["models/stg.sql"])
          .replace("context->>'$.page' as page", "\n  (context->>'$.page')::date as page")
          .replace("(props->>'$.recipe_id')::bigint", "1"),
      },
    );
    expect(text).toContain("none");
    expect(text).toMatch(/models\/stg\.sql:3:/);
    expect(text).toMatch(/ERROR\s+events/);
  });
});

test("a landing zone that is not there is an error that says what to make", async () => {
  const text = await failure({});
  expect(text).toMatch(/has no landing zone at .*landing-zone\/events/);
  expect(existsSync(path.join("landing-zone"))).toBe(false);
});
