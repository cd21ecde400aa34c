// A data test → its SQL on this target.
import { builtinTests, builtinTestSql } from "../../plan/data-tests.ts";
import type { TestSql } from "../../plan/data-tests.ts";
import { lakeError } from "../../common/errors.ts";
import type { DataTest } from "../../project/types.ts";
import type { SourceMap } from "../../template/types.ts";
import { isReadable, sqlName } from "../names.ts";
import type { Renderer } from "../render-node.ts";
import type { Session } from "../session.ts";

export interface RenderedTest extends TestSql {
  readonly sourceMap: SourceMap | null;
}

export function testSql(options: {
  readonly session: Session;
  readonly renderer: Renderer;
  readonly test: DataTest;
}): RenderedTest {
  const { session, renderer, test } = options;
  if (test.testType === "singular") {
    const { sql, sourceMap } = renderer.singularTest(test);
    return { rows: sql, aggregate: null, sourceMap };
  }
  const relation = attachedRelation(session, test);
  if (!builtinTests.includes(test.testName ?? "")) {
    const filtered =
      test.testConfig.where === undefined
        ? relation
        : `(select * from ${relation} where ${test.testConfig.where})`;
    const { sql, sourceMap } = renderer.macroTest(test, filtered);
    return { rows: sql, aggregate: null, sourceMap };
  }
  const sql = builtinTestSql({
    test,
    relation,
    where: test.testConfig.where ?? null,
    reference: () => referencedRelation(renderer, session, test),
  });
  return { ...sql, sourceMap: null };
}

function attachedRelation(session: Session, test: DataTest): string {
  const node = session.graph.nodes.get(test.attachedTo ?? "");
  if (!isReadable(node)) throw lakeError("plan/unknown-test", { test: test.name }, { at: test.at });
  return sqlName(node, session.profile);
}

/** `to: ref('x')` of a relationships test; the project stage recorded it as a reference. */
function referencedRelation(renderer: Renderer, session: Session, test: DataTest): string {
  const attached = session.graph.nodes.get(test.attachedTo ?? "");
  for (const { name } of test.references.refs) {
    const node = renderer.names.ref(name);
    if (node !== undefined && node.uniqueId !== attached?.uniqueId) return sqlName(node, session.profile);
  }
  for (const { source, table } of test.references.sources) {
    const node = renderer.names.source(source, table);
    if (node !== undefined && node.uniqueId !== attached?.uniqueId) return sqlName(node, session.profile);
  }
  // A table may point at itself (a parent id).
  if (isReadable(attached)) return sqlName(attached, session.profile);
  throw lakeError(
    "plan/test-argument",
    {
      test: test.name,
      argument: "to",
      found: "no table of the project",
      expected: "ref('…') or source('…', '…')",
    },
    { at: test.at },
  );
}
