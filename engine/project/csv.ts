// CSV as people write it in a YAML file or a fixture: RFC 4180, with a header.

export interface CsvTable {
  readonly columns: readonly string[];
  /** An empty field is null, a quoted one empty text. */
  readonly rows: readonly (readonly (string | null)[])[];
}

/** What is wrong, with its line, instead of a table. */
export interface CsvProblem {
  readonly problem: string;
  /** From 1, in the text. */
  readonly line: number;
}

/** Blank lines are left out; blanks around unquoted fields do not count, so that columns may be aligned. */
export function parseCsv(text: string): CsvTable | CsvProblem {
  const records = readRecords(text.startsWith("\uFEFF") ? text.slice(1) : text);
  if ("problem" in records) return records;
  const [header, ...rest] = records;
  if (header === undefined) return { problem: "it has no header", line: 1 };
  const columns = header.fields.map((field) => field ?? "");
  const twice = columns.find((name, index) => columns.indexOf(name) !== index);
  if (twice !== undefined) return { problem: `it has two columns ${twice}`, line: header.line };
  if (columns.includes("")) return { problem: "it has a column without a name", line: header.line };
  const odd = rest.find(({ fields }) => fields.length !== columns.length);
  if (odd === undefined) return { columns, rows: rest.map(({ fields }) => fields) };
  const problem = `line ${odd.line} has ${odd.fields.length} fields, the header ${columns.length}`;
  return { problem, line: odd.line };
}

interface Record {
  readonly fields: readonly (string | null)[];
  readonly line: number;
}

function readRecords(text: string): Record[] | CsvProblem {
  const records: Record[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const fields: (string | null)[] = [];
    const start = line;
    for (let more = true; more;) {
      const field = readField(text, at);
      if (field === null) return { problem: `the quote that line ${line} opens is not closed`, line };
      fields.push(field.value);
      line += field.lines;
      more = text[field.end] === ",";
      at = field.end + (more ? 1 : 0);
      if (!more && at < text.length && text[at] !== "\n") {
        return { problem: `line ${line} goes on behind a closing quote`, line };
      }
    }
    at += 1;
    line += 1;
    if (fields.length > 1 || fields[0] !== null) records.push({ fields, line: start });
  }
  return records;
}

/** One field and where it ends: at a comma, a newline or the end of the text. Null for an open quote. */
function readField(
  text: string,
  start: number,
): { readonly value: string | null; readonly end: number; readonly lines: number } | null {
  const quoted = /[^\S\n]*"((?:[^"]|"")*)"[^\S\n]*/y;
  quoted.lastIndex = start;
  const match = quoted.exec(text);
  if (match !== null) {
    const value = (match[1] ?? "").replaceAll('""', '"');
    return { value, end: quoted.lastIndex, lines: value.split("\n").length - 1 };
  }
  if (/^[^\S\n]*"/.test(text.slice(start, start + 100))) return null;
  let end = start;
  while (end < text.length && text[end] !== "," && text[end] !== "\n") end += 1;
  const value = text.slice(start, end).trim();
  return { value: value === "" ? null : value, end, lines: 0 };
}
