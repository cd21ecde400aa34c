/* oxlint-disable vitest/no-conditional-tests, vitest/valid-title -- one test for each table that a script made */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestProject } from "../../e2e/project.ts";
import { describeWith, servicesElsewhere } from "../../services/skip.ts";
import { whyNoSpark, type Runtime } from "../spark/spark.ts";
import { bothReadings, corpusProject, sparkCorpus, type Answer, type Corpus } from "./corpus.ts";

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
    const read = (answer: Answer): ReturnType<typeof bothReadings> =>
      project.withSession((session) => bothReadings(session, answer));
    const isRefused = ({ refused = "" }: Answer): boolean => refused !== "";
    for (const answer of corpus.answers.filter((one) => !isRefused(one))) {
      test(`${answer.case}: ${answer.query ?? answer.table}`, async () => {
        const { ours, theirs } = await read(answer);
        expect(ours).toEqual(theirs);
      });
    }
    for (const answer of corpus.answers.filter(isRefused)) {
      test(`${answer.case}: ${answer.table} is refused`, async () => {
        await expect(read(answer)).rejects.toThrow(answer.refused);
      });
    }
  });
}
