// Spark with Iceberg 1.10 gives the rows of a v3 table that lake wrote, merged and compacted the ids that lake gives them.
import { expect, test } from "vitest";
import { given, lineage, project } from "../e2e/lineage.ts";
import { makeProject } from "../e2e/project.ts";
import { describeWith } from "../services/skip.ts";
import { querySpark, whyNoSpark } from "./spark/spark.ts";

describeWith(await whyNoSpark(), "row lineage, for Spark", () => {
  test.each(["copy-on-write", "merge-on-read"])("is what lake says, after each change, %s", async (mode) => {
    using here = makeProject({
      ...project("merge", mode),
      ...given([1, 2, 3, 4, 5, 6].map((id) => [id, `2025-07-0${1 + (id % 2)}`, id])),
    });
    let looks = 0;
    const asSpark = async (): Promise<void> => {
      const { ["lakehouse.orders"]: metadata = "" } = await here.catalog();
      const sql = "select id, _row_id, _last_updated_sequence_number from t order by id";
      const seen = await querySpark(metadata, `${here.root}/spark-${(looks += 1)}`, sql);
      const ours = [...(await lineage(here))].sort(([one], [other]) => one - other);
      expect(seen).toEqual(ours.map(([id, { row, updated }]) => [id, row, updated]));
    };
    expect((await here.run({})).success).toBe(true);
    here.write(
      given([
        [2, "2025-07-01", 20],
        [7, "2025-07-02", 70],
      ]),
    );
    expect((await here.run({})).success).toBe(true);
    // Of a file that has a vector already.
    here.write(given([[4, "2025-07-02", 40]]));
    expect((await here.run({})).success).toBe(true);
    await asSpark();
    expect((await here.cli("compact", "-s", "orders", "--rewrite-all")).code).toBe(0);
    expect((await here.cli("rewrite-manifests", "-s", "orders")).code).toBe(0);
    await asSpark();
  });
});
