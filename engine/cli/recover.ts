import type { Command } from "commander";
import { formatAge } from "../common/format.ts";
import type { Cli } from "./cli.ts";
import { withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  type OutputOptions,
  type ProjectOptions,
} from "./options.ts";

type RecoverOptions = ProjectOptions & OutputOptions & { readonly discard?: boolean };

export function recoverCommand(cli: Cli): Command {
  const command = cli
    .command("recover")
    .summary("bring an unfinished publishing to its end")
    .description(
      "On a catalog that moves one table at a time, a run that is cut off while it publishes leaves the rest complete, tested and recorded. The next command that writes the target publishes it; what has waited for more than a day waits for this command.",
    )
    .argument("[run]", "only this run (default: all of the target)")
    .option("--discard", "give up what is not published: the next run builds it anew");
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake recover -t prod",
    "lake recover 5cfdf154-2ef6-4f0f-a15e-b55f32615071 --discard",
  ]);
  return cli.onCall(command, (options: RecoverOptions, [runId]) =>
    withSession(cli.context, options, async (session) => {
      const { discardRuns, recoverRuns } = await import("../upkeep/recover-runs.ts");
      const say = (text: string): unknown => cli.context.stdout.write(`${text}\n`);
      if (options.discard === true) {
        const discarded = await discardRuns(session, runId);
        for (const id of discarded) say(`${id}: given up; the next run builds its tables anew`);
        if (discarded.length === 0) say("no publishing is unfinished");
        return 0;
      }
      const { notPublished } = await import("../run/run-attempt.ts");
      const completed = await recoverRuns(session, runId);
      for (const { runId: id, ageMs, published, skipped } of completed) {
        const tables = published.length === 0 ? "nothing was left" : published.join(", ");
        say(`${id}, cut off ${formatAge(ageMs)} ago: published ${tables}`);
        for (const unit of skipped) say(`  skipped: ${notPublished(unit).message}`);
      }
      if (completed.length === 0) say("no publishing is unfinished");
      return completed.some(({ skipped }) => skipped.length > 0) ? 1 : 0;
    }),
  );
}
