/* oxlint-disable vitest/no-conditional-tests, vitest/valid-title -- one test for each table that a script made */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Session } from "../../../engine/run/session.ts";
import type { TestProject } from "../../e2e/project.ts";
import { describeWith } from "../../services/skip.ts";
import { bothReadings, corpusProject, type Answer, type Corpus } from "./corpus.ts";

/** Has another engine make its tables (unless there is a `reason` why it cannot), and reads each; `more` gives what is wrong beside that. */
export async function corpusTests(
  title: string,
  reason: string | null,
  make: () => Promise<Corpus>,
  more: Readonly<
    Record<string, (session: Session, answers: readonly Answer[]) => Promise<readonly string[]>>
  > = {},
): Promise<void> {
  const corpus: Corpus = reason === null ? await make() : { folder: "", answers: [] };
  describeWith(reason, title, () => {
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
    for (const [name, check] of Object.entries(more)) {
      test(name, async () => {
        expect(await project.withSession((session) => check(session, corpus.answers))).toEqual([]);
      });
    }
    for (const answer of corpus.answers.filter(isRefused)) {
      test(`${answer.case}: ${answer.table} is refused`, async () => {
        await expect(read(answer)).rejects.toThrow(answer.refused);
      });
    }
  });
}
