// What `lake debug` tries on a target, piece by piece, each on its own: one that fails hides no other.
import { randomUUID } from "node:crypto";
import { isLakeError } from "../common/errors.ts";
import type { Finding } from "../common/finding.ts";
import type { TargetProfile } from "../project/types.ts";
import type { Session } from "../run/session.ts";
import type { Storage } from "../storage/storage.ts";

export interface Check {
  readonly name: string;
  /** Throws the `LakeError` of what failed. */
  readonly check: () => Promise<readonly Finding[]>;
}

export function debugChecks(session: Session, profile: TargetProfile): readonly Check[] {
  const storage = (): Promise<Storage> => session.storage();
  const warehouse = profile.warehouse.replace(/\/+$/, "");
  const probe = `${warehouse}/_lake/.probe-${randomUUID()}`;
  return [
    { name: "credentials", check: async () => credentials(await storage(), profile) },
    { name: "landing", check: async () => canBeRead(await storage(), profile.landing) },
    { name: "warehouse", check: async () => canBeRead(await storage(), `${warehouse}/_lake`) },
    { name: "warehouse", check: async () => canBeWritten(await storage(), probe) },
    { name: "catalog", check: () => catalog(session, profile) },
    { name: "database", check: () => database(session, profile) },
    { name: "engine", check: () => engine(session, profile) },
  ];
}

const fine = (detail: string, piece = ""): Finding => ({ piece, ok: true, detail });

async function credentials(storage: Storage, { warehouse, landing }: TargetProfile): Promise<Finding[]> {
  const told = new Set<string>();
  for (const path of [warehouse, landing]) {
    const whose = await storage.credentials?.(path);
    if (typeof whose === "string") told.add(whose);
  }
  return told.size === 0
    ? [fine("none needed: all lies on this machine")]
    : [...told].map((one) => fine(one));
}

/** One page of a listing, and a byte of the first file. */
async function canBeRead(storage: Storage, folder: string): Promise<Finding[]> {
  for await (const { path } of storage.list(folder)) {
    await storage.readRange(path, 0, 1);
    return [fine(`${folder} can be listed and read`)];
  }
  return [fine(`${folder} can be listed, and is empty`)];
}

/** By a small file that is removed again. */
async function canBeWritten(storage: Storage, probe: string): Promise<Finding[]> {
  const folder = probe.slice(0, probe.lastIndexOf("/"));
  const text = new TextEncoder().encode("lake debug\n");
  await storage.writeIfAbsent(probe, text);
  try {
    const back = await storage.read(probe);
    const wroteAgain = await storage.writeIfAbsent(probe, text).then(
      () => true,
      (error: unknown) => {
        if (isLakeError(error, "storage/exists")) return false;
        throw error;
      },
    );
    return [
      Buffer.from(back).equals(text)
        ? fine(`${folder} can be written and read back`)
        : { ...fine("a file came back with other content"), ok: false },
      wroteAgain
        ? {
            piece: "conditional write",
            ok: false,
            detail: "a file that was there was written again",
            hint: "commits need a store that honours If-None-Match: use another server, or a newer version of this one",
          }
        : fine("one of two writers wins", "conditional write"),
    ];
  } finally {
    await storage.delete([probe]);
  }
}

async function catalog(session: Session, profile: TargetProfile): Promise<Finding[]> {
  const opened = await session.catalog();
  const namespaces = await opened.listNamespaces();
  const detail = `${profile.catalog.type}, namespaces: ${namespaces.join(", ") || "none yet"}`;
  return [fine(detail), ...((await opened.probe?.()) ?? [])];
}

async function database(session: Session, { schema }: TargetProfile): Promise<Finding[]> {
  const properties = await (await session.catalog()).namespaceProperties(schema);
  if (properties === null) return [fine(`${schema} is not there yet: the first build makes it`)];
  const { location } = properties;
  return [fine(location === undefined ? schema : `${schema}, new tables lie below ${location}`)];
}

async function engine(session: Session, { threads }: TargetProfile): Promise<Finding[]> {
  const compute = await session.compute();
  const answer = await compute.query({ sql: "select 1 as one", relations: [] });
  const { engine: name, version } = compute;
  return [fine(`${name} ${version}, ${threads} threads, answered ${String(answer.rows[0]?.[0])}`)];
}
