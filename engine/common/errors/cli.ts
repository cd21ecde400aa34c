export const cliErrors = {
  "cli/usage": (p: { problem: string }) => p.problem,
  "cli/bad-vars": (p: { option: string; text: string; problem: string }) =>
    `${p.option} is not a YAML mapping: ${p.problem} in ${JSON.stringify(p.text)} (expected for example '{name: value}')`,
  "cli/bad-number": (p: { option: string; text: string; expected: string }) =>
    `${p.option} is ${JSON.stringify(p.text)}, expected ${p.expected}`,
  "cli/folder-not-empty": (p: { folder: string }) =>
    `the folder ${p.folder} is there already and not empty, expected a new one`,
  "cli/bad-project-name": (p: { name: string }) =>
    `the name ${JSON.stringify(p.name)} cannot name a project, expected lower-case letters, digits and _`,
  "cli/outside-project": (p: { folder: string; root: string }) =>
    `${p.folder} is not a folder below ${p.root} and is not removed`,
  "cli/nothing-to-show": (p: { command: string }) => `${p.command} needs a node or --inline with a query`,
  "cli/nothing-to-retry": (p: { problem: string }) => `nothing to retry: ${p.problem}`,
  "cli/no-state": (p: { folder: string }) =>
    `the folder ${p.folder} holds no manifest.json, run_results.json or sources.json`,
  "cli/unknown-key": (p: { key: string; known: readonly string[] }) =>
    `${p.key} is no key of lake ls --output json (expected ${p.known.join(", ")})`,
  "cli/needs-yes": (p: { what: string }) => `${p.what} needs a yes, and nobody is there to be asked`,
  "cli/needs-from": (p: { target: string }) =>
    `the target ${p.target} is no environment, so --from must say which other target is meant`,
  "cli/bad-artifact": (p: { file: string }) => `${p.file} is not JSON, expected an artifact of another run`,
};
