import type { StatePin } from "../template/types.ts";
import type { UnitTestInput } from "./types.ts";

/** As it stands in YAML. */
export function inputText(input: UnitTestInput): string {
  switch (input.kind) {
    case "ref":
      return `ref('${input.name}'${pinText(input.pin)})`;
    case "source":
      return `source('${input.source}', '${input.table}'${pinText(input.pin)})`;
    case "this":
      return "this";
  }
}

function pinText(pin: StatePin | undefined): string {
  return pin === undefined ? "" : `, ${pin.kind}='${pin.text}'`;
}
