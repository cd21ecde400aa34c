/** One thing that was tried and found to work or not, for `lake debug`. */
export interface Finding {
  readonly piece: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do about it. */
  readonly hint?: string;
}
