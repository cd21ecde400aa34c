import { lakeError } from "../common/errors.ts";
import type { CliContext } from "./context.ts";

/** Only somebody at a terminal can answer. Errors: `cli/needs-yes`. */
export async function askYes(context: CliContext, what: string, question: string): Promise<boolean> {
  if (context.stdout.isTTY !== true || !process.stdin.isTTY) {
    const hint = "add --yes, or --dry-run to see what would go";
    throw lakeError("cli/needs-yes", { what }, { hint });
  }
  const { createInterface } = await import("node:readline/promises");
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
