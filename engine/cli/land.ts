import path from "node:path";
import { Option, type Command } from "commander";
import { formatDuration, formatQuantity, formatSize } from "../common/format.ts";
import type { Compression, LandedFile } from "../run/landing/land.ts";
import type { Cli } from "./cli.ts";
import { withSession } from "./context.ts";
import {
  addExamples,
  addOutputOptions,
  addProjectOptions,
  type OutputOptions,
  type ProjectOptions,
} from "./options.ts";

type LandOptions = ProjectOptions &
  OutputOptions & { readonly source?: string; readonly compress?: Compression };

export function landCommand(cli: Cli): Command {
  const command = cli
    .command("land")
    .summary("put files into a source's landing zone")
    .description(
      "Copies files into the landing zone of a source. What is there already with the same content is skipped, a different file of the same name is refused, and no file is visible before it is whole.",
    )
    .argument("<files...>", "files of JSON lines, plain or compressed")
    .option("--source <name>", "landing source, such as landing.events (default: the project's only one)")
    .addOption(
      new Option("--compress <format>", "compress files that are not compressed yet").choices([
        "gzip",
        "zstd",
      ]),
    );
  addProjectOptions(command);
  addOutputOptions(command);
  addExamples(command, [
    "lake land user_events_part_*.jsonl",
    "lake land events.jsonl --source landing.events --compress zstd -t prod",
  ]);
  return cli.onCall(command, async (options: LandOptions, [names]) => {
    const { context } = cli;
    const startedMs = context.now();
    // Commander gives a variadic argument as one list.
    const files = (names as unknown as readonly string[]).map((name) => ({
      name,
      absolute: path.resolve(context.cwd, name),
    }));
    const landed = await withSession(context, options, async (session) => {
      const { landFiles } = await import("../run/landing/land.ts");
      return landFiles({
        session,
        files,
        ...(options.source !== undefined && { source: options.source }),
        ...(options.compress !== undefined && { compress: options.compress }),
        onFile: (file, done) => {
          if (options.logFormat === "json") {
            context.stderr.write(
              `${JSON.stringify({ event: "file-landed", done, total: files.length, ...file })}\n`,
            );
          } else if (options.quiet !== true) {
            context.stderr.write(`${done} of ${files.length}  ${landedLine(file)}\n`);
          }
        },
      });
    });
    const fresh = landed.filter(({ status }) => status === "landed");
    const size = formatSize(fresh.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
    const there = landed.length - fresh.length;
    const parts = [
      `${formatQuantity(fresh.length, "file")} landed (${size})`,
      ...(there > 0 ? [`${there} there already`] : []),
    ];
    context.stdout.write(`${parts.join(", ")}  [${formatDuration(context.now() - startedMs)}]\n`);
    return 0;
  });
}

function landedLine({ file, path: at, status, sizeBytes }: LandedFile): string {
  return status === "landed"
    ? `landed  ${file} → ${at}  (${formatSize(sizeBytes)})`
    : `there already  ${file} = ${at}`;
}
