// An HTTP proxy that fails as servers and networks do: errors, bodies cut or changed, replies lost, silence.
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Fault {
  /** Which requests it meets: the method, and what their URL holds. */
  readonly method: string;
  readonly url?: string;
  /** How many of them; then it is over. */
  readonly times: number;
  /** How many pass before the first. */
  readonly after?: number;
  readonly what:
    | { readonly answer: number; readonly code: string }
    /** The reply ends after so many bytes, its headers promising all; or honestly shorter, with new headers. */
    | { readonly cutReplyAfter: number; readonly honestLength?: boolean }
    /** One byte of the reply's body is another. */
    | { readonly spoilReply: true }
    /** The server does what was asked, and the client never hears of it. */
    | { readonly loseReply: true }
    /** Nothing is answered. */
    | { readonly silent: true };
}

export interface HttpFaultProxy {
  readonly endpoint: string;
  /** Requests seen, `METHOD url`. */
  readonly seen: readonly string[];
  /** The access key that signed each of them. */
  readonly signedBy: readonly string[];
  /** Replaces the faults before. */
  fail(...faults: readonly Fault[]): void;
  close(): Promise<void>;
}

interface Waiting {
  readonly fault: Fault;
  passed: number;
  left: number;
}

export async function startHttpFaultProxy(target: string): Promise<HttpFaultProxy> {
  const seen: string[] = [];
  const signedBy: string[] = [];
  let waiting: Waiting[] = [];
  const next = (method: string, url: string): Fault["what"] | null => {
    for (const entry of waiting) {
      const { fault } = entry;
      if (fault.method !== method || !url.includes(fault.url ?? "")) continue;
      if (entry.passed < (fault.after ?? 0)) {
        entry.passed += 1;
        continue;
      }
      if (entry.left === 0) continue;
      entry.left -= 1;
      return fault.what;
    }
    return null;
  };
  const proxy = createServer((incoming, outgoing) => {
    const { method = "", url = "" } = incoming;
    seen.push(`${method} ${url}`);
    signedBy.push(/Credential=([^/]+)/.exec(incoming.headers.authorization ?? "")?.[1] ?? "");
    const what = next(method, url);
    if (what && "silent" in what) return;
    if (what && "answer" in what) refuse(incoming, outgoing, what);
    else forward({ incoming, outgoing, target, what });
  });
  proxy.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    seen,
    signedBy,
    fail: (...faults) => {
      waiting = faults.map((fault) => ({ fault, passed: 0, left: fault.times }));
    },
    close: () =>
      new Promise((resolve) => {
        proxy.close(() => resolve());
        proxy.closeAllConnections();
      }),
  };
}

function refuse(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { answer, code }: { readonly answer: number; readonly code: string },
): void {
  const echoed = incoming.headers.authorization ?? "";
  incoming.resume().once("end", () => {
    outgoing.writeHead(answer, { "content-type": "application/xml" });
    // As real servers do, the refusal repeats what was signed and by whom.
    const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>made by the test for ${echoed}</Message><AWSAccessKeyId>${echoed}</AWSAccessKeyId></Error>`;
    outgoing.end(incoming.method === "HEAD" || answer < 300 ? undefined : body);
  });
}

interface Forwarding {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly target: string;
  readonly what: Exclude<Fault["what"], { answer: number } | { silent: true }> | null;
}

function forward({ incoming, outgoing, target, what }: Forwarding): void {
  const { hostname, port } = new URL(target);
  const { method = "GET", url = "/", headers } = incoming;
  // The host header stays the client's own: it is part of the signature.
  const onward = request({ hostname, port, method, path: url, headers }, (reply) => {
    if (what && "loseReply" in what) {
      reply.resume().once("end", () => incoming.socket.destroy());
      return;
    }
    const replyHeaders = { ...reply.headers };
    if (what && "cutReplyAfter" in what && what.honestLength === true) {
      replyHeaders["content-length"] = String(what.cutReplyAfter);
    }
    outgoing.writeHead(reply.statusCode ?? 502, replyHeaders);
    if (!what) {
      reply.pipe(outgoing);
      return;
    }
    let sent = 0;
    reply.on("data", (chunk: Buffer) => {
      if ("spoilReply" in what) {
        const bytes = Buffer.from(chunk);
        if (sent === 0) bytes[0] = (bytes[0] ?? 0) ^ 0xff;
        sent += bytes.length;
        outgoing.write(bytes);
        return;
      }
      const part =
        "cutReplyAfter" in what ? chunk.subarray(0, Math.max(0, what.cutReplyAfter - sent)) : chunk;
      sent += part.length;
      outgoing.write(part);
      if (!("cutReplyAfter" in what) || sent < what.cutReplyAfter) return;
      reply.destroy();
      if (what.honestLength === true) outgoing.end();
      // What was written must leave before the line is cut.
      else setTimeout(() => incoming.socket.destroy(), 20);
    });
    reply.once("end", () => outgoing.end());
    reply.once("error", () => undefined);
  });
  onward.once("error", () => incoming.socket.destroy());
  outgoing.once("error", () => undefined);
  incoming.pipe(onward);
}
