// A TCP proxy that writes down which Thrift methods a client calls: what a commit costs in round trips.
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface ThriftSpy {
  readonly port: number;
  /** The methods called since the last time this was asked. */
  calls(): readonly string[];
  close(): Promise<void>;
}

export async function startThriftSpy(serverPort: number): Promise<ThriftSpy> {
  let calls: string[] = [];
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
    client.pipe(server).pipe(client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    calls: () => {
      const seen = calls;
      calls = [];
      return seen;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        proxy.close(() => resolve());
      }),
  };
}
