// A project as compact JSON: texts and hashes of files are left out (they are read anyway), equal configs
// are written once, and references are rows.
import type { Location } from "../common/errors.ts";
import type { ChangedCall, MacroSource, References, StatePin } from "../template/types.ts";
import { noReferences } from "./builder.ts";
import type { ProjectFile } from "./read-files.ts";
import type { Group, Project, ProjectNode, ProjectSettings, ProjectWarning } from "./types.ts";

/** Refs, sources, configs, vars, env vars, macros, flags, and changes if any; 0 for none at all. */
type Row =
  | 0
  | readonly [
      unknown[],
      unknown[],
      unknown[],
      readonly string[],
      readonly string[],
      readonly string[],
      number,
      unknown[]?,
    ];

interface Encoded {
  /** Configs that nodes share. */
  readonly configs: readonly unknown[];
  /** Beginnings of fqns that nodes share; the name follows. */
  readonly folders: readonly (readonly string[])[];
  /** Node without its checksum and text where they are the file's; `config` and `references` replaced. */
  readonly nodes: readonly (readonly [
    node: Readonly<Record<string, unknown>>,
    /** The file's, for models, seeds and singular tests; 0 for others. */
    checksum: string | 0,
    config: number,
    folder: number,
    references: Row,
    files: readonly string[],
  ])[];
  readonly macros: readonly (readonly [string, readonly MacroSource[]])[];
  readonly groups: readonly (readonly [string, Group])[];
  readonly selectors: Project["selectors"];
  readonly warnings: readonly ProjectWarning[];
}

export function encodeProject(project: Project): string {
  const configs = new Numbered();
  const folders = new Numbered();
  const nodes = [...project.nodes.values()].map((node) => encodeNode(node, configs, folders));
  const encoded: Encoded = {
    configs: configs.values(),
    folders: folders.values() as string[][],
    nodes,
    macros: [...project.macros],
    groups: [...project.groups],
    selectors: project.selectors,
    warnings: project.warnings ?? [],
  };
  return JSON.stringify(encoded);
}

/** Equal values once, by number. */
class Numbered {
  readonly #numbers = new Map<string, number>();

  add(value: unknown): number {
    const text = JSON.stringify(value);
    const number = this.#numbers.get(text) ?? this.#numbers.size;
    this.#numbers.set(text, number);
    return number;
  }

  values(): unknown[] {
    return [...this.#numbers.keys()].map((text) => JSON.parse(text) as unknown);
  }
}

function isOfFile(node: ProjectNode): boolean {
  return (
    node.resourceType === "model" ||
    node.resourceType === "seed" ||
    (node.resourceType === "snapshot" && node.at === undefined) ||
    (node.resourceType === "test" && node.testType === "singular")
  );
}

function encodeNode(node: ProjectNode, configs: Numbered, folders: Numbered): Encoded["nodes"][number] {
  const plain: Record<string, unknown> = { ...node };
  let checksum: string | 0 = 0;
  if (isOfFile(node)) {
    checksum = plain["checksum"] as string;
    delete plain["checksum"];
    delete plain["text"];
  }
  // Most nodes have none.
  for (const key of ["columns", "constraints"]) {
    if (Array.isArray(plain[key]) && plain[key].length === 0) plain[key] = 0;
  }
  const key = node.resourceType === "test" ? "testConfig" : "config";
  const config = plain[key] === undefined ? -1 : configs.add(plain[key]);
  for (const left of ["references", "fqn", key]) delete plain[left];
  const files: string[] = [];
  const references = "references" in node ? encodeReferences(node.references, node.path, files) : 0;
  return [plain, checksum, config, folders.add(node.fqn.slice(0, -1)), references, files];
}

/** A place is line, column, and the file's number, left out for the node's own file. */
function encodePlace(at: Location, own: string, files: string[]): (number | null)[] {
  const place = [at.line ?? null, at.column ?? null];
  if (at.file === own) return place;
  if (!files.includes(at.file)) files.push(at.file);
  return [...place, files.indexOf(at.file)];
}

function encodeReferences(references: References, own: string, files: string[]): Row {
  const { refs, sources, configs, vars, envVars, macros, usesThis, usesIncremental, usesTarget, changes } =
    references;
  const flags = (usesThis ? 1 : 0) + (usesIncremental ? 2 : 0) + (usesTarget ? 4 : 0);
  const lists = [refs, sources, configs, vars, envVars, macros, changes];
  if (flags === 0 && lists.every((list) => list.length === 0)) return 0;
  const row: Exclude<Row, 0> = [
    refs.map(({ name, pin, at }) => [name, pin ?? 0, ...encodePlace(at, own, files)]),
    sources.map(({ source, table, pin, at }) => [source, table, pin ?? 0, ...encodePlace(at, own, files)]),
    configs.map(({ values, at }) => [values, ...encodePlace(at, own, files)]),
    vars,
    envVars,
    macros,
    flags,
  ];
  if (changes.length === 0) return row;
  return [...row, changes.map(({ at, ...call }) => [call, ...encodePlace(at, own, files)])] as unknown as Row;
}

type PlaceRow = readonly [line: number | null, column: number | null, file?: number];

function decodePlace(
  line: unknown,
  column: unknown,
  file: unknown,
  own: string,
  files: readonly string[],
): Location {
  const name = typeof file === "number" ? (files[file] as string) : own;
  if (line === null) return { file: name };
  if (column === null) return { file: name, line: line as number };
  return { file: name, line: line as number, column: column as number };
}

function decodeRow(row: Row, own: string, files: readonly string[]): References {
  if (row === 0) return noReferences;
  const [refs, sources, configs, vars, envVars, macros, flags, changes = []] = row;
  return {
    refs: (refs as [string, StatePin | 0, ...PlaceRow][]).map(([name, pin, line, column, file]) => ({
      name,
      ...(pin !== 0 && { pin }),
      at: decodePlace(line, column, file, own, files),
    })),
    sources: (sources as [string, string, StatePin | 0, ...PlaceRow][]).map(
      ([source, table, pin, line, column, file]) => ({
        source,
        table,
        ...(pin !== 0 && { pin }),
        at: decodePlace(line, column, file, own, files),
      }),
    ),
    configs: (configs as [References["configs"][number]["values"], ...PlaceRow][]).map(
      ([values, line, column, file]) => ({
        values,
        at: decodePlace(line, column, file, own, files),
      }),
    ),
    changes: (changes as [Omit<ChangedCall, "at">, ...PlaceRow][]).map(([call, line, column, file]) => ({
      ...call,
      at: decodePlace(line, column, file, own, files),
    })),
    vars,
    envVars,
    macros,
    usesThis: (flags & 1) !== 0,
    usesIncremental: (flags & 2) !== 0,
    usesTarget: (flags & 4) !== 0,
  };
}

/** The inverse of `encodeProject`, with the texts of the files. Throws on anything odd. */
export function decodeProject(options: {
  readonly body: string;
  readonly root: string;
  readonly settings: ProjectSettings;
  readonly contentHash: string;
  readonly files: ReadonlyMap<string, ProjectFile>;
}): Project {
  const { body, root, settings, contentHash, files } = options;
  const encoded = JSON.parse(body) as Encoded;
  const nodes = new Map<string, ProjectNode>();
  for (const [plain, checksum, config, folder, references, names] of encoded.nodes) {
    const node = plain as Record<string, unknown>;
    const own = node["path"] as string;
    const type = node["resourceType"];
    node["fqn"] = [...(encoded.folders[folder] as readonly string[]), node["name"]];
    if (checksum !== 0) {
      const file = files.get(own) as ProjectFile;
      node["checksum"] = file.checksum;
      if (file.text !== null) node["text"] = file.text;
    }
    if (node["columns"] === 0) node["columns"] = [];
    if (node["constraints"] === 0) node["constraints"] = [];
    if (config >= 0) node[type === "test" ? "testConfig" : "config"] = encoded.configs[config];
    if (type !== "seed" && type !== "source" && type !== "unit_test")
      node["references"] = decodeRow(references, own, names);
    nodes.set(node["uniqueId"] as string, node as unknown as ProjectNode);
  }
  return {
    root,
    settings,
    nodes,
    macros: new Map(encoded.macros as [string, MacroSource[]][]),
    groups: new Map(encoded.groups),
    selectors: encoded.selectors,
    contentHash,
    warnings: encoded.warnings,
  };
}

/** File → what its template refers to, as of its checksum. */
export function decodeReferences(body: string): Map<string, { checksum: string; references: References }> {
  const encoded = JSON.parse(body) as Encoded;
  const found = new Map<string, { checksum: string; references: References }>();
  for (const [node, checksum, , , references, names] of encoded.nodes) {
    if (checksum === 0 || node["resourceType"] === "seed") continue;
    const own = node["path"] as string;
    found.set(own, { checksum, references: decodeRow(references, own, names) });
  }
  return found;
}
