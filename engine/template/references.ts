import type { ChangedCall, ConfigCall, RefCall, References, SourceCall } from "./types.ts";

/** Gathers what one walk meets, each distinct item once, in order of appearance. */
export class ReferenceRecorder {
  usesThis = false;
  usesIncremental = false;
  usesTarget = false;
  private readonly refs = new Map<string, RefCall>();
  private readonly sources = new Map<string, SourceCall>();
  private readonly configs = new Map<string, ConfigCall>();
  private readonly changes = new Map<string, ChangedCall>();
  private readonly vars = new Set<string>();
  private readonly envVars = new Set<string>();
  private readonly macros = new Set<string>();

  addRef(call: RefCall): void {
    const key = JSON.stringify([call.name, call.pin]);
    if (!this.refs.has(key)) this.refs.set(key, call);
  }

  addSource(call: SourceCall): void {
    const key = JSON.stringify([call.source, call.table, call.pin]);
    if (!this.sources.has(key)) this.sources.set(key, call);
  }

  /** A tag in a loop or in both branches counts once for the same values. */
  addConfig(call: ConfigCall): void {
    const values = JSON.stringify(call.values, (_, value: unknown) =>
      typeof value === "bigint" ? `${value}n` : value,
    );
    const key = `${call.at.file}:${call.at.line}:${call.at.column}:${values}`;
    if (!this.configs.has(key)) this.configs.set(key, call);
  }

  /** In a loop or in both branches once for the same keys. */
  addChanged(call: ChangedCall): void {
    const key = JSON.stringify([call.input, call.keys]);
    if (!this.changes.has(key)) this.changes.set(key, call);
  }

  addVar(name: string): void {
    this.vars.add(name);
  }

  addEnvVar(name: string): void {
    this.envVars.add(name);
  }

  addMacro(name: string): void {
    this.macros.add(name);
  }

  finish(): References {
    return {
      refs: [...this.refs.values()],
      sources: [...this.sources.values()],
      configs: [...this.configs.values()],
      changes: [...this.changes.values()],
      vars: [...this.vars],
      envVars: [...this.envVars],
      macros: [...this.macros],
      usesThis: this.usesThis,
      usesIncremental: this.usesIncremental,
      usesTarget: this.usesTarget,
    };
  }
}
