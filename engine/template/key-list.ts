// The keys of `{{changed … by="…"}}`: an SQL select list in which everything but a plain column has a name.

export interface Key {
  readonly name: string;
  /** As SQL; a plain column is quoted. */
  readonly expression: string;
}

/** Null where an expression has no name, or a bracket or quote is not closed. */
export function parseKeys(text: string, quote: (name: string) => string): readonly Key[] | null {
  const parts = splitList(text);
  if (parts === null || parts.length === 0) return null;
  const keys = parts.map((part) => parseKey(part, quote));
  return keys.every((key) => key !== null) ? keys : null;
}

const plainName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const quotedName = /^"((?:[^"]|"")+)"$/;

function parseKey(part: string, quote: (name: string) => string): Key | null {
  const column = nameOf(part);
  if (column !== null) return { name: column, expression: quote(column) };
  const named = /^(.+?)\s+as\s+("(?:[^"]|"")+"|[A-Za-z_][A-Za-z0-9_]*)$/is.exec(part);
  const name = named === null ? null : nameOf(named[2] as string);
  return name === null ? null : { name, expression: nameOrExpression(named?.[1] as string, quote) };
}

function nameOf(text: string): string | null {
  if (plainName.test(text)) return text;
  return quotedName.exec(text)?.[1]?.replaceAll('""', '"') ?? null;
}

/** A column that is a word of SQL (`date`) is quoted, anything else is left as it is. */
export function nameOrExpression(text: string, quote: (name: string) => string): string {
  const name = nameOf(text);
  return name === null ? text : quote(name);
}

/** Splits at the commas that stand in no bracket and no quotes. */
export function splitList(text: string): readonly string[] | null {
  const parts: string[] = [];
  let depth = 0;
  let quote: string | null = null;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (quote !== null) {
      if (character === quote) quote = null;
    } else if (character === "'" || character === '"') quote = character;
    else if ("([{".includes(character)) depth++;
    else if (")]}".includes(character)) depth--;
    else if (character === "," && depth === 0) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  parts.push(text.slice(start).trim());
  return quote !== null || depth !== 0 || parts.includes("") ? null : parts;
}
