// One command as a whole process: wall clock, processor time of it and its children, peak memory.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Measured {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  /** Of the largest single process; 0 where /proc does not tell. */
  readonly peakBytes: number;
  readonly stdout: string;
}

/** Throws with the command's own output when it fails: a failed run has no time. */
export function measure(
  command: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Measured> {
  // `times` of the shell is the kernel's account of all its children, to the end of the last one.
  const script = '"$@"; code=$?; times >&3; exit $code';
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn("bash", ["-c", script, "--", ...command], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    const texts = ["", "", "", ""];
    for (const index of [1, 2, 3])
      child.stdio[index]?.on("data", (chunk: Buffer) => (texts[index] += chunk.toString()));
    let peakBytes = 0;
    const poll = setInterval(() => (peakBytes = Math.max(peakBytes, peakOf(child.pid ?? 0))), 20);
    child.on("close", (code) => {
      clearInterval(poll);
      const wallSeconds = (performance.now() - started) / 1000;
      if (code === 0)
        resolve({ wallSeconds, cpuSeconds: childTime(texts[3] ?? ""), peakBytes, stdout: texts[1] ?? "" });
      else reject(new Error(`${command.join(" ")} ended with ${code}:\n${texts[1]}${texts[2]}`));
    });
  });
}

/** The second line of `times`: user and system time of the children, `0m1.234s`. */
function childTime(text: string): number {
  const line = text.trim().split("\n").at(-1) ?? "";
  return [...line.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  );
}

function peakOf(pid: number): number {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
      .trim()
      .split(" ")
      .filter(Boolean);
    const own = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Math.max(Number(own ?? 0) * 1024, ...children.map((child) => peakOf(Number(child))));
  } catch {
    return 0;
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Runs the commands in turn, A B C A B C …, so that a drift of the machine meets all alike; medians of each. */
export async function inTurn(
  runs: number,
  commands: Readonly<Record<string, () => Promise<Measured>>>,
): Promise<Map<string, Measured>> {
  const all = new Map<string, Measured[]>(Object.keys(commands).map((name) => [name, []]));
  for (let run = 0; run < runs; run++) {
    for (const [name, command] of Object.entries(commands)) all.get(name)?.push(await command());
  }
  return new Map(
    [...all].map(([name, measured]) => [
      name,
      {
        wallSeconds: median(measured.map((one) => one.wallSeconds)),
        cpuSeconds: median(measured.map((one) => one.cpuSeconds)),
        peakBytes: Math.max(...measured.map((one) => one.peakBytes)),
        stdout: measured.at(-1)?.stdout ?? "",
      },
    ]),
  );
}

export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? "---" : "---:"))), ...body.map(line)].join(
    "\n",
  );
}

export function row(name: string, one: Measured, base: Measured | null): string[] {
  const ratio = (value: number, of: number | undefined): string =>
    of === undefined ? "" : (value / of).toFixed(2);
  return [
    name,
    one.wallSeconds.toFixed(2),
    one.cpuSeconds.toFixed(2),
    String(Math.round(one.peakBytes / 1e6)),
    ratio(one.wallSeconds, base?.wallSeconds),
    ratio(one.cpuSeconds, base?.cpuSeconds),
  ];
}

export const columns = ["what", "wall s", "CPU s", "peak MB", "wall ratio", "CPU ratio"];
