import type { UnitTestInput } from "./types.ts";

/** As it stands in YAML. */
export function inputText(input: UnitTestInput): string {
  switch (input.kind) {
    case "ref":
      return `ref('${input.name}')`;
    case "source":
      return `source('${input.source}', '${input.table}')`;
    case "this":
      return "this";
  }
}
