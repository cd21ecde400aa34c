// The fingerprint of a unit test: everything that its answer hangs on, known without the engine.
import { LakeError } from "../../common/errors.ts";
import { sha256, stableStringify } from "../../common/hash.ts";
import { currentSchema } from "../../iceberg/metadata.ts";
import type { TableMetadata } from "../../iceberg/types.ts";
import { seedFingerprint } from "../../plan/fingerprint.ts";
import type { FingerprintContext } from "../../plan/fingerprint.ts";
import { isModel } from "../../project/node-kinds.ts";
import type { UnitTest } from "../../project/types.ts";
import type { Renderer } from "../render-node.ts";
import type { Session } from "../session.ts";
import { renderUnitTest } from "./unit-tests.ts";

/** Keys of the unit tests of one run. */
export class UnitTestKeys {
  readonly #options: {
    readonly session: Session;
    readonly renderer: Renderer;
    readonly sourceTables: ReadonlyMap<string, TableMetadata>;
    readonly context: FingerprintContext;
    readonly normalise: (sql: string) => string;
  };
  readonly #typesOf = new Map<string, string>();

  constructor(options: {
    readonly session: Session;
    readonly renderer: Renderer;
    readonly sourceTables: ReadonlyMap<string, TableMetadata>;
    readonly context: FingerprintContext;
    readonly normalise: (sql: string) => string;
  }) {
    this.#options = options;
  }

  of(test: UnitTest): string {
    const { context, normalise } = this.#options;
    try {
      const { rendered } = renderUnitTest(this.#options, test);
      const parts = [test.checksum, normalise(rendered.sql), this.#types(test.attachedTo), context];
      return sha256(stableStringify(parts));
    } catch (error) {
      // What cannot be rendered cannot have passed; the test's own result says why.
      if (error instanceof LakeError) return "";
      throw error;
    }
  }

  /** The column types of an input follow from its own text and what it reads: the rows are given. */
  #types(uniqueId: string): string {
    const known = this.#typesOf.get(uniqueId);
    if (known !== undefined) return known;
    const { graph } = this.#options.session;
    const parents = (graph.parents.get(uniqueId) ?? []).map((parent) => this.#types(parent));
    const types = sha256(stableStringify([this.#own(uniqueId), parents]));
    this.#typesOf.set(uniqueId, types);
    return types;
  }

  #own(uniqueId: string): unknown {
    const { session, renderer, sourceTables, context, normalise } = this.#options;
    const node = session.graph.nodes.get(uniqueId);
    if (isModel(node)) return normalise(renderer.model(node, false, true).sql);
    if (node?.resourceType === "seed") return seedFingerprint(node, context);
    if (node?.resourceType !== "source") return null;
    const metadata = sourceTables.get(uniqueId);
    return [node.landingColumns ?? null, metadata === undefined ? null : currentSchema(metadata)];
  }
}
