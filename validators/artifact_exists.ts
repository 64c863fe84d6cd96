import { sha256 } from "../src/core/canonical.js";
import type { ArtifactExistsSpec } from "../src/core/spec.js";
import type { Judgement } from "../src/core/verdict.js";
import { failed, passed } from "./judgement.js";
import type { Room, Validator } from "./room.js";

/** Contents are looked at whole, in memory. */
const ARTIFACT_BYTES_MAX = 256 * 1024 * 1024;

// An artifact that lay there before the step proves nothing, so by default it must be new or differ from the base.
export const artifactExists: Validator<ArtifactExistsSpec> = async ({ target, params }, room) => {
  const path = target.replace(/^(\.\/)+/, "");
  const stat = await room.stat(path);
  if (stat === undefined) return missing(target, `There is no file "${target}".`);
  if (stat.kind !== "file") return missing(target, `"${target}" is a ${stat.kind}, not a regular file.`);
  if (stat.bytes < (params.minBytes ?? 0)) {
    return unfit(`"${target}" has ${stat.bytes} bytes, expected at least ${params.minBytes}.`);
  }
  if (stat.bytes > ARTIFACT_BYTES_MAX) {
    return unfit(`"${target}" has ${stat.bytes} bytes, at most ${ARTIFACT_BYTES_MAX} can be looked at.`);
  }
  const bytes = await room.read(path, ARTIFACT_BYTES_MAX);
  if (bytes === undefined) return missing(target, `"${target}" cannot be read.`);
  return (
    (await defectOf(path, bytes, params, room)) ?? passed(`"${target}" is there, ${bytes.length} bytes.`)
  );
};

const missing = (target: string, message: string): Judgement =>
  failed("artifact_missing", message, { missing: [target] });

const unfit = (message: string): Judgement => failed("artifact_unfit", message);

const defectOf = async (
  path: string,
  bytes: Buffer,
  params: ArtifactExistsSpec["params"],
  room: Room,
): Promise<Judgement | undefined> => {
  const digest = sha256(bytes);
  if (params.sha256 !== undefined && params.sha256.toLowerCase() !== digest) {
    return unfit(`"${path}" has the SHA-256 ${digest}, expected ${params.sha256}.`);
  }
  if (params.contains !== undefined && !bytes.includes(params.contains)) {
    return unfit(`"${path}" does not contain "${params.contains}".`);
  }
  if (params.changed !== false && (await room.cachedAtBase((base) => digestAt(path, base))) === digest) {
    return unfit(`"${path}" is byte for byte what it was at the base.`);
  }
  return undefined;
};

const digestAt = async (path: string, base: Room): Promise<string | null> => {
  const bytes = await base.read(path, ARTIFACT_BYTES_MAX);
  return bytes === undefined ? null : sha256(bytes);
};
