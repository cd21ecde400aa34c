const list = (values: readonly string[]): string => values.join(", ");

export const graphErrors = {
  "graph/unknown-ref": (p: { name: string; node: string }) =>
    `${p.node} refers to ${p.name}, which is no model or seed of the project`,
  "graph/unknown-source": (p: { name: string; node: string }) =>
    `${p.node} reads the source ${p.name}, which is not declared`,
  "graph/no-history": (p: { name: string; kind: string; node: string }) =>
    `${p.node} reads an older state of ${p.name}, which is a ${p.kind} and has none`,
  "graph/disabled-ref": (p: { name: string; node: string; file: string }) =>
    `${p.node} refers to ${p.name}, which is disabled (${p.file})`,
  "graph/private-ref": (p: { name: string; node: string; group: string }) =>
    `${p.node} refers to ${p.name}, which is private to the group ${p.group}`,
  "graph/cycle": (p: { path: readonly string[] }) =>
    `the models depend on each other in a circle: ${p.path.join(" → ")}`,
  "graph/bad-selector": (p: { selector: string; problem: string }) =>
    `cannot read the selection ${JSON.stringify(p.selector)}: ${p.problem}`,
  "graph/unknown-method": (p: { method: string; known: readonly string[] }) =>
    `unknown selection method ${p.method} (expected one of ${list(p.known)})`,
  "graph/unknown-selector": (p: { name: string; known: readonly string[] }) =>
    `no selector ${p.name} in selectors.yml (expected one of ${list(p.known) || "none"})`,
  "graph/selector-cycle": (p: { path: readonly string[] }) =>
    `selectors refer to each other in a circle: ${p.path.join(" → ")}`,
  "graph/bad-yaml-selector": (p: { name: string; problem: string }) =>
    `the selector ${p.name} is not readable: ${p.problem}`,
  "graph/missing-state": (p: { method: string; needs: string }) =>
    `the selection method ${p.method} needs ${p.needs}`,
};
