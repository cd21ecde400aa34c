export const runErrors = {
  "run/missing-input": (p: { node: string; input: string }) =>
    `${p.node} reads ${p.input}, which has not been built on this target`,
  "run/no-landing-location": (p: { source: string; location: string }) =>
    `the source ${p.source} has no landing zone at ${p.location}`,
  "run/landing-file-changed": (p: {
    table: string;
    path: string;
    before: string;
    now: string;
    others: number;
  }) =>
    `${p.path} changed after ${p.table} took it in: it had ${p.before}, now it has ${p.now}${p.others > 0 ? `; ${p.others === 1 ? "another file" : `${p.others} other files`} changed, too` : ""}`,
  "run/landing-files-gone": (p: { table: string; count: number; example: string }) =>
    `a full refresh of ${p.table} would lose the rows of ${p.count === 1 ? `a landing file that is no longer there: ${p.example}` : `${p.count} landing files that are no longer there, for example ${p.example}`}`,
  "run/one-landing-source": (p: { model: string; sources: readonly string[] }) =>
    `the incremental model ${p.model} reads ${p.sources.length} landing sources (${p.sources.join(", ")}), expected exactly one`,
  "run/ledger-missing": (p: { table: string }) =>
    `${p.table} holds rows, but its ledger of landing files cannot be proven to belong to its newest snapshot`,
  "run/ledger-unreadable": (p: { path: string; problem: string }) =>
    `cannot read the ledger ${p.path}: ${p.problem}`,
  "run/snapshot-time": (p: { snapshot: string; column: string; type: string }) =>
    `the snapshot ${p.snapshot} takes its times from ${p.column}, which is a ${p.type}, expected a date or a timestamp`,
  "run/snapshot-null": (p: { snapshot: string; column: string; count: number }) =>
    `${p.count === 1 ? "a row" : `${p.count} rows`} of the snapshot ${p.snapshot} ${p.count === 1 ? "has" : "have"} no ${p.column}: whose version it is, and since when, is not known`,
  "run/snapshot-two-current": (p: { snapshot: string; count: number; examples: readonly string[] }) =>
    `the history of the snapshot ${p.snapshot} holds more than one current version of ${p.count === 1 ? "a key" : `${p.count} keys`}: ${p.examples.join("; ")}`,
  "run/no-ledger": (p: { model: string }) =>
    `the model ${p.model} keeps no ledger: it is not an incremental model over a landing source`,
  "run/ledger-column": (p: { table: string; column: string; texts: readonly string[] }) =>
    `${p.table} has no column "${p.column}" of text that would say which landing file each row came from (it has ${p.texts.length === 0 ? "no column of text" : p.texts.join(", ")})`,
  "run/ledger-files-without-rows": (p: { table: string; count: number; example: string }) =>
    `${p.count === 1 ? `no row of ${p.table} names the landing file ${p.example}` : `no row of ${p.table} names ${p.count} of the landing files, for example ${p.example}`}: it may be new, or it was taken in and gave no row`,
  "run/replaced-file-without-rows": (p: { table: string; column: string; path: string; rows: number }) =>
    `${p.path} gave ${p.rows === 1 ? "a line" : `${p.rows} lines`} to ${p.table}, but no row names it in ${p.column}: which rows are to go is not known`,
  "run/ledger-table-moved": (p: { table: string }) =>
    `${p.table} moved while its ledger was being written; nothing was changed`,
  "run/ledger-nothing-changed": (p: { table: string; file: string | null; changed: readonly string[] }) =>
    p.file === null
      ? `no landing file changed since ${p.table} took it in`
      : `${p.file} is none of the landing files that changed since ${p.table} took them in (${p.changed.join(", ") || "no file changed"})`,
  "run/strategy-needs": (p: { model: string; strategy: string; needs: string }) =>
    `the model ${p.model} has the incremental strategy "${p.strategy}" and no ${p.needs}, expected one`,
  "run/strategy-with-landing": (p: { model: string; strategy: string; source: string }) =>
    `the model ${p.model} takes in the files of ${p.source} with the incremental strategy "${p.strategy}", expected append, merge or delete+insert`,
  "run/unknown-key-column": (p: { model: string; column: string }) =>
    `the unique_key of ${p.model} names ${p.column}, which is not a column of it`,
  "run/duplicate-keys": (p: {
    model: string;
    keys: readonly string[];
    count: number;
    examples: readonly string[];
  }) =>
    `${p.model} has ${p.count === 1 ? "a key" : `${p.count} keys`} with more than one row, expected each ${p.keys.join(", ")} once: ${p.examples.join("; ")}`,
  "run/bad-event-time": (p: { what: string; text: string; expected: string }) =>
    `${p.what} is "${p.text}", expected ${p.expected}`,
  "run/event-time-missing": (p: { model: string; column: string }) =>
    `the event_time of ${p.model} is ${p.column}, which is not a column of it`,
  "run/no-batched-input": (p: { model: string }) =>
    `the microbatch model ${p.model} reads no table with an event_time, expected at least one`,
  "run/rows-outside-batch": (p: { model: string; column: string; batch: string; found: string }) =>
    `the batch ${p.batch} of ${p.model} gave rows with ${p.column} ${p.found}, expected a time in the batch`,
  "run/whole-build-refused": (p: { model: string; reason: string }) =>
    `${p.model} has full_refresh: false and would have to be built whole (${p.reason})`,
  "run/cannot-follow": (p: { model: string; input: string; problem: string }) =>
    `${p.model} follows the changes of ${p.input}, ${p.problem}`,
  "run/changed-key-missing": (p: { model: string; column: string; expected: string }) =>
    `${p.model} follows changes by ${p.column}, which is not ${p.expected}: rows whose ${p.column} is gone from the input could not be found`,
  "run/append-changed": (p: { model: string; count: number; input: string; by: string }) =>
    `${p.model} appends, and its table holds ${p.count} ${p.count === 1 ? "row" : "rows"} of what changed in ${p.input} by ${p.by}`,
  "run/other-partitions": (p: { table: string; path: string }) =>
    `${p.table} still holds files of an older partition spec, which replace_partitions cannot compare: ${p.path}`,
  "run/constraint-broken": (p: { model: string; broken: readonly string[] }) =>
    `rows of ${p.model} break its contract: ${p.broken.join("; ")}`,
  "run/contract": (p: { model: string; problems: readonly string[] }) =>
    `the model ${p.model} breaks its contract: ${p.problems.join("; ")}`,
  "run/test-not-one-count": (p: { test: string }) =>
    `the test ${p.test} gave no count of failing rows, expected a whole number of at least 0`,
  "run/unit-test-input-missing": (p: { test: string; model: string; input: string }) =>
    `the unit test ${p.test} depends on ${p.input}, which its model ${p.model} reads and which was not found among its given inputs`,
  "run/unit-test-column": (p: { test: string; what: string; column: string; known: readonly string[] }) =>
    `invalid column name "${p.column}" in the unit test ${p.test} for ${p.what} (accepted columns are ${p.known.join(", ")})`,
  "run/unit-test-value": (p: { test: string; what: string; reason: string }) =>
    `the unit test ${p.test} has a value for ${p.what} that does not fit: ${p.reason}`,
  "run/bad-manifest": (p: { path: string }) => `the published manifest ${p.path} is damaged`,
  "run/no-published-manifest": (p: { target: string }) =>
    `there is nothing to compare with: no run has published a manifest on ${p.target}`,
  "run/no-diff-key": (p: { node: string; column: string }) =>
    `${p.node} cannot be compared by ${p.column}: one of the two tables has no such column`,
  "run/no-base": (p: { table: string; target: string }) =>
    `${p.table} cannot be cloned: ${p.target} keeps no base of it, expected a tag lake_base_<date>`,
  "run/not-a-clone": (p: { table: string }) =>
    `${p.table} is no clone, so replacing it by one would lose its rows`,
  "run/clone-has-clones": (p: { table: string; tags: readonly string[] }) =>
    `${p.table} cannot be replaced: clones of other environments may share its files (${p.tags.join(", ")})`,
  "run/clone-of-itself": (p: { table: string }) =>
    `${p.table} would be cloned onto itself: both targets have the same tables`,
  "run/no-environment": (p: { target: string }) =>
    `${p.target} is no environment: it stands on no other target, and lake drops none such`,
  "run/environment-in-use": (p: { environment: string; problem: string }) =>
    `the environment ${p.environment} cannot be dropped: ${p.problem}`,
  "run/base-expired": (p: { clone: string; table: string; tag: string; target: string }) =>
    `the base of ${p.clone} has expired: the tag ${p.tag} of ${p.table} on ${p.target} is gone, and with it files that both share may go`,
  "run/interrupted": (p: { done: number; total: number }) =>
    `interrupted after ${p.done} of ${p.total} steps; nothing of the unfinished ones was published`,
  "run/table-held": (p: {
    tables: readonly string[];
    runId: string;
    command: string;
    pid: number;
    host: string;
    since: string;
  }) =>
    `${p.tables.slice(0, 5).join(", ")}${p.tables.length > 5 ? ` and ${p.tables.length - 5} more` : ""}: being built by the run ${p.runId} (lake ${p.command}, process ${p.pid} on ${p.host}, since ${p.since})`,
  "run/already-decided": (p: { runId: string; done: string; by: string }) =>
    `what the run ${p.runId} staged is ${p.done} by ${p.by} already`,
  "run/publishing-cut": (p: { runId: string; problem: string }) =>
    `the publishing of the run ${p.runId} was cut off: ${p.problem}`,
  "run/publishing-too-old": (p: { runId: string; tables: readonly string[]; age: string }) =>
    `the run ${p.runId} stopped in the middle of publishing ${p.age} ago and ${p.tables.join(", ")} may not have been published`,
  "run/not-of-this-target": (p: { table: string; problem: string }) =>
    `the record of an unfinished publishing does not fit ${p.table}: ${p.problem}`,
  "run/not-published": (p: { table: string; problem: string }) =>
    `${p.table} was built and tested but not published: ${p.problem}`,
  "run/lease-lost": (p: { runId: string }) =>
    `the run ${p.runId} was silent for so long that its record was taken away by another`,
  "run/unknown-run": (p: { runId: string }) => `there is no staged run ${p.runId} on this target`,
  "run/unknown-adapter": (p: { kind: string; type: string; known: readonly string[]; target: string }) =>
    `the target ${p.target} asks for the ${p.kind} "${p.type}", expected ${p.known.join(" or ")}`,
  "run/unknown-ref": (p: { name: string }) => `there is no model or seed "${p.name}"`,
  "run/unknown-source": (p: { name: string }) => `there is no source "${p.name}"`,
  "run/unknown-macro": (p: { macro: string }) => `there is no macro "${p.macro}"`,
  "run/partial-over-whole": (p: { table: string; flag: string }) =>
    `${p.flag} would leave ${p.table}, which holds all its rows, with a part of them`,
  "run/not-showable": (p: { node: string }) =>
    `${p.node} is not something to show, expected one model, seed, source or test`,
  "run/bad-sample": (p: { sample: string }) =>
    `the sample "${p.sample}" is neither a share between 0 and 1 nor a number of rows`,
  "run/cannot-require": (p: { column: string; problem: string }) =>
    `column ${p.column} cannot become required: ${p.problem}`,
  "run/default-needs-format-3": (p: { model: string; column: string; version: number }) =>
    `${p.model}: column ${p.column} has a default, which a table of format version ${p.version} cannot keep`,
  "run/format-version-back": (p: { model: string; before: number; wanted: number }) =>
    `the model ${p.model} asks for format version ${p.wanted}, and its table has version ${p.before}, which never goes back`,
  // Tables in time.
  "run/foreign-namespace": (p: { table: string; target: string; namespace: string }) =>
    `the environment ${p.target} changes only tables in its own namespace ${p.namespace}, not ${p.table}`,
  "run/no-history": (p: { node: string }) =>
    `the query reads ${p.node}, which is no table and has no older states`,
  "run/unknown-table": (p: { table: string; target: string }) =>
    `there is no table ${p.table} on the target ${p.target}`,
  "run/unknown-column": (p: { table: string; column: string }) => `${p.table} has no column ${p.column}`,
  "run/bad-ref-name": (p: { name: string; problem: string }) =>
    `${JSON.stringify(p.name)} cannot name a tag or branch: it ${p.problem}`,
  "run/ref-exists": (p: { table: string; name: string; type: string; snapshot: string }) =>
    `${p.table} has a ${p.type} ${p.name} already, which names snapshot ${p.snapshot}`,
  "run/unknown-table-ref": (p: { table: string; type: string; name: string }) =>
    `${p.table} has no ${p.type} ${p.name}`,
  "run/clone-base": (p: { table: string; name: string }) =>
    `the tag ${p.name} of ${p.table} keeps files alive that clones share`,
  "run/not-an-ancestor": (p: { table: string; snapshot: string; head: string }) =>
    `snapshot ${p.snapshot} of ${p.table} is none that its newest state, ${p.head}, was made from`,
  "run/moved-meanwhile": (p: { table: string; snapshot: string }) =>
    `another writer moved ${p.table} to snapshot ${p.snapshot} meanwhile; nothing was changed`,
};
