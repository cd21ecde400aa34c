const cache = new Map<string, RegExp>();

/** Whether a pattern holds a wildcard of the shell. */
export function hasWildcard(pattern: string): boolean {
  return /[*?[\]]/.test(pattern);
}

/** Python's `fnmatch`: `*`, `?`, `[a-z]`, `[!a-z]`; case counts. */
export function fnmatch(text: string, pattern: string): boolean {
  let expression = cache.get(pattern);
  if (expression === undefined) {
    expression = new RegExp(`^${translate(pattern)}$`, "su");
    cache.set(pattern, expression);
  }
  return expression.test(text);
}

function translate(pattern: string): string {
  let result = "";
  for (let at = 0; at < pattern.length;) {
    const character = pattern[at++] as string;
    if (character === "*") {
      // Stars in a row mean one; as several groups they would backtrack without end.
      while (pattern[at] === "*") at += 1;
      result += ".*";
    } else if (character === "?") result += ".";
    else if (character === "[") {
      const start = pattern[at] === "!" ? at + 1 : at;
      const end = pattern.indexOf("]", start + 1);
      if (end === -1) result += "\\[";
      else {
        const inner = pattern.slice(start, end).replace(/[\\\]^[&~|]/g, "\\$&");
        result += `[${start > at ? "^" : ""}${orderedRanges(inner)}]`;
        at = end + 1;
      }
    } else result += character.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  }
  return result;
}

/** `[z-a]` matches nothing in Python and is no valid expression here: its hyphen is taken literally. */
function orderedRanges(inner: string): string {
  return inner.replace(/([^\\])-([^\\])/g, (range, from: string, to: string) =>
    from > to ? `${from}\\-${to}` : range,
  );
}
