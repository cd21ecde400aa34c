export const commonErrors = {
  "common/malformed-json": (p: { problem: string; line: number; column: number }) =>
    `malformed JSON at line ${p.line}, column ${p.column}: ${p.problem}`,
  "common/unprintable-json": (p: { problem: string }) => `cannot write as JSON: ${p.problem}`,
};
