export const templateErrors = {
  "template/unclosed-tag": (p: { tag: string }) =>
    `the tag that opens here is never closed: ${p.tag} (expected ${p.tag.startsWith("{{!--") ? "--}}" : "}}"})`,
  "template/unclosed-block": (p: { tag: string; close: string }) =>
    `the block ${p.tag} opens here and is never closed (expected ${p.close})`,
  "template/wrong-close": (p: { found: string; expected: string; line: number }) =>
    `found ${p.found}, expected ${p.expected} for the block that opens in line ${p.line}`,
  "template/stray-close": (p: { tag: string }) => `${p.tag} closes no block: none is open here`,
  "template/three-braces": (p: { tag: string }) => `${p.tag} opens with two braces and closes with three`,
  "template/syntax": (p: { found: string; tag: string }) => `cannot read ${p.tag}: unexpected ${p.found}`,
  "template/unsupported": (p: { what: string }) => `${p.what} is not part of the template language`,
  "template/unknown-name": (p: { name: string }) => `unknown name ${p.name}`,
  "template/unknown-property": (p: { name: string; owner: string }) => `${p.owner} has no ${p.name}`,
  "template/unknown-helper": (p: { name: string }) => `unknown helper ${p.name}`,
  "template/unknown-block": (p: { name: string }) =>
    `unknown block #${p.name} (expected #if, #unless or #each)`,
  "template/unknown-macro": (p: { name: string }) => `unknown macro ${p.name}`,
  "template/no-macro-for-engine": (p: { name: string; engine: string; engines: readonly string[] }) =>
    `the macro ${p.name} exists for ${p.engines.join(", ")} only, not for ${p.engine}`,
  "template/unknown-argument": (p: { name: string; owner: string; known: readonly string[] }) =>
    `${p.owner} takes no argument ${p.name} (expected ${p.known.join(", ") || "none"})`,
  "template/missing-argument": (p: { name: string; owner: string }) =>
    `${p.owner} needs the argument ${p.name}`,
  "template/duplicate-argument": (p: { name: string }) => `the argument ${p.name} is given twice`,
  "template/wrong-arguments": (p: { owner: string; expected: string }) => `${p.owner} takes ${p.expected}`,
  "template/reserved-name": (p: { name: string; role: string }) =>
    `${p.name} is a word of the template language and cannot name ${p.role}`,
  "template/not-printable": (p: { expression: string; found: string }) =>
    `${p.expression} is ${p.found} and cannot be printed (expected text, a number or a boolean)`,
  "template/not-comparable": (p: { helper: string; left: string; right: string }) =>
    `${p.helper} cannot compare ${p.left} with ${p.right}`,
  "template/not-a-list": (p: { expression: string; found: string }) =>
    `#each goes over a list or an object, and ${p.expression} is ${p.found}`,
  "template/not-available": (p: { name: string }) => `${p.name} stands for nothing here`,
  "template/depends-on-incremental": (p: { owner: string }) =>
    `${p.owner} must not depend on incremental: it is read before that is known`,
  "template/inexact-number": (p: { text: string }) => `the number ${p.text} has more digits than can be kept`,
  "template/macro-recursion": (p: { chain: readonly string[]; limit: number }) =>
    `macros call each other more than ${p.limit} deep: ${p.chain.join(" → ")}`,
  "template/missing-var": (p: { name: string }) => `the var ${p.name} is not set and has no default`,
  "template/missing-env-var": (p: { name: string }) =>
    `the environment variable ${p.name} is not set and has no default`,
  "template/forbidden-env-var": (p: { name: string }) =>
    `the environment variable ${p.name} is not in the allow-list of lake.yml (env_vars)`,
  "template/no-literal": (p: { found: string }) => `${p.found} cannot be written as an SQL literal`,
  "template/no-identifier": (p: { name: string }) => `${JSON.stringify(p.name)} cannot be an SQL identifier`,
};
