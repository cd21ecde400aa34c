// What changed in the code of a model since its table was built, as people read it.
import { isDeepStrictEqual } from "node:util";
import type { CodeChange } from "../plan/code-changes.ts";
import type { DiffLine } from "../plan/line-diff.ts";
import type { PlanStep } from "../plan/types.ts";
import { shortName } from "./event-lines.ts";
import type { Style } from "./style.ts";

/** One block for each model whose code changed; a change of a view is shown where it first counts. */
export function renderCodeChanges(steps: readonly PlanStep[], style: Style): readonly string[] {
  const shown = new Map<string, { readonly change: CodeChange; readonly under: string }[]>();
  return steps.flatMap(({ uniqueId, changes }) => {
    if (changes === undefined) return [];
    const name = shortName(uniqueId);
    const title = style.bold(name);
    if (changes === null) return [`${title}\n  what its table was built with is not kept`];
    const blocks = changes.map((change) => {
      const key = `${change.what} ${change.name ?? ""}`;
      const before = shown.get(key)?.find((one) => isDeepStrictEqual(one.change, change));
      if (before !== undefined && change.diff !== undefined)
        return `  ${titleOf(change)}: as for ${before.under}`;
      shown.set(key, [...(shown.get(key) ?? []), { change, under: name }]);
      return renderChange(change, style);
    });
    return [[title, ...blocks].join("\n")];
  });
}

function titleOf({ what, name }: CodeChange): string {
  const titles: Readonly<Record<CodeChange["what"], string>> = {
    sql: "SQL",
    "incremental sql": "SQL of incremental runs",
    view: `view ${shortName(name ?? "")}`,
    config: `config ${name ?? ""}`,
    source: `declaration of ${shortName(name ?? "")}`,
    "time zone": "time zone",
    engine: "engine",
  };
  return titles[what];
}

function renderChange(change: CodeChange, style: Style): string {
  const title = `  ${titleOf(change)}`;
  if (change.diff !== undefined)
    return [title, ...change.diff.map((line) => `    ${renderLine(line, style)}`)].join("\n");
  const value = (text: string | null | undefined): string => text ?? "none";
  return `${title}: ${style.red(value(change.before))} → ${style.green(value(change.after))}`;
}

/** Code is compared with the unique ids of nodes in place of tables; people know them by their names. */
function readable(text: string): string {
  return text.replaceAll(
    /"((?:model|seed|source|snapshot)\.[^"]+)"/g,
    (_, id: string) => `"${shortName(id)}"`,
  );
}

function renderLine(line: DiffLine, style: Style): string {
  const { kind } = line;
  const text = readable(line.text);
  switch (kind) {
    case "+":
      return style.green(`+ ${text}`);
    case "-":
      return style.red(`- ${text}`);
    case "@":
      return style.cyan(`… ${text}`);
    case " ":
      return `  ${text}`.trimEnd();
  }
}
