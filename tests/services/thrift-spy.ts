// A TCP proxy that writes down which Thrift methods a client calls: what a commit costs in round trips. It can
// also change words on the way, so that the server meets a call as an older or lesser one would.
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface ThriftSpy {
  readonly port: number;
  /** The methods called since the last time this was asked. */
  calls(): readonly string[];
  /** From now on the server sees `to` where the client says `from`, and the other way round; of equal length. */
  replace(from: string, to: string): void;
  close(): Promise<void>;
}

export async function startThriftSpy(serverPort: number): Promise<ThriftSpy> {
  let calls: string[] = [];
  const replaced = new Map<string, string>();
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(serverPort, "127.0.0.1");
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    }
    client.on("data", (bytes) => {
      // Version, type, and then the name with its length; a client sends each message in one piece.
      if (bytes.length > 8 && bytes.readUInt32BE(0) === 0x80010001) {
        calls.push(bytes.toString("utf8", 8, 8 + bytes.readInt32BE(4)));
      }
    });
    client.on("data", (bytes) => server.write(rewritten(bytes, replaced)));
    client.on("end", () => server.end());
    server.on("data", (bytes) => client.write(rewritten(bytes, [...replaced].map(turned))));
    server.on("end", () => client.end());
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    calls: () => {
      const seen = calls;
      calls = [];
      return seen;
    },
    replace: (from, to) => {
      if (from.length !== to.length) throw new Error(`${from} and ${to} have different lengths`);
      replaced.set(from, to);
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        proxy.close(() => resolve());
      }),
  };
}

const turned = ([from, to]: readonly [string, string]): readonly [string, string] => [to, from];

function rewritten(bytes: Buffer, replaced: Iterable<readonly [string, string]>): Buffer {
  let text = bytes.toString("latin1");
  for (const [from, to] of replaced) text = text.replaceAll(from, to);
  return Buffer.from(text, "latin1");
}
