// Columns of what a unit test gives rows for: those of the table, or of the SQL that will make it.
import type { Column } from "../../compute/compute.ts";
import { currentSchema } from "../../iceberg/metadata.ts";
import type { DataTest, Model, Seed, Source } from "../../project/types.ts";
import { bindNodes } from "./bind-nodes.ts";
import { ingestedFilesColumns, isIngestedFiles } from "../landing/ingested-files.ts";
import { inputsOf, tableInputs } from "../inputs.ts";
import { hasTable, isInlined } from "../names.ts";
import type { PinnedTable, Readable } from "../names.ts";
import { icebergSource, missingInput } from "../relations.ts";
import type { RunTables } from "../relations.ts";
import type { Renderer } from "../render-node.ts";
import { asNamed } from "./schema-change.ts";
import type { Session } from "../session.ts";
import type { Shape } from "./shapes.ts";

/** Binds what it must, each node once. */
export class InputColumns {
  readonly #session: Session;
  readonly #renderer: Renderer;
  readonly #tables: RunTables;
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #bound: ReadonlyMap<string, readonly Column[]>;
  readonly #known = new Map<string, Promise<readonly Column[]>>();

  constructor(options: {
    readonly session: Session;
    readonly renderer: Renderer;
    readonly tables: RunTables;
    /** Of the tables that this run makes. */
    readonly shapes: ReadonlyMap<string, Shape>;
    readonly bound: ReadonlyMap<string, readonly Column[]>;
  }) {
    this.#session = options.session;
    this.#renderer = options.renderer;
    this.#tables = options.tables;
    this.#shapes = options.shapes;
    this.#bound = options.bound;
  }

  /** As whoever reads the node sees it when this run is done. */
  of(node: Readable): Promise<readonly Column[]> {
    return this.#once(node.uniqueId, () => this.#find(node));
  }

  /** As `{{this}}` sees it: the table as it is, or, before the first run, as the model would make it. */
  before(model: Model): Promise<readonly Column[]> {
    return this.#once(`${model.uniqueId} before`, async () => {
      const metadata = this.#tables.get(model.uniqueId);
      if (metadata === undefined) return this.of(model);
      return (await this.#session.compute()).toColumns(currentSchema(asNamed(metadata, model)));
    });
  }

  #once(key: string, find: () => Promise<readonly Column[]>): Promise<readonly Column[]> {
    let found = this.#known.get(key);
    if (found === undefined) this.#known.set(key, (found = find()));
    return found;
  }

  async #find(node: Readable): Promise<readonly Column[]> {
    if (node.resourceType === "source") return this.#ofSource(node);
    if (node.resourceType === "pinned") return this.#ofPinned(node);
    const shape = this.#shapes.get(node.uniqueId);
    if (shape !== undefined) return (await this.#session.compute()).toColumns(shape.schema);
    return (await this.#ofTable(node)) ?? this.#bound.get(node.uniqueId) ?? this.#bind(node);
  }

  async #ofSource(source: Source): Promise<readonly Column[]> {
    if (isIngestedFiles(source)) return ingestedFilesColumns;
    const compute = await this.#session.compute();
    if (source.type !== "iceberg") return compute.landingColumns(source.landingColumns ?? []);
    const metadata = this.#tables.get(source.uniqueId) ?? (await icebergSource(this.#session, source));
    return compute.toColumns(currentSchema(metadata));
  }

  async #ofPinned({ uniqueId, name, of }: PinnedTable): Promise<readonly Column[]> {
    const metadata = this.#tables.get(uniqueId);
    if (metadata === undefined) throw missingInput({ node: name, input: of.name });
    return (await this.#session.compute()).toColumns(currentSchema(metadata));
  }

  async #ofTable(node: Model | Seed): Promise<readonly Column[] | undefined> {
    const metadata = hasTable(node) ? this.#tables.get(node.uniqueId) : undefined;
    return metadata && (await this.#session.compute()).toColumns(currentSchema(metadata));
  }

  async #bind(node: Model | Seed): Promise<readonly Column[]> {
    const { graph } = this.#session;
    const needed = new Set<string>();
    const visit = (id: string): void => {
      if (needed.has(id)) return;
      needed.add(id);
      const inputs = inputsOf(graph, id);
      for (const view of inputs.inlined) needed.add(view.uniqueId);
      for (const input of tableInputs(inputs))
        if (this.#tables.get(input.uniqueId) === undefined) visit(input.uniqueId);
    };
    visit(node.uniqueId);
    const nodes = graph.order.flatMap((id) =>
      needed.has(id) ? [graph.nodes.get(id) as Model | Seed | DataTest] : [],
    );
    const bound = await bindNodes({
      session: this.#session,
      renderer: this.#renderer,
      tables: this.#tables,
      nodes,
      incremental: () => false,
    });
    const columns = bound.columns.get(node.uniqueId);
    if (columns === undefined) {
      const [error] = bound.errors.values();
      throw error ?? new Error(`${node.name} did not bind`);
    }
    // A table has the types that Iceberg has a form for.
    const compute = await this.#session.compute();
    return isInlined(node) ? columns : compute.toColumns(compute.toSchema(columns));
  }
}
