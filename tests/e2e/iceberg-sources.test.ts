// Tables that no catalog of the project knows, as sources: by metadata file and by folder, spelled in several ways.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeHandMadeTable, type HandMadeTable } from "./damaged-table.ts";
import { makeProject } from "./project.ts";

let folder: string;
let table: HandMadeTable;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "lake-sources-"));
  table = await writeHandMadeTable(folder);
  rmSync(table.files["gzipped metadata"]);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function count(location: string): Promise<unknown> {
  using project = makeProject({
    "models/sources.yml": `version: 2
sources:
  - name: others
    type: iceberg
    tables: [{name: t, metadata_location: ${JSON.stringify(location)}}]
`,
  });
  try {
    return (await project.query(`select count(*) as n from {{source "others" "t"}}`))[0]?.[0];
  } catch (error) {
    return (error as Error).message;
  }
}

test("a metadata file, or the table's folder, with and without a scheme", async () => {
  const file = table.files.metadata;
  for (const location of [file, `file://${file}`, `file:${file}`, folder, `${folder}/`, `file:${folder}`])
    expect(await count(location)).toBe(900);
});

test("Hadoop's version hint decides; two newest files without one are refused, as only a catalog knows", async () => {
  const copy = (name: string): void => copyFileSync(table.files.metadata, join(folder, "metadata", name));
  copy("00001-other.metadata.json");
  expect(await count(folder)).toContain("could be the newest; only a catalog knows which is");
  copy("v2.metadata.json");
  expect(await count(folder)).toBe(900);
  writeFileSync(join(folder, "metadata/version-hint.text"), "3\n");
  expect(await count(folder)).toContain("names version 3");
  writeFileSync(join(folder, "metadata/version-hint.text"), "2");
  expect(await count(folder)).toBe(900);
});

test("a folder without metadata, and a store that lake does not serve, are refused by name", async () => {
  expect(await count(join(folder, "data"))).toContain("it holds no metadata file");
  expect(await count("hdfs://name-node/warehouse/t/metadata/v1.metadata.json")).toContain(
    "no storage serves hdfs://name-node/warehouse/t/metadata/v1.metadata.json",
  );
});

test("files that lie outside the table's location are read, deletes of them too", async () => {
  const [own, elsewhere] = [join(folder, "own"), join(folder, "elsewhere")];
  const { files } = await writeHandMadeTable(own, elsewhere);
  expect(await count(files.metadata)).toBe(900);
});
