import { existsSync } from "node:fs";
import { appendFile, readdir, readFile, realpath } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { PATHS_LISTED } from "../core/limits.js";
import type { Redactor } from "../core/redact.js";
import { copyHistory, type Git, withScratch } from "./git.js";
import { commitTree, RUNLEDGER, runRefs } from "./objects.js";
import { refuseSecretChanges } from "./secret-files.js";
import { updateRefs } from "./stale-lock.js";
import { refuseUnfitTree } from "./unfit-repository.js";
import { type UserGit, userGit } from "./user-git.js";

/** Older commits of the user's are not searched for patches that were applied before. */
const APPLIED_COMMITS_MAX = 500;
/** More known starting points than this save no further copying. */
const KNOWN_COMMITS_MAX = 100;

/** Every run starts from what the user has committed, copied into our store; nothing of ours is written in theirs. */
export const captureBase = async (input: {
  readonly store: Git;
  readonly projectDir: string;
  readonly runId: string;
  /** Files and folders whose changes do not count, absolute or seen from the project folder. */
  readonly allowDirty: readonly string[];
  readonly includeUncommitted: boolean;
  /** Knows which values may not come into the store. */
  readonly redactor: Redactor;
}): Promise<{ commit: string }> => {
  const { store, projectDir, runId, redactor } = input;
  const refs = runRefs(runId);
  const user = await userGit(projectDir);
  const head = await headOf(user);
  await refuseUnfitTree(user.plumbing, user, head);
  const dirty = await dirtyPaths(user, await allowedPaths(user, projectDir, input.allowDirty));
  if (dirty.length > 0 && !input.includeUncommitted) throw dirtyCheckout(dirty, CAPTURE_HINT);
  await refuseSecretChanges(user.topLevel, dirty, redactor);
  await fetchCommit(store, user, head);
  await updateRefs(store, [`${refs}origin`, head]);
  const commit = dirty.length === 0 ? head : await commitChanges(store, user, head, dirty);
  if (commit !== head) await refuseUnfitTree(store, user, commit);
  await updateRefs(store, [`${refs}base`, commit]);
  return { commit };
};

/** A tree that got none of what was meant would be judged all the same. */
export const requireFolders = async (git: Git, commit: string, folders: readonly string[]): Promise<void> => {
  for (const folder of folders) {
    const { stdout } = await git.run([
      "--literal-pathspecs",
      "ls-tree",
      "-d",
      "--name-only",
      "-z",
      commit,
      "--",
      folder,
    ]);
    if (stdout !== `${folder}\0`)
      throw new LedgerError(
        "settings_invalid",
        `workspace.sparse names "${folder}", which is no folder of the commit.`,
        {
          hint: "Mend workspace.sparse in runledger.yaml, or commit that folder.",
        },
      );
  }
};

export type Patch = { readonly name: string; readonly bytes: Buffer };

/** What leaves the ledger, in the one form everybody can read and apply. */
export const patchSeries = (input: {
  readonly store: Git;
  readonly base: string;
  readonly head: string;
}): Promise<Patch[]> =>
  withScratch(input.store, async (folder) => {
    const range = `${input.base}..${input.head}`;
    await input.store.run([
      "format-patch",
      ...AS_PATCH,
      "--keep-subject",
      "--no-signature",
      "-o",
      folder,
      range,
    ]);
    const names = (await readdir(folder)).sort();
    return Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(folder, name)) })));
  });

/** Names of the patches that were committed, and of those that the checkout had already. */
export type Applied = { readonly applied: readonly string[]; readonly skipped: readonly string[] };

/** The only thing that ever writes the user's checkout: all of the series, or nothing. */
export const applyPatches = async (input: {
  readonly projectDir: string;
  readonly patches: readonly Patch[];
}): Promise<Applied> => {
  const user = await userGit(input.projectDir);
  const head = await headOf(user);
  const known = await knownPatches(user, input.patches);
  const fresh = input.patches.filter((patch) => !known.has(patch));
  const done = { applied: fresh.map(({ name }) => name), skipped: [...known].map(({ name }) => name) };
  if (fresh.length === 0) return done;
  await refuseBusyCheckout(user);
  try {
    const series = Buffer.concat(fresh.map(({ bytes }) => bytes));
    await am(user, ["--3way", "--keep", "--keep-cr", "--no-gpg-sign", "--quiet"], series);
  } catch (error) {
    if (!isLedgerError(error, "git_failed") || !underWay(user)) throw error;
    const conflict = await conflictIn(user, fresh, error);
    await takeBack(user, head);
    throw conflict;
  }
  return done;
};

/** No renames and whole names of objects: such a patch says all there is to say, wherever it is applied. */
const AS_PATCH = [
  ...["--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-relative"],
  // The user may have chosen others, and then the same change would look like another.
  ...["-U3", "--inter-hunk-context=0", "--diff-algorithm=myers", "--indent-heuristic"],
  ...["--src-prefix=a/", "--dst-prefix=b/"],
];

const CAPTURE_HINT = "Commit them, or start the run with --include-uncommitted.";

type Headed = { readonly topLevel: string; readonly plumbing: Pick<Git, "run"> };

export const headOf = async ({ topLevel, plumbing }: Headed): Promise<string> => {
  // A git that was killed says nothing about the repository.
  const { stdout, exitCode } = await plumbing.run(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], {
    okExitCodes: [0, 1],
  });
  if (exitCode === 0) return stdout.trim();
  throw new LedgerError("no_commits", `${topLevel} has no commit to start from.`, {
    hint: "Commit something first: git add -A && git commit.",
  });
};

const allowedPaths = async (
  user: UserGit,
  projectDir: string,
  allowed: readonly string[],
): Promise<string[]> => {
  const project = await realpath(projectDir);
  return Promise.all(
    allowed.map(async (path) => {
      const full = resolve(project, path);
      const folder = await realpath(dirname(full)).catch(() => dirname(full));
      return relative(user.topLevel, join(folder, basename(full)));
    }),
  );
};

const dirtyPaths = async (
  user: UserGit,
  allowed: readonly string[],
  untracked = "all",
): Promise<string[]> => {
  const status = await user.run([
    "status",
    "--porcelain=v1",
    "-z",
    "--no-renames",
    "--ignore-submodules=all",
    `--untracked-files=${untracked}`,
  ]);
  const paths = status.split("\0").flatMap((line) => (line === "" ? [] : [line.slice(3)]));
  return paths.filter((path) => !allowed.some((one) => path === one || path.startsWith(`${one}/`)));
};

/** Where clients look for their servers, as `runledger mcp install` writes it; the client needs them, and no run does. */
const CLIENT_FILES: ReadonlySet<string> = new Set([
  ".mcp.json",
  ".codex/config.toml",
  ".gemini/settings.json",
  "opencode.json",
  ".cursor/mcp.json",
]);

/** Git itself says where its list is, in a worktree too. */
const clientHint = (paths: readonly string[]): string =>
  `Only your client reads ${paths.length === 1 ? "it" : "them"}. Commit with: git add ${paths.join(" ")} && git commit. Or keep out of git, where nothing of it is committed yet, with: printf '%s\\n' ${paths.map((path) => `/${path}`).join(" ")} >> "$(git rev-parse --git-path info/exclude)"`;

const dirtyCheckout = (paths: readonly string[], hint: string): LedgerError => {
  const [first, ...others] = paths;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  const areClients = paths.every((path) => CLIENT_FILES.has(path));
  return new LedgerError(
    "dirty_checkout",
    `The checkout has changes that are not committed: ${first}${more}.`,
    {
      hint: areClients ? clientHint(paths) : hint,
      details: { paths: paths.slice(0, PATHS_LISTED), count: paths.length },
    },
  );
};

/** Copies a commit of the user's with its history, unless it is here already. */
export const fetchCommit = async (store: Git, user: UserGit, head: string): Promise<void> => {
  const refs = await store.run(["for-each-ref", "--format=%(objectname)", "refs/runledger/*/origin"]);
  const ours = [...new Set(refs.stdout.split("\n").filter(Boolean))];
  if (ours.includes(head)) return;
  const theirs = await user.plumbing.run(["cat-file", "--batch-check=%(objecttype) %(objectname)"], {
    input: ours.map((commit) => `${commit}\n`).join(""),
  });
  const have = theirs.stdout.split("\n").flatMap((line) => /^commit (\w+)$/.exec(line)?.[1] ?? []);
  await learnShallow(store, user);
  await copyHistory(user.plumbing, store, { commit: head, have: have.slice(-KNOWN_COMMITS_MAX) });
};

/** Where the user's history was cut off, ours is too; git looks for the parents otherwise. */
const learnShallow = async (store: Git, user: UserGit): Promise<void> => {
  const path = (await user.run(["rev-parse", "--path-format=absolute", "--git-path", "shallow"])).replace(
    /\n$/,
    "",
  );
  const read = async (file: string) =>
    (await readFile(file, "utf8").catch(() => "")).split("\n").filter(Boolean);
  const ours = join(store.gitDir, "shallow");
  const known = new Set(await read(ours));
  const more = (await read(path)).filter((commit) => !known.has(commit));
  if (more.length > 0) await appendFile(ours, more.map((commit) => `${commit}\n`).join(""));
};

/**
 * The user's git reads the changed files, as `git add` would and with the line ends the user chose; but into an index and
 * an object folder of ours. The commit depends on nothing but its content, so a second capture gives the same one.
 */
const commitChanges = (store: Git, user: UserGit, head: string, paths: readonly string[]): Promise<string> =>
  withScratch(store, async (scratch) => {
    const call = {
      workTree: user.topLevel,
      indexFile: join(scratch, "index"),
      env: { GIT_OBJECT_DIRECTORY: join(store.gitDir, "objects") },
    };
    await user.plumbing.run(["read-tree", head], call);
    await user.plumbing.run(
      ["--literal-pathspecs", "add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul"],
      {
        ...call,
        input: paths.map((path) => `${path}\0`).join(""),
      },
    );
    const tree = (await user.plumbing.run(["write-tree"], call)).stdout.trim();
    const seconds = (await store.run(["show", "--no-patch", "--format=%ct", head])).stdout.trim();
    const at = new Date(Number(seconds) * 1000).toISOString();
    return commitTree({ store, tree, parent: head, message: "Uncommitted changes of the checkout\n", at });
  });

/** By what they change rather than by their names, so that also a rebased or amended commit is recognised. */
const knownPatches = async (user: UserGit, patches: readonly Patch[]): Promise<ReadonlySet<Patch>> => {
  const paths = await pathsOf(user, patches);
  if (paths.length === 0) return new Set();
  const log = [
    "--literal-pathspecs",
    "log",
    "--no-merges",
    `-n${APPLIED_COMMITS_MAX}`,
    "--no-color",
    "-p",
    "--full-diff",
  ];
  const history = await user.plumbing.runBytes([...log, ...AS_PATCH, "--stdin"], {
    // Each path is a line of its own; a commit is found by any of them.
    input: ["HEAD", "--", ...paths.filter((path) => !path.includes("\n")), ""].join("\n"),
  });
  const ids = new Set((await patchIds(user, history)).keys());
  const ours = await patchIds(user, Buffer.concat(patches.map(({ bytes }) => bytes)));
  const contained = new Set([...ours].flatMap(([id, commits]) => (ids.has(id) ? commits : [])));
  return new Set(patches.filter(({ bytes }) => contained.has(bytes.toString("latin1", 5, 45))));
};

const pathsOf = async (user: UserGit, patches: readonly Patch[]): Promise<string[]> => {
  const input = Buffer.concat(patches.map(({ bytes }) => bytes));
  if (input.length === 0) return [];
  const { stdout } = await user.plumbing.run(["apply", "--numstat", "-z"], { input });
  const paths = stdout
    .split("\0")
    .flatMap((line) => (line === "" ? [] : [line.split("\t").slice(2).join("\t")]));
  return [...new Set(paths)];
};

/** The commits of each patch id in a log or a series. */
const patchIds = async (user: UserGit, input: Buffer): Promise<Map<string, string[]>> => {
  const { stdout } = await user.plumbing.run(["patch-id", "--verbatim"], { input });
  const ids = new Map<string, string[]>();
  for (const line of stdout.split("\n").filter(Boolean)) {
    const [id = "", commit = ""] = line.split(" ");
    ids.set(id, [...(ids.get(id) ?? []), commit]);
  }
  return ids;
};

const am = async (user: UserGit, args: readonly string[], input = Buffer.alloc(0)): Promise<void> => {
  const { name = RUNLEDGER.name, email = RUNLEDGER.email } = user.identity;
  const env = { GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email };
  await user.plumbing.run(["am", ...args], { workTree: user.topLevel, env, input });
};

const underWay = ({ gitDir }: UserGit): boolean =>
  existsSync(join(gitDir, "rebase-apply")) || existsSync(join(gitDir, "rebase-merge"));

const refuseBusyCheckout = async (user: UserGit): Promise<void> => {
  if (underWay(user)) {
    throw new LedgerError("dirty_checkout", "A rebase or `git am` of yours is under way in the checkout.", {
      hint: "Finish or abort it, then apply again.",
    });
  }
  const dirty = await dirtyPaths(user, [], "no");
  if (dirty.length > 0) throw dirtyCheckout(dirty, "Commit or stash them, then apply again.");
};

const conflictIn = async (
  user: UserGit,
  patches: readonly Patch[],
  cause: LedgerError,
): Promise<LedgerError> => {
  const next = Number(await readFile(join(user.gitDir, "rebase-apply", "next"), "utf8"));
  const patch = patches[next - 1];
  const unmerged = (await user.run(["diff", "--name-only", "--diff-filter=U", "-z"]))
    .split("\0")
    .filter(Boolean);
  const paths = unmerged.length > 0 || patch === undefined ? unmerged : await pathsOf(user, [patch]);
  return new LedgerError("apply_conflict", `${patch?.name} does not fit the checkout: ${paths.join(", ")}.`, {
    hint: "Nothing was changed. Start from a checkout like the run's base, or merge by hand what `runledger patch` prints.",
    details: { patch: patch?.name, paths: paths.slice(0, PATHS_LISTED) },
    cause,
  });
};

const takeBack = async (user: UserGit, head: string): Promise<void> => {
  try {
    await am(user, ["--abort"]);
  } catch (error) {
    // Nothing was committed, so there is nothing to take back but the traces of the attempt.
    if ((await headOf(user)) === head) await am(user, ["--quit"]);
    throw error;
  }
};
