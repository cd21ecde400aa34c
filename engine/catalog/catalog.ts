// The catalog seam: names → metadata locations, moved by compare-and-set.
import type { Finding } from "../common/finding.ts";
import type { Schema, TableMetadata } from "../iceberg/types.ts";

export interface TableIdentifier {
  /** One level, `[a-z0-9_]+`. */
  readonly namespace: string;
  readonly name: string;
}

/** A table as the catalog points at it. */
export interface CatalogTable {
  readonly identifier: TableIdentifier;
  readonly metadataLocation: string;
  readonly metadata: TableMetadata;
}

/** One pointer move. The new metadata file is already written and durable. */
export interface TableCommit {
  readonly identifier: TableIdentifier;
  /** The metadata location that this change was made on; null creates the table. */
  readonly baseMetadataLocation: string | null;
  readonly newMetadataLocation: string;
  /** The parsed content of the new file, for catalogs that repeat parts of it (Hive's table parameters). */
  readonly newMetadata: TableMetadata;
  readonly baseMetadata: TableMetadata | null;
}

/** A schema that a table is to get, before anything of it is written. */
export interface SchemaChange {
  readonly identifier: TableIdentifier;
  readonly base: TableMetadata;
  readonly schema: Schema;
}

export interface CatalogCapabilities {
  /** Whether `commit` of several tables moves all of them or none. */
  readonly atomicMultiTable: boolean;
}

/**
 * Errors: `catalog/conflict` (retryable) when a base no longer stands, `catalog/table-exists` when a
 * created table is already there, `catalog/unknown-outcome` when the commit may or may not have landed
 * (after the adapter looked again and could not tell): the caller must not delete anything then.
 */
export interface Catalog {
  readonly name: string;
  readonly capabilities: CatalogCapabilities;
  /** Makes the catalog's own tables where it needs some. Safe to call at every start. */
  initialise(): Promise<void>;
  /** Pointers of many tables in as few round trips as the catalog allows; missing tables are left out. */
  locate(identifiers: readonly TableIdentifier[]): Promise<Map<string, string>>;
  /** Moves the pointers. With `atomicMultiTable` all or none; otherwise exactly one commit is accepted. */
  commit(commits: readonly TableCommit[]): Promise<void>;
  /**
   * Throws what `commit` would throw for the new columns, for catalogs that have an opinion on them (Hive
   * compares them by position). Asked while planning; absent where every change is accepted.
   */
  checkSchemaChange?(change: SchemaChange): Promise<void>;
  /** Tries what commits rely on, on a table made for it and removed again; absent where there is nothing to try. */
  probe?(): Promise<readonly Finding[]>;
  drop(identifier: TableIdentifier): Promise<void>;
  rename(from: TableIdentifier, to: TableIdentifier): Promise<void>;
  list(namespace: string): Promise<readonly TableIdentifier[]>;
  listNamespaces(): Promise<readonly string[]>;
  createNamespace(namespace: string, properties?: Readonly<Record<string, string>>): Promise<void>;
  namespaceProperties(namespace: string): Promise<Readonly<Record<string, string>> | null>;
  dropNamespace(namespace: string): Promise<void>;
  close(): Promise<void>;
}

/** The key of `locate`'s answer, and the name people see. */
export function tableName(identifier: TableIdentifier): string {
  return `${identifier.namespace}.${identifier.name}`;
}
