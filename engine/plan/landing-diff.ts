// A landing zone's listing against the ledger of what a table holds.

export interface LandingVersion {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly etag?: string;
}

export interface LedgerFile extends LandingVersion {
  /** SHA-256 of the stored bytes, hex. */
  readonly contentHash: string;
  readonly rows: number;
  readonly rejected: number;
}

export interface LandingDiff {
  /** Not in the ledger, in path order. */
  readonly fresh: readonly LandingVersion[];
  /** In the ledger with the same size but another time or mark: the same file if its content hash is the same. */
  readonly doubtful: readonly { readonly found: LandingVersion; readonly held: LedgerFile }[];
  /** In the ledger with another size. */
  readonly changed: readonly { readonly found: LandingVersion; readonly held: LedgerFile }[];
  /** Changed ones that are to be taken in again, and whose rows go. */
  readonly replaced: readonly { readonly found: LandingVersion; readonly held: LedgerFile }[];
  /** In the ledger and no longer in the landing zone. */
  readonly gone: readonly LedgerFile[];
}

/** The store's own version mark where both have one, else the time. A mark may also depend on how a file was sent. */
function sameMark(held: LedgerFile, found: LandingVersion): boolean {
  if (held.etag !== undefined && found.etag !== undefined) return held.etag === found.etag;
  return held.modifiedMs === found.modifiedMs;
}

export function diffLanding(
  listing: Iterable<LandingVersion>,
  ledger: ReadonlyMap<string, LedgerFile>,
): LandingDiff {
  const fresh: LandingVersion[] = [];
  const doubtful: { found: LandingVersion; held: LedgerFile }[] = [];
  const changed: { found: LandingVersion; held: LedgerFile }[] = [];
  const seen = new Set<string>();
  for (const found of listing) {
    const held = ledger.get(found.path);
    seen.add(found.path);
    if (held === undefined) fresh.push(found);
    else if (held.sizeBytes !== found.sizeBytes) changed.push({ found, held });
    else if (!sameMark(held, found)) doubtful.push({ found, held });
  }
  const gone = [...ledger.values()].filter((file) => !seen.has(file.path));
  fresh.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { fresh, doubtful, changed, replaced: [], gone };
}
