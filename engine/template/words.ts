/** Words that mean the same everywhere and so cannot name an argument, a local or a block parameter. */
export const reservedWords: ReadonlySet<string> = new Set([
  "ref",
  "source",
  "this",
  "var",
  "env_var",
  "config",
  "target",
  "incremental",
  "log",
  "args",
  "if",
  "unless",
  "each",
  "else",
]);

/** Values that every text and macro sees by name. */
export const globalNames: readonly string[] = ["this", "target", "incremental"];

export const blockNames: readonly string[] = ["if", "unless", "each"];

/** Tags that print nothing. */
export const silentNames: ReadonlySet<string> = new Set(["config", "log", "args"]);
