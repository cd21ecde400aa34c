// One data or unit test → its step: it need not run again where it passed on the same rows or text.
import { sha256 } from "../../common/hash.ts";
import { builtinTests } from "../../plan/data-tests.ts";
import type { InputState } from "../../plan/decide.ts";
import { testFingerprint } from "../../plan/fingerprint.ts";
import type { FingerprintContext } from "../../plan/fingerprint.ts";
import type { PlanStep } from "../../plan/types.ts";
import type { DataTest, UnitTest } from "../../project/types.ts";
import { landingSources } from "../inputs.ts";
import type { Inputs } from "../inputs.ts";
import { landingVersion } from "../landing/landing.ts";
import { listSource } from "../landing/landing-state.ts";
import { inputStates } from "./planner.ts";
import type { PlannedNode, Planner } from "./planner.ts";
import type { Session } from "../session.ts";

export async function planTest(
  planner: Planner,
  test: DataTest,
  inputs: Inputs,
  after: readonly string[],
  planned: ReadonlyMap<string, PlannedNode>,
): Promise<PlannedNode> {
  const landing = await landingStates(planner.session, inputs);
  planner.landingVersions.set(
    test.uniqueId,
    Object.fromEntries(landing.map(({ uniqueId, version }) => [uniqueId, version ?? ""])),
  );
  const states = [...inputStates(planner, inputs, planned), ...landing];
  const versions = Object.fromEntries(states.map(({ uniqueId, version }) => [uniqueId, version]));
  const fingerprint = testKey(test, planner, inputs);
  const moved = states.find(({ version }) => version === null);
  const reason =
    moved !== undefined
      ? `${moved.name} changes in this run`
      : planner.options.noReuse === true
        ? "reuse is off"
        : planner.testCache.whyRun(test.uniqueId, fingerprint, versions as Record<string, string>);
  const step: PlanStep = {
    uniqueId: test.uniqueId,
    resourceType: "test",
    after,
    action: reason === null ? "reuse" : "test",
    reason: reason ?? "passed on the same rows",
  };
  return {
    node: test,
    step,
    inputs,
    fingerprint,
    definition: "",
    code: null,
    state: null,
    landing: null,
    base: null,
    clone: null,
  };
}

/** It reads no table: once it passed, only a change of text can make it fail. */
export function planUnitTest(
  planner: Planner,
  test: UnitTest,
  inputs: Inputs,
  fingerprint: string,
): PlannedNode {
  const reason =
    planner.options.noReuse === true
      ? "reuse is off"
      : planner.testCache.whyRun(test.uniqueId, fingerprint, {});
  const step: PlanStep = {
    uniqueId: test.uniqueId,
    resourceType: "unit_test",
    after: [],
    action: reason === null ? "reuse" : "test",
    reason: reason ?? "passed on the same text",
  };
  return {
    node: test,
    step,
    inputs,
    fingerprint,
    definition: "",
    code: null,
    state: null,
    landing: null,
    base: null,
    clone: null,
  };
}

/** A landing zone's version is its listing. */
async function landingStates(session: Session, inputs: Inputs): Promise<InputState[]> {
  const states: InputState[] = [];
  for (const source of landingSources(inputs)) {
    const version = landingVersion((await listSource(session, source)).files);
    states.push({ uniqueId: source.uniqueId, name: source.name, version });
  }
  return states;
}

/** What a test asks, of which views, and how it is judged; macros are covered by their rendered text. */
function testKey(test: DataTest, planner: Planner, inputs: Inputs): string {
  const { renderer, fingerprintContext, session } = planner;
  const custom = test.testType === "generic" && !builtinTests.includes(test.testName ?? "");
  const attached = test.attachedTo === undefined ? undefined : session.graph.nodes.get(test.attachedTo);
  const sql =
    test.testType === "singular"
      ? renderer.singularTest(test, true).sql
      : custom
        ? renderer.macroTest(test, attached?.name ?? "", true).sql
        : `${test.testName} ${test.columnName ?? ""} ${JSON.stringify(test.arguments ?? {})} ${attached?.uniqueId ?? ""}`;
  const views = inputs.inlined.map((view) =>
    sha256(planner.normalise(renderer.model(view, false, true).sql)),
  );
  return testFingerprintOf([sql, ...views].join("\n"), test, fingerprintContext);
}

function testFingerprintOf(sql: string, test: DataTest, context: FingerprintContext): string {
  const { where, warnIf, errorIf, severity, limit } = test.testConfig;
  return testFingerprint(sql, { where, warnIf, errorIf, severity, limit }, context);
}
