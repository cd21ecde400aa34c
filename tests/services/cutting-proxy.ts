// A TCP proxy that cuts the line at a chosen word: how a server's answer gets lost on the way.
import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

export interface CutOptions {
  /** What the client sends at the moment of the cut. */
  readonly word: string;
  /** When the server gets that message: before the cut, some time after it, or never (it sees a lost client). */
  readonly deliver: "before" | "never" | { readonly afterMs: number };
  /** How long the server still thinks that the client is there, where the message is never delivered. */
  readonly lingerMs?: number;
  /** Whether the client can connect again. */
  readonly reconnect: boolean;
  /** How many messages with the word pass unhurt before. */
  readonly after?: number;
  /** What else happens at that moment: the server is killed, say. */
  readonly meanwhile?: () => void;
}

export interface CuttingProxy {
  readonly port: number;
  /** The next message that holds the word meets the cut; once. */
  cut(options: CutOptions): void;
  close(): Promise<void>;
}

export async function startCuttingProxy(serverPort: number): Promise<CuttingProxy> {
  let plan: CutOptions | null = null;
  let refusing = false;
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    if (refusing) {
      client.destroy();
      return;
    }
    const server = connect(serverPort, "127.0.0.1");
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    }
    server.on("data", (bytes) => client.write(bytes));
    server.on("close", () => client.destroy());
    const clientGone = (): void => void server.destroy();
    client.on("close", clientGone);
    client.on("data", (bytes) => {
      if (plan === null || !bytes.includes(plan.word)) {
        server.write(bytes);
        return;
      }
      const { deliver, lingerMs = 0, reconnect, after = 0, meanwhile } = plan;
      if (after > 0) {
        plan = { ...plan, after: after - 1 };
        server.write(bytes);
        return;
      }
      plan = null;
      refusing = !reconnect;
      client.removeListener("close", clientGone);
      client.destroy();
      if (deliver === "never") setTimeout(() => server.destroy(), lingerMs);
      else setTimeout(() => server.end(bytes), deliver === "before" ? 0 : deliver.afterMs);
      if (meanwhile !== undefined) setTimeout(meanwhile, 0);
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    cut: (options) => {
      plan = options;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        proxy.close(() => resolve());
      }),
  };
}
