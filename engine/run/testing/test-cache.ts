// Which tests passed on which rows. A cache: losing it costs running the tests again, nothing else.
import { isLakeError } from "../../common/errors.ts";
import type { TargetProfile } from "../../project/types.ts";
import type { Storage } from "../../storage/storage.ts";
import { lakeFolder, parentsOf } from "../names.ts";
import type { Session } from "../session.ts";

interface Passed {
  readonly fingerprint: string;
  readonly inputs: Readonly<Record<string, string>>;
}

export class TestCache {
  readonly #passed: Map<string, Passed>;
  #changed = false;

  constructor(passed: Readonly<Record<string, Passed>>) {
    this.#passed = new Map(Object.entries(passed));
  }

  /** Why a test must run, or null if it passed on these very rows. */
  whyRun(uniqueId: string, fingerprint: string, versions: Readonly<Record<string, string>>): string | null {
    const passed = this.#passed.get(uniqueId);
    if (passed === undefined) return "has not passed yet";
    if (passed.fingerprint !== fingerprint) return "test changed";
    const moved = Object.entries(versions).find(([input, version]) => passed.inputs[input] !== version);
    return moved === undefined ? null : `${moved[0].split(".").at(-1)} moved`;
  }

  set(uniqueId: string, passed: Passed): void {
    this.#passed.set(uniqueId, passed);
    this.#changed = true;
  }

  delete(uniqueId: string): void {
    this.#changed = this.#passed.delete(uniqueId) || this.#changed;
  }

  async save(session: Session): Promise<void> {
    if (!this.#changed) return;
    const storage = await session.storage();
    const text = JSON.stringify(Object.fromEntries(this.#passed));
    await storage.write(cachePath(session.profile), new TextEncoder().encode(text));
    this.#changed = false;
  }
}

function cachePath(profile: TargetProfile): string {
  return `${lakeFolder(profile)}/tests.json`;
}

/** With what passed on the targets that this one stands on: the same test on the same rows need not run again. */
export async function readTestCache(session: Session): Promise<TestCache> {
  const storage = await session.storage();
  const passed = await Promise.all(
    [...parentsOf(session.profile).toReversed(), session.profile].map((profile) =>
      readPassed(storage, cachePath(profile)),
    ),
  );
  return new TestCache(Object.assign({}, ...passed) as Record<string, Passed>);
}

async function readPassed(storage: Storage, path: string): Promise<Record<string, Passed>> {
  try {
    return JSON.parse(new TextDecoder().decode(await storage.read(path))) as Record<string, Passed>;
  } catch (error) {
    if (isLakeError(error, "storage/not-found") || error instanceof SyntaxError) return {};
    throw error;
  }
}
