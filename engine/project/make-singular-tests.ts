// Singular data tests: SQL files whose rows are failures.
import { addNode, entryConfig, foldersOf } from "./builder.ts";
import type { Builder } from "./builder.ts";
import { mergeConfig, readConfig, testConfig } from "./config.ts";
import { place } from "./properties.ts";
import type { SingularEntry } from "./properties.ts";
import { isName } from "./readers.ts";
import type { DataTest } from "./types.ts";
import { yamlFromJson } from "./yaml.ts";

export function makeSingularTests(builder: Builder): void {
  const { settings, defaults, problems, files } = builder;
  const described = new Map<string, SingularEntry>();
  for (const file of builder.properties) {
    for (const entry of file.data_tests ?? []) {
      const first = described.get(entry.name);
      if (first !== undefined) {
        problems.add(
          "project/duplicate-entry",
          { kind: "test", name: entry.name, first: place(first.at) },
          entry.at,
        );
      }
      described.set(entry.name, entry);
    }
  }
  const names = new Set<string>();
  for (const file of files) {
    if (file.kind !== "singular") continue;
    const name = file.below.slice(file.below.lastIndexOf("/") + 1, -".sql".length);
    if (!isName(name)) {
      problems.add("project/bad-name", { kind: "test", name }, { file: file.path }, "rename the file");
      continue;
    }
    names.add(name);
    const references = builder.fileReferences(file);
    if (references === undefined) continue;
    const entry = described.get(name);
    const path = [...foldersOf(file.below), name];
    const layers = [defaults.test.for(path)];
    if (entry !== undefined) layers.push(entryConfig(entry));
    if (entry?.config !== undefined) layers.push(readConfig("test", entry.config, `test ${name}`, problems));
    for (const { values, at } of references.configs) {
      layers.push(readConfig("test", yamlFromJson(values, at), `test ${name}`, problems));
    }
    const test: DataTest = {
      resourceType: "test",
      uniqueId: `test.${settings.name}.${name}`,
      name,
      fqn: [settings.name, ...path],
      path: file.path,
      ...(entry?.description !== undefined && { description: entry.description }),
      checksum: file.checksum,
      testType: "singular",
      text: file.text as string,
      references,
      testConfig: testConfig(mergeConfig(layers)),
      at: { file: file.path, line: 1 },
    };
    addNode(builder, test, test.at);
  }
  for (const [name, entry] of described) {
    if (!names.has(name)) problems.warn(`no test is called ${name}`, entry.at);
  }
}
