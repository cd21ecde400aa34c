/* oxlint-disable vitest/no-conditional-tests, vitest/valid-title -- one test for each table that a script made */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestProject } from "../../e2e/project.ts";
import { describeWith, servicesElsewhere } from "../../services/skip.ts";
import { whyNoSpark, type Runtime } from "../spark/spark.ts";
import { bothReadings, corpusProject, sparkCorpus, type Corpus } from "./corpus.ts";

/** Has a script of this folder make its tables in one Spark, and reads each. */
export async function sparkTests(runtime: Runtime, script: string): Promise<void> {
  const reason = servicesElsewhere() ?? (await whyNoSpark());
  const corpus: Corpus = reason === null ? await sparkCorpus(runtime, script) : { folder: "", answers: [] };
  describeWith(reason, `what Iceberg ${runtime} on Spark wrote`, () => {
    let project: TestProject;
    beforeAll(() => {
      project = corpusProject(corpus);
    });
    afterAll(() => {
      project[Symbol.dispose]();
      rmSync(corpus.folder, { recursive: true });
    });
    for (const [index, answer] of corpus.answers.entries()) {
      test(`${answer.case}: ${answer.query ?? answer.table} (${index})`, async () => {
        const reading = project.withSession((session) => bothReadings(session, answer));
        if (answer.refused !== undefined && answer.refused !== "") {
          await expect(reading).rejects.toThrow(answer.refused);
          return;
        }
        const { ours, theirs } = await reading;
        expect(ours).toEqual(theirs);
      });
    }
  });
}
