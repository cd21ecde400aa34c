// What of a statement counts for a fingerprint: its tokens. Comments, line breaks and blanks do not.

const blanks = /\s+/y;
const word = /[\w$.\u0080-\uffff]+/y;
const operator = /[^](?:(?!--|\/\*)[^\s\w(),;[\]{}'"$])*/y;

/** The statement's tokens, one blank between them. Two texts that differ only in comments or layout give
 *  the same result; the text inside quotes is kept to the letter. */
export function normaliseSql(sql: string): string {
  const tokens: string[] = [];
  let at = 0;
  while (at < sql.length) {
    const end = tokenEnd(sql, at);
    const token = sql.slice(at, end);
    if (!isBlank(token)) tokens.push(token);
    at = end;
  }
  if (tokens.at(-1) === ";") tokens.pop();
  return tokens.join(" ");
}

/** The text with blanks for the semicolons after its last statement, wherever comments stand: what is left can be
 *  put into brackets, and every other character stays where it was. */
export function withoutLastSemicolon(sql: string): string {
  if (!sql.includes(";")) return sql;
  let semicolons: number[] = [];
  for (let at = 0; at < sql.length;) {
    const end = tokenEnd(sql, at);
    const token = sql.slice(at, end);
    if (token === ";") semicolons.push(at);
    else if (!isBlank(token)) semicolons = [];
    at = end;
  }
  return semicolons.reduce((text, at) => `${text.slice(0, at)} ${text.slice(at + 1)}`, sql);
}

function isBlank(token: string): boolean {
  return token.startsWith("--") || token.startsWith("/*") || token.trim() === "";
}

function tokenEnd(sql: string, at: number): number {
  const character = sql[at] as string;
  if (sql.startsWith("--", at)) return lineEnd(sql, at);
  if (sql.startsWith("/*", at)) return blockCommentEnd(sql, at);
  if (character === "'" || character === '"') return quotedEnd(sql, at, character);
  if (character === "$") {
    const tag = /^\$(?:[A-Za-z_]\w*)?\$/.exec(sql.slice(at, at + 64))?.[0];
    if (tag !== undefined) return dollarQuotedEnd(sql, at, tag);
  }
  const blank = runEnd(blanks, sql, at);
  if (blank > at) return blank;
  // A word followed by a quote is a literal with a prefix (E'…', x'…'): one token.
  const end = runEnd(word, sql, at);
  if (end > at) return sql[end] === "'" && end - at === 1 ? quotedEnd(sql, end, "'", character) : end;
  if ("(),;[]{}".includes(character)) return at + 1;
  return runEnd(operator, sql, at);
}

/** Where the run of what the sticky pattern takes ends; `at` where it takes nothing. */
function runEnd(pattern: RegExp, sql: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex : at;
}

function lineEnd(sql: string, at: number): number {
  const end = sql.indexOf("\n", at);
  return end === -1 ? sql.length : end;
}

function blockCommentEnd(sql: string, at: number): number {
  let depth = 1;
  let end = at + 2;
  while (end < sql.length && depth > 0) {
    if (sql.startsWith("/*", end)) [depth, end] = [depth + 1, end + 2];
    else if (sql.startsWith("*/", end)) [depth, end] = [depth - 1, end + 2];
    else end++;
  }
  return end;
}

function quotedEnd(sql: string, at: number, quote: string, prefix = ""): number {
  const escapes = prefix === "e" || prefix === "E";
  let end = at + 1;
  while (end < sql.length) {
    if (escapes && sql[end] === "\\") end += 2;
    else if (sql[end] !== quote) end++;
    else if (sql[end + 1] === quote) end += 2;
    else return end + 1;
  }
  return sql.length;
}

function dollarQuotedEnd(sql: string, at: number, tag: string): number {
  const end = sql.indexOf(tag, at + tag.length);
  return end === -1 ? sql.length : end + tag.length;
}
