// The SDK's client as a target asks for it, and what every request of ours carries.
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import type { AssumedRole, S3Options } from "./s3-options.ts";

/** One request that left this process, retries included. */
export interface S3Request {
  /** `PutObject`, `GetObject`, `HeadObject`, `ListObjectsV2`, … */
  readonly operation: string;
  readonly method: string;
  /** Of the URL: the key, and the bucket where it stands there. */
  readonly path: string;
}

/** What the modules of this folder work with. */
export interface S3Connection {
  readonly client: S3Client;
  readonly options: S3Options;
  /** The headers that ask for encryption, for whatever creates an object. */
  readonly encryption: {
    readonly ServerSideEncryption?: "AES256" | "aws:kms";
    readonly SSEKMSKeyId?: string;
    readonly BucketKeyEnabled?: boolean;
  };
}

const connections = 64;

export function connect(options: S3Options, onRequest?: (request: S3Request) => void): S3Connection {
  const { endpoint, region, profile } = options;
  const agent = { keepAlive: true, maxSockets: connections };
  const client = new S3Client({
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    // Other servers have one region and seldom say which.
    ...(region === undefined && endpoint !== undefined && { region: "us-east-1" }),
    ...(profile !== undefined && { profile }),
    ...credentials(options),
    forcePathStyle: options.pathStyle,
    followRegionRedirects: endpoint === undefined,
    retryMode: "standard",
    maxAttempts: options.retries + 1,
    // The handler's own request timeout counts from the first byte sent to the answer, which a slow line
    // exceeds with every large part; silence is what tells a dead server.
    requestHandler: {
      connectionTimeout: options.connectTimeoutMs,
      socketTimeout: options.requestTimeoutMs,
      httpAgent: agent,
      httpsAgent: agent,
    },
    // The SDK's warnings would stand between the run's lines, and could name what must not be named.
    logger: quiet,
  });
  if (onRequest) {
    client.middlewareStack.add(
      (next, context) => (input) => {
        const { method = "", path = "" } = input.request as {
          readonly method?: string;
          readonly path?: string;
        };
        onRequest({ operation: (context.commandName ?? "").replace(/Command$/, ""), method, path });
        return next(input);
      },
      { step: "deserialize", name: "lakeCountRequests" },
    );
  }
  return { client, options, encryption: encryptionOf(options) };
}

const ignore = (): void => undefined;
const quiet = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

function encryptionOf({ encryption }: S3Options): S3Connection["encryption"] {
  if (encryption === undefined) return {};
  if (encryption.kind === "s3") return { ServerSideEncryption: "AES256" };
  return {
    ServerSideEncryption: "aws:kms",
    // One call to the key service per bucket and time, not per object.
    BucketKeyEnabled: true,
    ...(encryption.keyId !== undefined && { SSEKMSKeyId: encryption.keyId }),
  };
}

function credentials(options: S3Options): Pick<S3ClientConfig, "credentials"> {
  if (options.role) return { credentials: assumeRole(options.role, options) };
  return options.keys ? { credentials: { ...options.keys } } : {};
}

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** The SDK asks again when what it was given is about to expire. */
function assumeRole(role: AssumedRole, options: S3Options): () => Promise<Keys> {
  return async () => {
    const { AssumeRoleCommand, STSClient } = await import("@aws-sdk/nested-clients/sts");
    const sts = new STSClient({
      region: options.region ?? "us-east-1",
      ...(role.endpoint !== undefined && { endpoint: role.endpoint }),
      ...(options.profile !== undefined && { profile: options.profile }),
      ...(options.keys && { credentials: { ...options.keys } }),
      maxAttempts: options.retries + 1,
      requestHandler: {
        connectionTimeout: options.connectTimeoutMs,
        socketTimeout: options.requestTimeoutMs,
      },
      logger: quiet,
    });
    try {
      const { Credentials: given } = await sts.send(
        new AssumeRoleCommand({
          RoleArn: role.arn,
          RoleSessionName: role.sessionName,
          ...(role.externalId !== undefined && { ExternalId: role.externalId }),
        }),
      );
      return {
        accessKeyId: given?.AccessKeyId ?? "",
        secretAccessKey: given?.SecretAccessKey ?? "",
        ...(given?.SessionToken !== undefined && { sessionToken: given.SessionToken }),
        ...(given?.Expiration !== undefined && { expiration: given.Expiration }),
      };
    } finally {
      sts.destroy();
    }
  };
}
