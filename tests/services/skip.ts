/* oxlint-disable vitest/no-conditional-tests, vitest/valid-describe-callback, vitest/valid-title, vitest/expect-expect, vitest/no-disabled-tests -- it registers the tests of others */
// A service that cannot be had skips its tests where somebody works, with the reason in the report, and
// fails them in CI: a check that silently stops running is worse than none.
import { describe, test } from "vitest";

/** Servers and other engines are the affair of `npm run test:services`; `npm test` starts none. */
const elsewhere = "npm run test:services runs it";

/** Null where this run wants services, else the reason to leave them out. */
export function servicesElsewhere(): string | null {
  return process.env["LAKE_TEST_SERVICES"] === "1" ? null : elsewhere;
}

/** `describe`, or the one test that says why not. `reason` is null where the service can be had. */
export function describeWith(reason: string | null, name: string, body: () => void): void {
  if (reason === null) {
    describe(name, body);
    return;
  }
  if (process.env["CI"] === "true" && reason !== elsewhere) {
    test(`${name} can run`, () => {
      throw new Error(reason);
    });
    return;
  }
  describe.skip(`${name} (skipped: ${reason})`, body);
}
