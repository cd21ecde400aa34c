import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { isLakeError } from "../common/errors.ts";
import type { CatalogFinding } from "../catalog/catalog.ts";
import type { OpenProject } from "../run/open-project.ts";
import type { Session } from "../run/session.ts";
import { padEnd } from "../report/style.ts";
import { renderError } from "../report/render-error.ts";
import type { Cli } from "./cli.ts";
import { errorView, styleFor, withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  type OutputOptions,
  type ProjectOptions,
} from "./options.ts";
import { lakeVersion } from "./version.ts";

interface Check {
  readonly name: string;
  readonly check: () => Promise<string | readonly CatalogFinding[]>;
}

export function debugCommand(cli: Cli): Command {
  const command = cli
    .command("debug")
    .summary("check the project, the target and what it connects to")
    .description(
      "Checks the project's files, the catalog, the warehouse (by writing and removing a small file) and the engine.",
    );
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, ["lake debug", "lake debug --target prod"]);
  return cli.onCall(command, async (options: ProjectOptions & OutputOptions) => {
    const { context } = cli;
    const style = styleFor(context, context.stdout, options);
    const say = (name: string, text: string): void => {
      context.stdout.write(`${padEnd(name, 11)}${text}\n`);
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
      for (const { name, check } of checks(session, project)) {
        try {
          const found = await check();
          const findings = typeof found === "string" ? [{ piece: "", ok: true, detail: found }] : found;
          for (const finding of findings) {
            if (!finding.ok) failed = true;
            const mark = finding.ok ? style.green("ok") : style.red("failed");
            say(name, `${mark}  ${finding.piece === "" ? "" : `${finding.piece}: `}${finding.detail}`);
            if ("hint" in finding && finding.hint !== undefined) say("", `    hint: ${finding.hint}`);
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

function checks(session: Session, { profile }: OpenProject): readonly Check[] {
  return [
    {
      name: "warehouse",
      async check() {
        const storage = await session.storage();
        const probe = `${profile.warehouse.replace(/\/+$/, "")}/_lake/.probe-${randomUUID()}`;
        await storage.writeIfAbsent(probe, new Uint8Array());
        const second = await storage.writeIfAbsent(probe, new Uint8Array()).then(
          () => true,
          (error: unknown) => !isLakeError(error, "storage/exists"),
        );
        await storage.delete([probe]);
        return [
          { piece: "", ok: true, detail: `${profile.warehouse} can be written` },
          second
            ? {
                piece: "conditional write",
                ok: false,
                detail: "a file that was there was written again",
                hint: "commits need a store that honours If-None-Match",
              }
            : { piece: "conditional write", ok: true, detail: "one of two writers wins" },
        ];
      },
    },
    {
      name: "catalog",
      async check() {
        const catalog = await session.catalog();
        const namespaces = await catalog.listNamespaces();
        const detail = `${profile.catalog.type}, namespaces: ${namespaces.join(", ") || "none yet"}`;
        return [{ piece: "", ok: true, detail }, ...((await catalog.probe?.()) ?? [])];
      },
    },
    {
      name: "engine",
      async check() {
        const compute = await session.compute();
        const answer = await compute.query({ sql: "select 1 as one", relations: [] });
        return `${compute.engine} ${compute.version}, ${profile.threads} threads, answered ${String(answer.rows[0]?.[0])}`;
      },
    },
  ];
}
