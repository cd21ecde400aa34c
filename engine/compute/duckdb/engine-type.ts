// The engine's spelling of types (`STRUCT(a BIGINT)[]`), taken apart.
import { lakeError } from "../../common/errors.ts";

/** An engine type taken apart. A scalar's `name` is upper case and carries its parameters: `DECIMAL(18,3)`. */
export type EngineType =
  | { readonly kind: "scalar"; readonly name: string }
  | { readonly kind: "list"; readonly element: EngineType; readonly length?: number }
  | { readonly kind: "map"; readonly key: EngineType; readonly value: EngineType }
  | {
      readonly kind: "struct";
      readonly fields: readonly { readonly name: string; readonly type: EngineType }[];
    };

/** Reads the engine's spelling of a type; `compute/unknown-type` where it is none. */
export function parseEngineType(text: string): EngineType {
  const reader = new TypeReader(text);
  const type = reader.type();
  reader.end();
  return type;
}

class TypeReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  type(): EngineType {
    let type = this.#base();
    for (;;) {
      const array = this.#match(/\s*\[(\d*)\]/y);
      if (!array) return type;
      type = { kind: "list", element: type, ...(array[1] && { length: Number(array[1]) }) };
    }
  }

  end(): void {
    this.#match(/\s*/y);
    if (this.#at !== this.#text.length) this.#fail();
  }

  #base(): EngineType {
    if (this.#match(/\s*STRUCT\s*\(/iy)) return { kind: "struct", fields: this.#fields() };
    if (this.#match(/\s*MAP\s*\(/iy)) {
      const key = this.type();
      this.#expect(/\s*,/y);
      const value = this.type();
      this.#expect(/\s*\)/y);
      return { kind: "map", key, value };
    }
    const labels = this.#match(/\s*ENUM\s*\((?:\s*'(?:[^']|'')*'\s*,?)*\)/iy);
    if (labels) return { kind: "scalar", name: "ENUM" };
    if (this.#match(/\s*UNION\s*\(/iy)) {
      this.#fields();
      return { kind: "scalar", name: "UNION" };
    }
    const word = this.#match(
      /\s*("(?:[^"]|"")*"|[A-Za-z_]\w*(?:\s+(?:WITH(?:OUT)?\s+TIME\s+ZONE|PRECISION|VARYING))?)/iy,
    );
    if (!word) return this.#fail();
    const name = word[1]!.replace(/^"|"$/g, "").toUpperCase().replace(/\s+/g, " ");
    const parameters = this.#match(/\s*\(([^()]*)\)/y);
    return { kind: "scalar", name: parameters ? `${name}(${parameters[1]!.replace(/\s+/g, "")})` : name };
  }

  #fields(): { name: string; type: EngineType }[] {
    const fields: { name: string; type: EngineType }[] = [];
    do {
      const word = this.#match(/\s*("(?:[^"]|"")*"|\w+)/y);
      if (!word) return this.#fail();
      const quoted = word[1]!;
      const name = quoted.startsWith('"') ? quoted.slice(1, -1).replaceAll('""', '"') : quoted;
      fields.push({ name, type: this.type() });
    } while (this.#match(/\s*,/y));
    this.#expect(/\s*\)/y);
    return fields;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match) this.#at = pattern.lastIndex;
    return match;
  }

  #expect(pattern: RegExp): void {
    if (!this.#match(pattern)) this.#fail();
  }

  #fail(): never {
    throw lakeError("compute/unknown-type", { type: this.#text, position: this.#at });
  }
}
