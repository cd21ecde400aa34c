import type { Command } from "commander";
import { isLakeError } from "../common/errors.ts";
import { padEnd } from "../report/style.ts";
import { renderError } from "../report/render-error.ts";
import type { Cli } from "./cli.ts";
import { debugChecks } from "./debug-checks.ts";
import { errorView, styleFor, withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  type OutputOptions,
  type ProjectOptions,
} from "./options.ts";
import { lakeVersion } from "./version.ts";

export function debugCommand(cli: Cli): Command {
  const command = cli
    .command("debug")
    .summary("check the project, the target and what it connects to")
    .description(
      "Checks the project's files and each piece of the target: credentials, landing zone and warehouse (by writing and removing a small file), conditional writes, the catalog (version, compare-and-set, lock), the database and the engine. Says what to fix.",
    );
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, ["lake debug", "lake debug --target prod"]);
  return cli.onCall(command, async (options: ProjectOptions & OutputOptions) => {
    const { context } = cli;
    const style = styleFor(context, context.stdout, options);
    const say = (name: string, text: string): void => {
      context.stdout.write(`${padEnd(name, 13)}${text}\n`);
    };
    say("lake", `${lakeVersion} on Node ${process.versions.node}`);
    return withSession(context, options, async (session, project) => {
      const { root, settings } = project.graph.project;
      say(
        "project",
        `${settings.name} in ${root}, ${project.graph.nodes.size} nodes, time zone ${settings.timezone}`,
      );
      say(
        "target",
        `${project.profile.name} of profile ${project.profile.profile}, schema ${project.profile.schema}`,
      );
      let failed = false;
      for (const { name, check } of debugChecks(session, project.profile)) {
        try {
          for (const finding of await check()) {
            if (!finding.ok) failed = true;
            const mark = finding.ok ? style.green("ok") : style.red("failed");
            say(name, `${mark}  ${finding.piece === "" ? "" : `${finding.piece}: `}${finding.detail}`);
            if (finding.hint !== undefined) say("", `    hint: ${finding.hint}`);
          }
        } catch (error) {
          if (!isLakeError(error)) throw error;
          failed = true;
          say(name, style.red("failed"));
          context.stdout.write(`${renderError(error, errorView(context, context.stdout, options))}\n`);
        }
      }
      return failed ? 1 : 0;
    });
  });
}
