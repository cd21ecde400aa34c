// Colours and widths of terminals.

export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
}

const escape = String.fromCodePoint(27);

function paint(open: number, close: number): (text: string) => string {
  return (text) => `${escape}[${open}m${text}${escape}[${close}m`;
}

const coloured: Style = {
  bold: paint(1, 22),
  dim: paint(2, 22),
  red: paint(31, 39),
  green: paint(32, 39),
  yellow: paint(33, 39),
  cyan: paint(36, 39),
};

const asIs = (text: string): string => text;
const plain: Style = { bold: asIs, dim: asIs, red: asIs, green: asIs, yellow: asIs, cyan: asIs };

export function createStyle(colour: boolean): Style {
  return colour ? coloured : plain;
}

// oxlint-disable-next-line no-control-regex
const escapes = /\u001B\[[\d;?]*[A-Za-z]/g;
// Hangul, kana, CJK, full-width forms and emoji take two cells.
const wide =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|[\u{1F300}-\u{1FAFF}]|[\u{20000}-\u{3FFFD}]/u;
const combining = /\p{Mark}|\u200D|\uFE0F/u;
const asciiOnly = /^[\u0020-\u007E]*$/;

/** Cells that a text takes on a terminal, colours not counted. */
export function displayWidth(text: string): number {
  const bare = text.replace(escapes, "");
  if (asciiOnly.test(bare)) return bare.length;
  let width = 0;
  for (const character of bare) {
    if (combining.test(character)) continue;
    width += wide.test(character) ? 2 : 1;
  }
  return width;
}

/** Cuts a text without colours to so many cells, the last of them `…`. */
export function truncate(text: string, cells: number): string {
  if (displayWidth(text) <= cells) return text;
  let kept = "";
  let width = 0;
  for (const character of text) {
    width += displayWidth(character);
    if (width > cells - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

export function padEnd(text: string, cells: number): string {
  return text + " ".repeat(Math.max(0, cells - displayWidth(text)));
}

export function padStart(text: string, cells: number): string {
  return " ".repeat(Math.max(0, cells - displayWidth(text))) + text;
}
