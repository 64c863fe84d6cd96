import { isLedgerError, LedgerError } from "../core/errors.js";
import { fetchCommit } from "./checkout.js";
import type { Git } from "./git.js";
import { runRefs } from "./objects.js";
import type { Project } from "./project.js";
import { updateRefs } from "./stale-lock.js";
import { userGit } from "./user-git.js";

/** What a run needs of git, without the user's history it began from: that is where its project is. */
export type RunCommits = {
  /** The user's commit the run began from. */
  readonly origin: string;
  /** Name below the run's refs → commit. */
  readonly refs: Readonly<Record<string, string>>;
  readonly pack: Buffer;
};

/** `missing`: the project has no such commit to begin from, so the run can be read, but not resumed or applied. */
export type CommitsArrived = "here" | "missing" | "none";

/** 256 MiB: in base64, in its one line of a bundle, a larger one would be longer than any line that is taken in. */
const PACK_BYTES = 268_435_456;

/** Whether `packRun` has something to pack; a run that was imported without its origin has nothing. */
export const holdsCommits = async (store: Git | null, runId: string): Promise<boolean> =>
  store !== null && (await refsOf(store, runId)).origin !== undefined;

/** For what git refuses of a run that was imported without its origin: nothing is wrong with git, its commits are just not here. */
export const unlessElsewhere =
  (store: Git, runId: string) =>
  async (error: unknown): Promise<never> => {
    if (!isLedgerError(error, "git_failed") || (await holdsCommits(store, runId))) throw error;
    throw new LedgerError("no_commits", `The commits of run "${runId}" are not here.`, {
      hint: "It was imported without the commit it began from. Once that is here (`git fetch`), import the bundle again; or go on where it ran.",
      details: { runId },
      cause: error,
    });
  };

/** Undefined for a run without workspace isolation. */
export const packRun = async (store: Git | null, runId: string): Promise<RunCommits | undefined> => {
  if (store === null) return undefined;
  const { origin, ...refs } = await refsOf(store, runId);
  if (origin === undefined) return undefined;
  const input = `${Object.values(refs).join("\n")}\n^${origin}\n`;
  const pack = await store.runBytes(
    ["pack-objects", "--revs", "--stdout", "--quiet", "--delta-base-offset"],
    {
      input,
    },
  );
  if (pack.byteLength > PACK_BYTES) throw tooLarge(runId, pack.byteLength);
  return { origin, refs, pack };
};

const tooLarge = (runId: string, bytes: number): LedgerError =>
  new LedgerError(
    "limit_exceeded",
    `The commits of run "${runId}" take ${bytes} bytes; a bundle holds ${PACK_BYTES}.`,
    { hint: "Bring them into your checkout (`runledger apply`); the run stays here." },
  );

/** Every object is hashed anew on arrival, and every commit must be whole before a ref names it. */
export const unpackRun = async (
  { store, folder }: Pick<Project, "store" | "folder">,
  runId: string,
  commits: RunCommits | undefined,
): Promise<CommitsArrived> => {
  if (store === null || commits === undefined) return "none";
  if (!(await bringOrigin(store, folder, commits.origin))) return "missing";
  const refs = allRefs(commits);
  try {
    await store.run(["index-pack", "--stdin", "--strict"], { input: commits.pack });
    await store.run(["rev-list", "--objects", "--quiet", "--stdin"], {
      input: `${Object.values(refs).join("\n")}\n`,
    });
    await nameCommits(store, runId, commits);
  } catch (cause) {
    if (!isLedgerError(cause, "git_failed")) throw cause;
    throw new LedgerError("bundle_invalid", `The commits of the bundle are not whole: ${cause.message}`, {
      hint: "Export the run again.",
      cause,
    });
  }
  return "here";
};

/** Names those that the run does not name yet; what it names already is what is judged and applied here. */
export const nameCommits = async (store: Git, runId: string, commits: RunCommits): Promise<void> => {
  const named = await refsOf(store, runId);
  const missing = Object.entries(allRefs(commits)).filter(([name]) => !Object.hasOwn(named, name));
  if (missing.length > 0) await setRefs(store, runId, Object.fromEntries(missing));
};

const allRefs = ({ refs, origin }: RunCommits) => ({ ...refs, origin });

/** A fork needs the commits of its past under its own name, or they would go with the other run. */
export const shareCommits = async (store: Git | null, from: string, to: string): Promise<void> => {
  if (store !== null) await setRefs(store, to, await refsOf(store, from));
};

/** A run that begins at a verified commit of another one keeps it under its own name. */
export const beginFrom = async (
  store: Git,
  { from, to, base }: { readonly from: string; readonly to: string; readonly base: string },
): Promise<void> => {
  const { origin = base } = await refsOf(store, from);
  await setRefs(store, to, { origin, base });
};

/** Packs what is needed and drops what no run names any more; objects of the last hour may be about to be named. */
export const tidyStore = async (store: Git): Promise<number> => {
  const before = await sizeOf(store);
  await store.run(["repack", "-a", "-d", "-q", "--unpack-unreachable=1.hour.ago"]);
  await store.run(["prune", "--expire=1.hour.ago"]);
  return before - (await sizeOf(store));
};

/** Bytes that git objects take. */
const sizeOf = async (store: Git): Promise<number> => {
  const { stdout } = await store.run(["count-objects", "-v"]);
  const facts = Object.fromEntries(stdout.split("\n").map((line) => line.split(": ")));
  return (Number(facts.size) + Number(facts["size-pack"]) + Number(facts["size-garbage"])) * 1_024;
};

const bringOrigin = async (store: Git, projectDir: string, origin: string): Promise<boolean> => {
  try {
    if (await hasCommit(store, origin)) return true;
    const user = await userGit(projectDir);
    if (!(await hasCommit(user.plumbing, origin))) return false;
    await fetchCommit(store, user, origin);
    return true;
  } catch (error) {
    if (isLedgerError(error) && error.kind === "environment") return false;
    throw error;
  }
};

/** With all that it needs: a commit that is there may have lost its parents to a cleaning. */
const hasCommit = async (git: Git, commit: string): Promise<boolean> => {
  const args = ["rev-list", "--quiet", "--objects", "--end-of-options", `${commit}^{commit}`];
  const { exitCode } = await git.run(args, { okExitCodes: [0, 1, 128] });
  return exitCode === 0;
};

const refsOf = async (store: Git, runId: string): Promise<Record<string, string>> => {
  const refs = runRefs(runId);
  const { stdout } = await store.run(["for-each-ref", "--format=%(refname) %(objectname)", refs]);
  const lines = stdout.split("\n").filter(Boolean);
  return Object.fromEntries(
    lines.map((line) => {
      const [name = "", commit = ""] = line.split(" ");
      return [name.slice(refs.length), commit];
    }),
  );
};

const setRefs = (store: Git, runId: string, refs: Readonly<Record<string, string>>) =>
  updateRefs(
    store,
    ["-z", "--stdin"],
    Object.entries(refs)
      .map(([name, commit]) => `update ${runRefs(runId)}${name}\0${commit}\0\0`)
      .join(""),
  );
