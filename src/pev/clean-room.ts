import { join } from "node:path";
import type { Room } from "../../validators/room.js";
import { digestOf } from "../core/canonical.js";
import { LedgerError } from "../core/errors.js";
import type { ProvisionRecord } from "../core/verdict.js";
import type { Cone } from "./cone.js";
import type { RegisteredFolder } from "./disposal.js";
import type { Git } from "./git.js";
import type { HeldOut } from "./held-out.js";
import { layFiles, layFilesOver } from "./lay-files.js";
import { changedFiles, commitTree, treeWith } from "./objects.js";
import { isTestByName } from "./protected-paths.js";
import { cacheFor, PROVISION_HINT, PROVISION_MS, provision } from "./provision.js";
import { judgeFiles, standingFiles } from "./read-only.js";
import type { Facts } from "./room-files.js";
import {
  makeRoomFolder,
  type OwnedRoom,
  openRoomFrame,
  type RoomFrame,
  type RoomFrameOptions,
} from "./room-frame.js";
import { giveGit, type LaidTree, laidTree, layCommit, layNext, TREE } from "./room-tree.js";
import type { RoomsAhead } from "./rooms-ahead.js";
import { treeFiles } from "./tree-files.js";
import type { View } from "./tree-view.js";
import { findIncluded, type Inclusion } from "./worktree-include.js";
import { watchFiles } from "./written-files.js";

export type CleanRoomOptions = RoomFrameOptions & {
  readonly store: Git;
  readonly roomsAhead: Pick<RoomsAhead, "take">;
  /** What is judged. */
  readonly commit: string;
  /** What it is compared with; null when there is nothing. */
  readonly base: string | null;
  /** What of it is laid out. */
  readonly cone: Cone;
  /** Where dependencies come from, see Provisioning. */
  readonly projectDir: string;
  readonly ownFiles: readonly string[];
  readonly setup: readonly (readonly string[])[];
  readonly share: readonly string[];
  /** Paths that set-up makes and that are kept, see setup-cache.ts; and the commit the user began with. */
  readonly cache: readonly string[];
  readonly userBase: string | null;
  /** Globs of plan and settings: what they match is read-only where files are watched. */
  readonly protect: readonly string[];
  /** Whether somebody will ask which files were written. */
  readonly watched: boolean;
  readonly validatorDigest: string;
  readonly baseCache: BaseCache;
  /** Reads the tests that agents never see, or what is wrong with them; null where the plan names none. */
  readonly heldOut: (() => Promise<HeldOut>) | null;
};

/** What a judge found out at a base, and the tracked files that were written meanwhile. */
export type AtBase = { readonly value: unknown; readonly written: readonly string[] };

/** Facts about a base stay true, so nothing is ever taken out to be right. */
export interface BaseCache {
  get(key: string): Promise<AtBase | undefined>;
  set(key: string, known: AtBase): Promise<void>;
}

/**
 * The verifier's own tree, written from stored objects at a place nobody knew before. Where one was laid out ahead for this
 * run, only the difference is written, see RoomsAhead.
 */
export const openCleanRoom = async (options: CleanRoomOptions): Promise<OwnedRoom> => {
  const { store, commit, base, projectDir, ownFiles, disposal } = options;
  const taken = await options.roomsAhead.take(options.runId);
  const folder =
    taken?.folder ?? (await makeRoomFolder(options.places, { runId: options.runId, stepId: options.name }));
  const atBase = lazy(() => openBase(options, base));
  const laidOver: OwnedRoom[] = [];
  const dispose = async (): Promise<void> => {
    await (await atBase.started())?.dispose();
    for (const room of laidOver.splice(0)) await room.dispose();
    await disposal.later(folder);
  };
  const { frame, view, facts } = await furnish(options, folder, taken?.laid).catch(async (error: unknown) => {
    await dispose();
    throw error;
  });
  const tree = join(folder.path, TREE);
  const included = lazy(() => findIncluded({ projectDir, ownFiles }));
  const usual = new Set<string>();
  const heldOut = new Set<string>();
  let written: () => Promise<readonly string[]> = async () => [];
  return {
    ...frame.commandsIn(tree),
    ...treeFiles(tree),
    lay: (files) => layFiles(tree, files),
    layHeldOut: layingHeldOut(options, tree, heldOut),
    scratch: frame.scratch,
    readScratch: frame.readScratch,
    writeScratch: frame.writeScratch,
    listScratch: frame.listScratch,
    changedFiles: async () => (base === null ? [] : changedFiles({ store, from: base, to: commit })),
    atBase: () => atBase.get(),
    atBaseWith: async (paths) => {
      const room = await openBase(options, await baseWith(options, paths));
      if (room !== undefined) laidOver.push(room);
      return room;
    },
    cachedAtBase: async (compute, about) => {
      const base = { get: () => atBase.get(), included: await included.get(), about };
      const known = await cachedAtBase(options, base, compute);
      for (const path of known?.written ?? []) usual.add(path);
      return known?.value;
    },
    provision: async () => {
      if (options.watched)
        written = await watchFiles(
          tree,
          view.files.map(({ path }) => path),
          facts,
        );
      return provisioned(options, frame, tree, await included.get());
    },
    changedWhileJudged: async () =>
      (await written()).filter((path) => !usual.has(path) && !heldOut.has(path)),
    foundAtWalls: async () => {
      const [own, base] = [frame.foundAtWalls(), await (await atBase.started())?.foundAtWalls()];
      return { wall: own.wall ?? base?.wall ?? null, noSpace: own.noSpace || base?.noSpace === true };
    },
    dispose,
  };
};

const layingHeldOut =
  (options: CleanRoomOptions, tree: string, laid: Set<string>): OwnedRoom["layHeldOut"] =>
  async () => {
    const held = await options.heldOut?.();
    if (held === undefined) return undefined;
    const paths = held.files.map(({ path }) => path);
    if (laid.size === 0 && !(await layFilesOver(tree, held.files))) throw notLaid(held.folder);
    for (const path of paths) laid.add(path);
    return { folder: held.folder, digest: held.digest, paths };
  };

const provisioned = async (
  options: CleanRoomOptions,
  frame: RoomFrame,
  tree: string,
  included: Inclusion,
): Promise<readonly ProvisionRecord[]> => {
  await frame.fillCaches(tree);
  const { projectDir, setup, share } = options;
  const records = await provision({
    tree,
    setup,
    included,
    projectDir,
    share,
    cache: await cacheFor({ ...options, tree, included }),
    whenPresent: "replace",
    timeoutMs: PROVISION_MS,
    run: (argv, timeoutMs) => frame.run(tree, argv, timeoutMs),
    runHeld: (argv, timeoutMs) => frame.runHeld(tree, argv, timeoutMs),
  });
  return [...sparseRecord(options.cone), ...records];
};

type Furnished = { readonly frame: RoomFrame; readonly view: View; readonly facts?: Facts };

const furnish = async (
  options: CleanRoomOptions,
  folder: RegisteredFolder,
  ahead: LaidTree | undefined,
): Promise<Furnished> => {
  const { store, commit, cone, runId, name } = options;
  const at = { branch: `runledger/${runId}/${name}`, commit, cone };
  const open = () => openRoomFrame({ ...options, ...sightOf(options, folder) }, folder);
  if (ahead !== undefined) {
    const laid = await layNext(store, folder, ahead, commit, cone);
    await giveGit(store, folder, at, laid);
    return { frame: await open(), view: laid.view, facts: laid.facts };
  }
  const view = await layCommit(store, folder, commit, cone);
  // The index that git wrote knows nothing of what is not laid out.
  await giveGit(store, folder, at, cone.folders.length > 0 ? await laidTree(folder, commit, view) : null);
  return { frame: await open(), view };
};

const sightOf = (
  { store, commit, protect, watched }: CleanRoomOptions,
  folder: RegisteredFolder,
): Required<Pick<RoomFrameOptions, "reads" | "readOnly">> => ({
  // The room's git borrows what it does not have.
  reads: [join(store.gitDir, "objects")],
  readOnly: async () =>
    watched ? standingFiles(join(folder.path, TREE), await judgeFiles(store, commit, protect)) : [],
});

/** The verdict says what its room did not have. */
const sparseRecord = ({ folders }: Cone): readonly ProvisionRecord[] =>
  folders.length === 0
    ? []
    : [{ what: `sparse: only ${folders.join(", ")}, and files on the way`, outcome: "done", durationMs: 0 }];

const openBase = async (options: CleanRoomOptions, commit: string | null): Promise<OwnedRoom | undefined> => {
  if (commit === null) return undefined;
  const room = await openCleanRoom({ ...options, commit, base: null });
  const failed = (await room.provision()).find(({ outcome }) => outcome === "failed");
  if (failed === undefined) return room;
  await room.dispose();
  throw new LedgerError("provision_failed", `The room of the base could not be prepared: ${failed.what}`, {
    hint: PROVISION_HINT,
  });
};

/** Tests that were there at the base are laid over it too, where a step may change them. */
const baseWith = async (
  { store, base, commit, name }: CleanRoomOptions,
  paths: readonly string[],
): Promise<string | null> => {
  if (base === null) return null;
  const named = new Set(paths);
  const changed = await changedFiles({ store, from: base, to: commit });
  const laid = changed
    .filter(({ path, change }) => change !== "deleted" && (named.has(path) || isTestByName(path)))
    .map(({ path }) => path);
  const tree = await treeWith({ store, tree: base, from: commit, paths: laid });
  return commitTree({ store, tree, parent: base, message: `Tests of ${name} over its base\n`, at: EPOCH });
};

/** No room is older; nobody keeps this commit. */
const EPOCH = "1970-01-01T00:00:00.000Z";

/** The way a tree is prepared is part of what is true about it, so it is part of the key. */
const cachedAtBase = async (
  { store, base, validatorDigest, setup, share, cone, baseCache }: CleanRoomOptions,
  at: {
    readonly get: () => Promise<OwnedRoom | undefined>;
    readonly included: Inclusion;
    readonly about: string | undefined;
  },
  compute: (base: Room) => Promise<unknown>,
): Promise<AtBase | undefined> => {
  if (base === null) return undefined;
  const { stdout } = await store.run(["rev-parse", "--verify", `${base}^{tree}`]);
  const key = digestOf({
    tree: stdout.trim(),
    validatorDigest,
    setup,
    share,
    included: at.included.files,
    cone: cone.folders,
    about: at.about ?? null,
  });
  const known = await baseCache.get(key);
  if (known !== undefined) return known;
  const room = await at.get();
  if (room === undefined) return undefined;
  const found = { value: await compute(room), written: await room.changedWhileJudged() };
  await baseCache.set(key, found);
  return found;
};

const notLaid = (folder: string): LedgerError =>
  new LedgerError(
    "held_out_unfit",
    `What ${folder} holds could not be laid over the tree: a file or a link is where a folder should be.`,
    {
      hint: "Lay the folder out like the project.",
    },
  );

/** Made when first asked for; `started` waits for it without starting it. */
const lazy = <T>(make: () => Promise<T>) => {
  let made: Promise<T> | undefined;
  return {
    get: (): Promise<T> => {
      made ??= make();
      return made;
    },
    started: (): Promise<T | undefined> => made?.catch(() => undefined) ?? Promise.resolve(undefined),
  };
};
