// A column that goes from the middle of a table: a metastore with Hive's own setting would refuse it, so the build
// says so before it writes anything; one that does not compare positions takes it.
import { expect, test } from "vitest";
import { openS3Storage } from "../../engine/storage/s3/s3-storage.ts";
import { lakehouseUnavailable, startLakehouse } from "../services/lakehouse.ts";
import { describeWith } from "../services/skip.ts";
import { makeProject } from "./project.ts";

const model = (columns: string): Record<string, string> => ({
  "models/shapes.sql": `{{config materialized="table"}}\nselect ${columns}\n`,
});

describeWith(lakehouseUnavailable(), "a column dropped from the middle", () => {
  test.each([true, false])("where the server compares positions: %s", async (comparesColumnPositions) => {
    const lakehouse = await startLakehouse({ comparesColumnPositions });
    try {
      const before = "1::bigint as id, 'a' as kind, date '2025-07-01' as day";
      using project = makeProject({ ...model(before), "profiles.yml": lakehouse.profiles() });
      expect((await project.run({})).success).toBe(true);
      const objects = async (): Promise<string[]> => {
        const found: string[] = [];
        const storage = openS3Storage({ storage: lakehouse.s3.storage });
        for await (const { path } of storage.list(`${lakehouse.warehouse}/lakehouse.db`)) found.push(path);
        return found.sort();
      };
      const there = await objects();
      project.write(model("1::bigint as id, date '2025-07-01' as day"));
      const { success, of } = await project.run({});
      expect(success).toBe(!comparesColumnPositions);
      expect(of("shapes")?.error?.code).toBe(comparesColumnPositions ? "catalog/hive-columns" : undefined);
      expect((await objects()).length > there.length).toBe(!comparesColumnPositions);
      const columns = comparesColumnPositions ? "id, kind" : "id";
      expect(await project.query(`select ${columns} from {{ref "shapes"}}`)).toEqual([
        comparesColumnPositions ? [1, "a"] : [1],
      ]);
    } finally {
      await lakehouse.stop();
    }
  });
});
