// Eight processes, four of lake and four of PyIceberg, append to one table at the same time, on every catalog.
import { afterAll, beforeAll, expect, test } from "vitest";
import { catalogAdapters, type CatalogAdapter } from "../conformance/adapters.ts";
import { describeWith } from "../services/skip.ts";
import { appendingWriters } from "./appending-writers.ts";
import { whyNoPyiceberg } from "./pyiceberg.ts";

/** Of each writer. */
const appends = Number(process.env["LAKE_RACE_APPENDS"] ?? 50);

const withoutPython = await whyNoPyiceberg();
for (const adapter of catalogAdapters) {
  describeWith(withoutPython ?? adapter.unavailable(), `eight writers on one table, ${adapter.name}`, () => {
    let service: Awaited<ReturnType<CatalogAdapter["start"]>>;
    beforeAll(async () => {
      service = await adapter.start();
    });
    afterAll(() => service?.stop());

    test("every acknowledged row is there once, for both readers", async () => {
      await using writers = await appendingWriters(await service.fresh());
      const outcomes = await writers.append({ lake: 4, pyiceberg: 4 }, appends);
      const acknowledged = outcomes.flatMap((one) => one.acknowledged).sort((one, other) => one - other);
      expect(acknowledged).toHaveLength(8 * appends);
      expect(await writers.read()).toEqual({ lake: acknowledged, pyiceberg: acknowledged });
      // They did get in each other's way.
      expect(outcomes.reduce((sum, { conflicts }) => sum + conflicts, 0)).toBeGreaterThan(0);
    }, 1_800_000);
  });
}
