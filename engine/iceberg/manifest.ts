// Manifests: one Avro file of entries each. Writing and reading live in files of their own.
export { readManifest, specTypes } from "./manifest-read.ts";
export type { ReadManifestRequest } from "./manifest-read.ts";
export { writeManifest } from "./manifest-write.ts";
export type { WriteManifestRequest } from "./manifest-write.ts";
