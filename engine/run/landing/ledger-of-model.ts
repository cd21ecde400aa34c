// What the `lake ledger` commands work on: one model that takes in landing files, its table and its landing zone.
import { lakeError } from "../../common/errors.ts";
import { didYouMean } from "../../common/suggest.ts";
import type { CatalogTable } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { commitUpdates } from "../../iceberg/commit-updates.ts";
import { loadTable } from "../../iceberg/transaction.ts";
import { isModel } from "../../project/node-kinds.ts";
import type { Model, Source } from "../../project/types.ts";
import { ingests, inputsOf, landingSources } from "../inputs.ts";
import { ledgerProperties, writeLedger } from "./ledger.ts";
import type { Ledger, LedgerEntry } from "./ledger.ts";
import { lakeFolder, tableIdentifier } from "../names.ts";
import type { Session } from "../session.ts";

export interface IngestingModel {
  readonly model: Model;
  readonly source: Source;
  readonly table: CatalogTable;
  /** `namespace.table`. */
  readonly name: string;
}

/** Errors: `run/unknown-ref`, `run/no-ledger`, `run/one-landing-source`, `run/missing-input`. */
export async function ingestingModel(session: Session, modelName: string): Promise<IngestingModel> {
  const models = [...session.graph.nodes.values()].filter(isModel);
  const model = models.find((node) => node.name === modelName);
  if (model === undefined) {
    const hint = didYouMean(
      modelName,
      models.map(({ name }) => name),
    );
    throw lakeError("run/unknown-ref", { name: modelName }, { hint });
  }
  const inputs = inputsOf(session.graph, model.uniqueId);
  const [source, ...others] = landingSources(inputs);
  const at = { file: model.path };
  if (source === undefined || !ingests(model, inputs))
    throw lakeError("run/no-ledger", { model: modelName }, { at });
  if (others.length > 0) {
    const sources = [source, ...others].map(({ sourceName, name }) => `${sourceName}.${name}`);
    throw lakeError("run/one-landing-source", { model: modelName, sources }, { at });
  }
  const identifier = tableIdentifier(model, session.profile);
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const table = await loadTable({ catalog, storage, identifier });
  const name = tableName(identifier);
  if (table === null) {
    const hint = `\`lake build -s ${modelName}\` makes it, with its ledger`;
    throw lakeError("run/missing-input", { node: "lake ledger", input: name }, { hint });
  }
  return { model, source, table, name };
}

/**
 * Makes a ledger that of the table's newest snapshot, as it was when the table was looked at: a segment is written
 * and the table's properties point to it. No row changes. Errors: `run/ledger-table-moved`.
 */
export async function commitLedger(options: {
  readonly session: Session;
  readonly of: IngestingModel;
  readonly base: Ledger;
  readonly added: readonly LedgerEntry[];
}): Promise<void> {
  const { session, of, base, added } = options;
  const { identifier, metadata } = of.table;
  const head = metadata["current-snapshot-id"];
  const [catalog, storage] = await Promise.all([session.catalog(), session.storage()]);
  const folder = ledgerFolder(session, of.name);
  const pointer = await writeLedger({ storage, folder, commitId: session.newId(), base, added });
  await commitUpdates({
    catalog,
    storage,
    identifier,
    nowMs: session.now(),
    make: ({ metadata: now }) => {
      const before = metadata.properties[ledgerProperties.ledger];
      const same =
        now["table-uuid"] === metadata["table-uuid"] &&
        now["current-snapshot-id"] === head &&
        now.properties[ledgerProperties.ledger] === before;
      if (head === null || !same)
        throw lakeError("run/ledger-table-moved", { table: of.name }, { hint: "run the command again" });
      const updates = { [ledgerProperties.ledger]: pointer, [ledgerProperties.snapshot]: head.toString() };
      return [{ action: "set-properties", updates }];
    },
  });
}

/** Where the segments of a table's ledger go. */
export function ledgerFolder(session: Session, table: string): string {
  return `${lakeFolder(session.profile)}/ledger/${table}`;
}
