import type { Run } from "../core/run.js";
import { type ValidatorSpec, validatorDigest } from "../core/spec.js";
import { openCleanRoom } from "./clean-room.js";
import { type HeldOut, readHeldOut } from "./held-out.js";
import type { Project } from "./project.js";
import { openProjectRoom } from "./project-room.js";
import type { OwnedRoom } from "./room-frame.js";
import { holdsToTheTree } from "./tampering.js";

export type RoomTask = {
  /** Of the step, or of the criterion. */
  readonly name: string;
  readonly validator: ValidatorSpec;
  /** The commit to judge and the one to compare it with; null without workspace isolation. */
  readonly candidate: { readonly commit: string; readonly base: string } | null;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

// A clean room where there is something to unpack, the project's own folder where seed 002 runs without isolation.
export const openRoom = (
  project: Project,
  run: Run,
  { name, validator, candidate, timeoutMs, signal }: RoomTask,
): Promise<OwnedRoom> => {
  const {
    places,
    walls,
    disposal,
    isolation,
    passEnv,
    cacheFolder,
    putBlob,
    redactor,
    environment,
    folder: projectDir,
    store,
  } = project;
  const frame = {
    places,
    walls,
    disposal,
    isolation,
    runId: run.runId,
    name,
    passEnv,
    cacheFolder,
    timeoutMs,
    putBlob: (bytes: Uint8Array) => putBlob(bytes, run.runId),
    redactor,
    environment,
    signal,
  };
  const { roomsAhead } = project;
  const heldOut = heldOutOf(project, validator);
  if (candidate === null || store === null || roomsAhead === null)
    return openProjectRoom({ ...frame, projectDir });
  const { ownFiles, setup, share, cache, cone, baseCache } = project;
  const digest = validatorDigest(validator);
  return openCleanRoom({
    ...frame,
    ...candidate,
    store,
    roomsAhead,
    projectDir,
    ownFiles,
    setup,
    share,
    cache,
    cone,
    userBase: run.base,
    protect: [...run.protect, ...project.protect],
    watched: holdsToTheTree(validator),
    validatorDigest: digest,
    baseCache,
    heldOut,
  });
};

/** Read once for all rooms of a verdict: what is recorded is what was laid in each. */
const heldOutOf = (project: Project, validator: ValidatorSpec): (() => Promise<HeldOut>) | null => {
  const folder = validator.type === "test_pass" ? validator.params.heldOut : undefined;
  if (folder === undefined) return null;
  let read: Promise<HeldOut> | undefined;
  return () => {
    read ??= readHeldOut(project, folder);
    return read;
  };
};
