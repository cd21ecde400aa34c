import { lakeError } from "../../common/errors.ts";
import type { MetastoreAddress } from "./thrift-connection.ts";

const defaultPort = 9083;

/** `thrift://host:9083`, as Hive's `metastore.thrift.uris` has them. Errors: `catalog/bad-uri`. */
export function parseMetastoreUris(uris: readonly string[]): readonly MetastoreAddress[] {
  const parts = uris.flatMap((text) => text.split(",")).map((text) => text.trim());
  const addresses = parts.filter((text) => text !== "").map(parseOne);
  if (addresses.length === 0) {
    throw lakeError("catalog/bad-uri", {
      uri: JSON.stringify(uris.join(",")),
      problem: "it names no server",
    });
  }
  return addresses;
}

function parseOne(uri: string): MetastoreAddress {
  const match = /^thrift:\/\/(?:\[([0-9a-f:.%]+)\]|([^/:@[\]?#\s]+))(?::(\d{1,5}))?\/?$/i.exec(uri);
  const port = Number(match?.[3] ?? defaultPort);
  if (match === null || port < 1 || port > 65_535) {
    // A password written into it by mistake is not repeated.
    const shown = JSON.stringify(uri.replace(/\/\/[^/]*@/, "//***@"));
    throw lakeError(
      "catalog/bad-uri",
      { uri: shown, problem: "it is no address of a metastore" },
      { hint: "write thrift://host:9083, several of them with commas between" },
    );
  }
  return { host: match[1] ?? match[2] ?? "", port };
}
