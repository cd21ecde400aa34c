// One socket to one metastore: one call at a time, each with an end. A socket that dies, falls silent or
// talks nonsense ends its call with `LostCall`, and is not used again.
import { connect, type Socket } from "node:net";
import { MessageScanner } from "./thrift-scanner.ts";

export interface MetastoreAddress {
  readonly host: string;
  readonly port: number;
}

/** A call without an answer. `sent` says whether the server may have got it. */
export class LostCall extends Error {
  readonly sent: boolean;

  constructor(problem: string, { sent, cause }: { sent: boolean; cause?: unknown }) {
    super(problem, cause === undefined ? undefined : { cause });
    this.name = "LostCall";
    this.sent = sent;
  }
}

/** Far above any reply of ours (a hundred tables of a hundred kilobytes), far below what hurts. */
const largestReplyBytes = 128 * 1024 * 1024;

interface Pending {
  readonly scanner: MessageScanner;
  resolve(message: Buffer): void;
  reject(error: LostCall): void;
}

export class ThriftConnection {
  readonly #socket: Socket;
  #pending: Pending | null = null;
  #dead = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error) => this.#die(error.message, error));
    socket.on("end", () => this.#die("the server closed the connection"));
    socket.on("close", () => this.#die("the connection was closed"));
  }

  /** Errors: `LostCall` with `sent` false. */
  static open({ host, port }: MetastoreAddress, timeoutMs: number): Promise<ThriftConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 });
      const fail = (problem: string, cause?: unknown): void => {
        clearTimeout(late);
        socket.destroy();
        reject(new LostCall(`${host}:${port}: ${problem}`, { sent: false, cause }));
      };
      const late = setTimeout(() => fail(`no connection within ${timeoutMs} ms`), timeoutMs);
      const refused = (error: Error): void => fail(error.message || error.name, error);
      socket.once("error", refused);
      socket.once("connect", () => {
        clearTimeout(late);
        socket.removeListener("error", refused);
        resolve(new ThriftConnection(socket));
      });
    });
  }

  get usable(): boolean {
    return !this.#dead && this.#pending === null;
  }

  /** Sends one message and gives the whole answer. Errors: `LostCall`. */
  call(message: Uint8Array, timeoutMs: number): Promise<Buffer> {
    if (!this.usable) return Promise.reject(new LostCall("the connection is gone", { sent: false }));
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.#die(`no answer within ${timeoutMs} ms`), timeoutMs);
      const settle = (): void => {
        clearTimeout(late);
        this.#pending = null;
        // An idle socket must not keep the process alive.
        this.#socket.unref();
      };
      this.#pending = {
        scanner: new MessageScanner(largestReplyBytes),
        resolve: (answer) => {
          settle();
          resolve(answer);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      this.#socket.ref();
      this.#socket.write(message);
    });
  }

  close(): void {
    this.#die("the catalog was closed");
  }

  #receive(chunk: Buffer): void {
    if (this.#pending === null) {
      this.#die("the server spoke without being asked");
      return;
    }
    try {
      const message = this.#pending.scanner.add(chunk);
      if (message !== null) this.#pending.resolve(message);
    } catch (error) {
      this.#die(error instanceof Error ? error.message : String(error), error);
    }
  }

  #die(problem: string, cause?: unknown): void {
    this.#dead = true;
    this.#socket.destroy();
    this.#pending?.reject(new LostCall(problem, { sent: true, cause }));
  }
}
