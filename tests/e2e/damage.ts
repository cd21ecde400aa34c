// Ways in which files go bad, repeatable by their seed.

/** Whole numbers from 0 to below the argument, the same for the same seed (a linear congruential generator). */
export function randomNumbers(seed: number): (below: number) => number {
  let state = BigInt(seed);
  return (below) => {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) & 0xffff_ffff_ffff_ffffn;
    return Number((state >> 33n) % BigInt(below));
  };
}

/** One to three of: a flipped bit, another byte, a cut, a lost or a repeated stretch, a stretch of one byte. */
export function alterBytes(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let altered = Buffer.from(bytes);
  for (let times = 1 + random(3); times > 0 && altered.length > 0; times -= 1) {
    const at = random(altered.length);
    const length = 1 + random(Math.min(64, altered.length - at));
    switch (random(7)) {
      case 0:
        altered = altered.subarray(0, at);
        break;
      case 1:
        altered = Buffer.concat([altered.subarray(0, at), altered.subarray(at + length)]);
        break;
      case 2:
        altered = Buffer.concat([altered.subarray(0, at + length), altered.subarray(at)]);
        break;
      case 3:
        altered = Buffer.from(altered).fill(random(256), at, at + length);
        break;
      case 4:
        altered = Buffer.from(altered);
        altered[at] = random(256);
        break;
      default:
        altered = Buffer.from(altered);
        altered[at] = (altered[at] ?? 0) ^ (1 << random(8));
    }
  }
  return altered;
}

const strange = [
  "null",
  "true",
  "-1",
  "0",
  "1",
  "2",
  "1.5",
  "1e999",
  "-1e999",
  "9223372036854775807",
  "99999999999999999999999",
  '""',
  '"main"',
  '"struct"',
  '"\\u0000"',
  '"__proto__"',
  "[]",
  "[null]",
  "[[]]",
  "{}",
  '{"type":"struct"}',
  '{"type":"list","element":null}',
  '{"type":"map","key":"int","value":{}}',
  '{"__proto__":null}',
  '"decimal(99, 1)"',
  '"fixed[-1]"',
  '"bucket[0]"',
  '"truncate[99999999999999999999]"',
  '"identity"',
];

/** JSON text in which one or two values became others, or keys were lost or came twice. */
export function alterJson(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let text = Buffer.from(bytes).toString("utf8");
  for (let times = 1 + random(2); times > 0; times -= 1) {
    const places = [...text.matchAll(/"[a-z-]+"\s*:\s*("[^"]*"|-?[\d.]+|null|true|false|\[|\{)/g)];
    const place = places[random(Math.max(1, places.length))];
    if (place === undefined) break;
    const start = place.index;
    const valueAt = start + place[0].length - (place[1]?.length ?? 0);
    const end = endOfValue(text, valueAt);
    const other = strange[random(strange.length)] ?? "null";
    switch (random(4)) {
      case 0:
        text = text.slice(0, start) + text.slice(end).replace(/^\s*,/, "");
        break;
      case 1:
        text = `${text.slice(0, end)}, ${text.slice(start, valueAt)}${other}${text.slice(end)}`;
        break;
      default:
        text = text.slice(0, valueAt) + other + text.slice(end);
    }
  }
  return Buffer.from(text);
}

function endOfValue(text: string, from: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = from; at < text.length; at += 1) {
    const character = text[at];
    if (quoted) {
      if (character === "\\") at += 1;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth -= 1;
    if (!quoted && depth <= 0 && (depth < 0 || /[,}\]]/.test(text[at + 1] ?? ",")))
      return depth < 0 ? at : at + 1;
  }
  return text.length;
}
