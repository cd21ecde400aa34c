// What becomes of tables' columns and layout, and what a build would refuse, as `lake plan` shows it.
import { tableName } from "../catalog/catalog.ts";
import type { EvolutionStep } from "../plan/evolution.ts";
import type { PlanStep } from "../plan/types.ts";
import { shortName } from "./event-lines.ts";
import type { Style } from "./style.ts";

/** One block for each table that changes, and for each step that would be refused. */
export function renderEvolution(steps: readonly PlanStep[], style: Style): readonly string[] {
  return steps.flatMap(({ uniqueId, table, evolution = [], refused }) => {
    const name = table === undefined ? shortName(uniqueId) : tableName(table);
    if (refused !== undefined) {
      const hint = refused.hint === undefined ? "" : `\n    hint: ${refused.hint}`;
      return [`${style.bold(name)}\n  ${style.red("refused")}: ${refused.message}${hint}`];
    }
    if (evolution.length === 0) return [];
    const lines = evolution.map((step) => `  ${step.text}${style.dim(` (${effectOf(step)})`)}`);
    return [`${style.bold(name)}\n${lines.join("\n")}`];
  });
}

function effectOf({ kind, files }: EvolutionStep): string {
  switch (files) {
    case "stay":
      return kind === "drop" ? "metadata only: its values stay in the files" : "metadata only";
    case "keep their layout":
      return "new files follow; the others keep their layout until they are rewritten: lake compact, or --full-refresh";
    case "are written anew":
      return "with the rewrite";
  }
}
