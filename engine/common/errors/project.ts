const list = (values: readonly string[]): string => values.join(", ");

export const projectErrors = {
  "project/several-errors": (p: { count: number }) => `${p.count} errors in the project`,
  "project/not-found": (p: { root: string }) => `no lake.yml in ${p.root} (expected the folder of a project)`,
  "project/unreadable-file": (p: { file: string; reason: string }) => `cannot read ${p.file}: ${p.reason}`,
  "project/bad-yaml": (p: { file: string; problem: string }) => `${p.file} is not valid YAML: ${p.problem}`,
  "project/unknown-key": (p: { key: string; owner: string; known: readonly string[] }) =>
    `unknown key ${p.key} in ${p.owner} (expected ${list(p.known)})`,
  "project/missing-key": (p: { key: string; owner: string }) => `${p.owner} needs the key ${p.key}`,
  "project/wrong-type": (p: { what: string; found: string; expected: string }) =>
    `${p.what} is ${p.found} (expected ${p.expected})`,
  "project/bad-name": (p: { kind: string; name: string }) =>
    `the ${p.kind} name ${JSON.stringify(p.name)} does not fit (expected small letters, digits and _)`,
  "project/bad-value": (p: { what: string; found: string; expected: string }) =>
    `${p.what} cannot be ${p.found} (expected ${p.expected})`,
  "project/duplicate-name": (p: { kind: string; name: string; first: string }) =>
    `two ${p.kind}s are called ${p.name}: the other one is ${p.first}`,
  "project/duplicate-entry": (p: { kind: string; name: string; first: string }) =>
    `the ${p.kind} ${p.name} is described twice: also at ${p.first}`,
  "project/duplicate-table": (p: { table: string; first: string; second: string }) =>
    `${p.first} and ${p.second} would both be the table ${p.table}`,
  "project/duplicate-test": (p: { name: string; first: string }) =>
    `the test ${p.name} is declared twice: also at ${p.first}`,
  "project/unknown-test": (p: { name: string; owner: string }) =>
    `unknown test ${p.name} on ${p.owner} (expected a built-in test or a macro test_${p.name})`,
  "project/unit-test-model": (p: { test: string; model: string }) =>
    `the unit test ${p.test} is of the model ${p.model}, which does not exist`,
  "project/unit-test-input": (p: { test: string; input: string; model: string; known: readonly string[] }) =>
    `the unit test ${p.test} gives ${p.input}, which the model ${p.model} does not read (expected ${list(p.known) || "no input"})`,
  "project/unknown-fixture": (p: { test: string; fixture: string; format: string }) =>
    `the unit test ${p.test} asks for the fixture ${p.fixture}, which is not there (expected tests/fixtures/${p.fixture}.${p.format})`,
  "project/bad-csv": (p: { what: string; problem: string }) => `${p.what} is no readable CSV: ${p.problem}`,
  "project/unknown-group": (p: { group: string; owner: string }) =>
    `${p.owner} is in the group ${p.group}, which does not exist`,
  "project/profiles-not-found": (p: { looked: readonly string[] }) =>
    `no profiles.yml found (looked in ${list(p.looked)})`,
  "project/unknown-profile": (p: { profile: string; file: string; known: readonly string[] }) =>
    `no profile ${p.profile} in ${p.file} (expected one of ${list(p.known) || "none"})`,
  "project/unknown-target": (p: { target: string; profile: string; known: readonly string[] }) =>
    `the profile ${p.profile} has no target ${p.target} (expected one of ${list(p.known) || "none"})`,
  "project/bad-environment": (p: { target: string; problem: string }) =>
    `the environment ${p.target} cannot be: ${p.problem}`,
  "project/missing-env-var": (p: { name: string; what: string }) =>
    `${p.what} needs the environment variable ${p.name}, which is not set and has no default`,
};
