// The storage seam: what the house needs of a file system or an object store, and nothing more.

export interface FileInfo {
  readonly path: string;
  readonly sizeBytes: number;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
  /** The store's own version mark, where it has one (S3). */
  readonly etag?: string;
}

/** A finished local file, and the path that it is to stand at. */
export interface PutFile {
  readonly localPath: string;
  readonly path: string;
}
export interface PutOptions {
  /** Fail with `storage/exists` where a path is taken; exactly one of several racers wins it. */
  readonly ifAbsent?: boolean;
  /** Called when a file stands at its path. */
  readonly onFile?: (file: PutFile) => void;
}

/**
 * Paths are absolute and carry their scheme as the caller spelled it (`file:///…`, `s3://…`, `s3a://…`);
 * a plain absolute path means a local file. Adapters never change the spelling of what they return.
 * Errors: `storage/not-found`, `storage/exists`, `storage/failed` (with `retryable` set by the adapter
 * after its own retries are used up).
 */
export interface Storage {
  /** Which schemes this adapter serves, `file` for plain paths. */
  readonly schemes: readonly string[];
  read(path: string): Promise<Uint8Array>;
  readRange(path: string, offset: number, length: number): Promise<Uint8Array>;
  /** The file's bytes in order, for files larger than memory. */
  readStream(path: string): AsyncIterable<Uint8Array>;
  /** Creates or replaces; durable and visible as a whole, or not at all, when it resolves. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Fails with `storage/exists` if the path is taken; exactly one of several racers wins. */
  writeIfAbsent(path: string, bytes: Uint8Array): Promise<void>;
  /** Moves finished local files to their paths (rename on local, parallel checksummed upload on S3). */
  putFiles(files: readonly PutFile[], options?: PutOptions): Promise<void>;
  /** Missing files are not an error. */
  delete(paths: readonly string[]): Promise<void>;
  /** Every file below the prefix (a folder; recursive), paged, in no particular order. */
  list(prefix: string): AsyncIterable<FileInfo>;
  stat(path: string): Promise<FileInfo | null>;
  /**
   * The local file path behind `path` for engines that read files themselves, or null when the
   * engine must be given something else (an object store).
   */
  localPath(path: string): string | null;
  /**
   * Whose credentials are used on `path`, without any of them, after having obtained them: for `lake debug`.
   * Absent or null where nobody is asked. Errors: `storage/failed`.
   */
  credentials?(path: string): Promise<string | null>;
}
