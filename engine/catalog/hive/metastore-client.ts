// Calls to a metastore: a few connections, several addresses, and what may be tried again.
import { limit } from "../../common/limit.ts";
import { retry } from "../../common/retry.ts";
import type { Method } from "./metastore-types.ts";
import { MalformedMessage, string, struct, i32, ThriftReader, ThriftWriter, wire } from "./thrift-codec.ts";
import { LostCall, ThriftConnection, type MetastoreAddress } from "./thrift-connection.ts";

/** The server's answer that it did not do it. `kind` is the exception's name. */
export class MetastoreFault extends Error {
  readonly kind: string;

  constructor(kind: string, problem: string) {
    super(problem);
    this.name = "MetastoreFault";
    this.kind = kind;
  }
}

export function isFault(error: unknown, ...kinds: readonly string[]): error is MetastoreFault {
  return error instanceof MetastoreFault && kinds.includes(error.kind);
}

export interface MetastoreClientOptions {
  readonly addresses: readonly MetastoreAddress[];
  readonly connectTimeoutMs: number;
  readonly callTimeoutMs: number;
}

export interface CallOptions {
  /** Goes ahead of the calls that wait for a connection: a lock's heartbeat cannot wait for its turn. */
  readonly urgent?: boolean;
  /** Not tried again, whatever the method allows. */
  readonly once?: boolean;
}

const connections = 8;
/** A connection idle for longer is not trusted: a firewall may have forgotten it without telling anybody. */
const idleMs = 20_000;
const applicationException = struct({ message: [1, string], type: [2, i32] });
const declaredException = struct({ message: [1, string] });

/** Also counts the calls that went out, for those who ask what a commit costs. */
export class MetastoreClient {
  readonly #options: MetastoreClientOptions;
  readonly #limited = limit(connections);
  #idle: { readonly connection: ThriftConnection; readonly sinceMs: number }[] = [];
  #busy = new Set<ThriftConnection>();
  #preferred = 0;
  #sequence = 0;
  #closed = false;

  constructor(options: MetastoreClientOptions) {
    this.#options = options;
  }

  /** For messages. */
  get shown(): string {
    return this.#options.addresses.map(({ host, port }) => `thrift://${host}:${port}`).join(",");
  }

  /**
   * Errors: `MetastoreFault` where the server refused, `LostCall` where no answer came. What the server
   * certainly did not get is sent again, to the next address where there are several; what it may have
   * got only if the method is repeatable.
   */
  async call<A, R>(method: Method<A, R>, args: A, options: CallOptions = {}): Promise<R> {
    const attempt = (): Promise<R> => this.#callOnce(method, args);
    // A server that falls silent costs its time once, or once for each of several.
    const deadline = performance.now() + this.#options.callTimeoutMs * this.#options.addresses.length;
    const retryable = (error: unknown): boolean =>
      error instanceof LostCall &&
      (method.repeatable || !error.sent) &&
      !this.#closed &&
      performance.now() < deadline;
    const patience = {
      attempts: options.once === true ? 1 : 4,
      firstDelayMs: 150,
      maxDelayMs: 2000,
      retryable,
    };
    const act = (): Promise<R> => retry(patience, attempt);
    return options.urgent === true ? act() : this.#limited(act);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { connection } of this.#idle) connection.close();
    for (const connection of this.#busy) connection.close();
    this.#idle = [];
  }

  async #callOnce<A, R>(method: Method<A, R>, args: A): Promise<R> {
    this.#sequence = (this.#sequence + 1) & 0x7fff_ffff;
    const sequence = this.#sequence;
    const message = encodeCall(method, args, sequence);
    const connection = await this.#connect();
    this.#busy.add(connection);
    try {
      const answer = await connection.call(message, this.#options.callTimeoutMs);
      return decodeAnswer(method, answer, sequence);
    } catch (error) {
      if (error instanceof LostCall) this.#preferred += 1;
      if (!(error instanceof MalformedMessage)) throw error;
      connection.close();
      throw new LostCall(`the answer to ${method.name} cannot be read: ${error.message}`, {
        sent: true,
        cause: error,
      });
    } finally {
      this.#busy.delete(connection);
      if (connection.usable && !this.#closed) this.#idle.push({ connection, sinceMs: performance.now() });
      else connection.close();
    }
  }

  async #connect(): Promise<ThriftConnection> {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.connection.usable && performance.now() - idle.sinceMs < idleMs) return idle.connection;
      idle.connection.close();
    }
    const { addresses, connectTimeoutMs } = this.#options;
    const problems: string[] = [];
    for (let count = 0; count < addresses.length; count += 1) {
      if (this.#closed) throw new LostCall("the catalog was closed", { sent: false });
      const at = (this.#preferred + count) % addresses.length;
      try {
        const connection = await ThriftConnection.open(addresses[at] as MetastoreAddress, connectTimeoutMs);
        // One that answers is asked first from now on.
        this.#preferred = at;
        return connection;
      } catch (error) {
        problems.push(error instanceof Error ? error.message : String(error));
      }
    }
    throw new LostCall(problems.join("; "), { sent: false });
  }
}

const messageType = { call: 1, reply: 2, exception: 3 } as const;

function encodeCall<A, R>(method: Method<A, R>, args: A, sequence: number): Buffer {
  const writer = new ThriftWriter();
  writer.i16(-0x7fff);
  writer.i16(messageType.call);
  writer.string(method.name);
  writer.i32(sequence);
  method.args.write(writer, args);
  return writer.finish();
}

function decodeAnswer<A, R>(method: Method<A, R>, answer: Buffer, sequence: number): R {
  const reader = new ThriftReader(answer);
  reader.i16();
  const type = reader.i16();
  const name = reader.string();
  if (name !== method.name || reader.i32() !== sequence) {
    throw new MalformedMessage(`an answer to ${name} instead of ${method.name}`);
  }
  if (type === messageType.exception) {
    const { message = "no reason given" } = applicationException.read(reader);
    throw new MetastoreFault("TApplicationException", message);
  }
  for (let field = reader.byte(); field !== wire.stop; field = reader.byte()) {
    const id = reader.i16();
    if (id === 0 && method.result !== null && field === method.result.type) return method.result.read(reader);
    const exception = method.exceptions[id - 1];
    if (exception !== undefined && field === wire.struct) {
      const { message = "no reason given" } = declaredException.read(reader);
      throw new MetastoreFault(exception, message);
    }
    reader.skip(field);
  }
  if (method.result === null) return undefined as R;
  throw new MetastoreFault("TApplicationException", `${method.name} gave neither a result nor a reason`);
}
