// Spark with Iceberg 1.10 finds the defaults that lake gave to columns in the rows that are older than those.
import { expect, test } from "vitest";
import { makeProject } from "../e2e/project.ts";
import { describeWith } from "../services/skip.ts";
import { querySpark, whyNoSpark } from "./spark/spark.ts";

const model = (columns: string): Record<string, string> => ({
  "models/t.sql": `{{config materialized="incremental" strategy="append" on_schema_change="append_new_columns" format_version=3}}
select ${columns} from {{ref "given"}}
`,
});
const columns = {
  n: ["integer", "-34"],
  big: ["bigint", "9007199254740993"],
  price: ["decimal(9, 2)", "7.25"],
  day: ["date", "1969-02-03"],
  local: ["timestamp", "2024-01-01 00:00:00.000001"],
  moment: ["timestamptz", "2024-01-01T09:00:00+09:00"],
  label: ["varchar", "it's '한글'"],
  raw: ["blob", "00ff"],
} as const;

describeWith(await whyNoSpark(), "column defaults, for Spark", () => {
  test("older rows have them, newer ones what they were given", async () => {
    using here = makeProject({ "seeds/given.csv": "id\n1\n", ...model("id") });
    expect((await here.run({})).success).toBe(true);
    const nulls = Object.entries(columns).map(([name, [type]]) => `null::${type} as ${name}`);
    here.write({
      "seeds/given.csv": "id\n2\n",
      ...model(["id", ...nulls].join(", ")),
      "models/t.yml": JSON.stringify({
        models: [
          {
            name: "t",
            columns: Object.entries(columns).map(([name, [, value]]) => ({ name, default: value })),
          },
        ],
      }),
    });
    const outcome = await here.run({});
    expect(outcome.results.flatMap(({ error }) => error ?? [])).toEqual([]);
    const { ["lakehouse.t"]: metadata = "" } = await here.catalog();
    const shown =
      "id, n, cast(big as string), cast(price as string), cast(day as string), cast(cast(local as timestamp) as string), unix_micros(moment), label, hex(raw)";
    const rows = await querySpark(metadata, `${here.root}/spark`, `select ${shown} from t order by id`);
    expect(rows).toEqual([
      [
        1,
        -34,
        "9007199254740993",
        "7.25",
        "1969-02-03",
        "2024-01-01 00:00:00.000001",
        1_704_067_200_000_000,
        "it's '한글'",
        "00FF",
      ],
      [2, ...Object.keys(columns).map(() => null)],
    ]);
  });
});
