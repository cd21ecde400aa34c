// One error type for the whole house. A code names the failure, typed parameters fill its message,
// and `engine/errors.md` says for each code what it means and what to do (checked by a test).
import { catalogErrors } from "./errors/catalog.ts";
import { cliErrors } from "./errors/cli.ts";
import { commonErrors } from "./errors/common.ts";
import { computeErrors } from "./errors/compute.ts";
import { graphErrors } from "./errors/graph.ts";
import { icebergErrors } from "./errors/iceberg.ts";
import { planErrors } from "./errors/plan.ts";
import { projectErrors } from "./errors/project.ts";
import { runErrors } from "./errors/run.ts";
import { storageErrors } from "./errors/storage.ts";
import { templateErrors } from "./errors/template.ts";
import { upkeepErrors } from "./errors/upkeep.ts";

/** Every failure `lake` can name: code → function of typed parameters → message. */
export const errorCatalogue = {
  ...commonErrors,
  ...templateErrors,
  ...projectErrors,
  ...graphErrors,
  ...planErrors,
  ...runErrors,
  ...icebergErrors,
  ...computeErrors,
  ...catalogErrors,
  ...storageErrors,
  ...upkeepErrors,
  ...cliErrors,
};

export type ErrorCode = keyof typeof errorCatalogue;
export type ErrorParameters<C extends ErrorCode> = Parameters<(typeof errorCatalogue)[C]>[0];

/** A place in a file of the project. Lines and columns count from 1; columns count UTF-16 units. */
export interface Location {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export interface ErrorDetails {
  readonly at?: Location | undefined;
  /** What the reader can do about it; a suggestion, not a repetition of the message. */
  readonly hint?: string | undefined;
  /** Whether the same call may succeed when tried again without a change. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
  /** Where in the statement that an engine refused, in UTF-8 bytes from 0; mapped back to `at` by the caller. */
  readonly positionBytes?: number | undefined;
  /** Several failures shown together (compile errors are collected). */
  readonly errors?: readonly LakeError[];
}

/**
 * The only error that `lake` throws on purpose. Anything else that reaches `main.ts` is a crash
 * (exit code 2); a `LakeError` is handled (exit code 1, or 2 when its code starts with `cli/`).
 */
export class LakeError extends Error {
  readonly code: ErrorCode;
  readonly at: Location | undefined;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly positionBytes: number | undefined;
  readonly errors: readonly LakeError[];

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "LakeError";
    this.code = code;
    this.at = details.at;
    this.hint = details.hint;
    this.retryable = details.retryable ?? false;
    this.positionBytes = details.positionBytes;
    this.errors = details.errors ?? [];
  }

  /** The same failure with its texts in other words, such as another spelling of a path. */
  respelled(spell: (text: string) => string): LakeError {
    const { code, at, retryable, positionBytes, cause } = this;
    const [message, hint] = [spell(this.message), this.hint && spell(this.hint)];
    const errors = this.errors.map((one) => one.respelled(spell));
    const isSame =
      message === this.message && hint === this.hint && errors.every((one, i) => one === this.errors[i]);
    return isSame
      ? this
      : new LakeError(code, message, { at, hint, retryable, positionBytes, errors, cause });
  }

  /** The plain shape for artifacts and `--log-format json`. */
  toJSON(): Record<string, unknown> {
    return {
      code: this.code,
      message: this.message,
      ...(this.at && { at: this.at }),
      ...(this.hint !== undefined && { hint: this.hint }),
      ...(this.errors.length > 0 && { errors: this.errors.map((error) => error.toJSON()) }),
    };
  }
}

/** Builds a `LakeError` from the catalogue: `throw lakeError("graph/cycle", { path: [...] }, { at })`. */
export function lakeError<C extends ErrorCode>(
  code: C,
  parameters: ErrorParameters<C>,
  details: ErrorDetails = {},
): LakeError {
  const message = (errorCatalogue[code] as (p: ErrorParameters<C>) => string)(parameters);
  return new LakeError(code, message, details);
}

/** Throws nothing for no errors, the error itself for one, and one that holds all for several. */
export function throwCollected(errors: readonly LakeError[]): void {
  if (errors.length === 0) return;
  if (errors.length === 1) throw errors[0];
  throw lakeError("project/several-errors", { count: errors.length }, { errors });
}

export function isLakeError(error: unknown, code?: ErrorCode): error is LakeError {
  return error instanceof LakeError && (code === undefined || error.code === code);
}
