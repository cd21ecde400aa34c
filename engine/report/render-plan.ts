import { tableName } from "../catalog/catalog.ts";
import { formatQuantity } from "../common/format.ts";
import type { Action, Plan, PlanStep } from "../plan/types.ts";
import { renderCodeChanges } from "./render-code-changes.ts";
import { isTest, shortName } from "./event-lines.ts";
import { renderEvolution } from "./render-evolution.ts";
import type { Style } from "./style.ts";
import { renderTextTable } from "./text-table.ts";

/** The steps in the order of the run, and how many tables would change. Tests that need not run again are
 *  only counted. */
export function renderPlan(plan: Plan, style: Style): string {
  if (plan.steps.length === 0) return "nothing selected";
  const changed = plan.steps.filter((step) => step.action === "build").length;
  const isIdleTest = (step: PlanStep): boolean => isTest(step) && step.action === "reuse";
  const idle = plan.steps.filter(isIdleTest).length;
  const table = renderTextTable({
    columns: [{ title: "step" }, { title: "does" }, { title: "table" }, { title: "why" }],
    rows: plan.steps
      .filter((step) => !isIdleTest(step))
      .map((step) => [
        shortName(step.uniqueId),
        actionText(step),
        step.table === undefined || step.action === "test" ? "" : tableName(step.table),
        step.reason,
      ]),
    style,
  });
  const tests = idle === 0 ? "" : `, ${formatQuantity(idle, "test")} passed on these rows already`;
  const summary = `${formatQuantity(changed, "table")} would change on the target ${plan.target}${tests}`;
  const sections = [
    table,
    ...renderCodeChanges(plan.steps, style),
    ...renderEvolution(plan.steps, style),
    summary,
  ];
  return sections.join("\n\n");
}

const actions: Readonly<Record<Action, string>> = {
  build: "build",
  staged: "take over",
  reuse: "reuse",
  inline: "inline",
  test: "test",
};

function actionText(step: PlanStep): string {
  if (step.action !== "build" || step.mode === undefined) return actions[step.action];
  return step.mode === "overwrite" ? (step.strategy ?? step.mode) : step.mode;
}
