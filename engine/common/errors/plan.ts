export const planErrors = {
  "plan/unknown-test": (p: { test: string }) => `there is no built-in test "${p.test}"`,
  "plan/test-argument": (p: { test: string; argument: string; found: string; expected: string }) =>
    `the test ${p.test} has ${p.found} as "${p.argument}", expected ${p.expected}`,
  "plan/condition": (p: { test: string; condition: string }) =>
    `the test ${p.test} has the condition "${p.condition}", expected a comparison such as "!= 0", "> 10" or "between 1 and 5"`,
};
