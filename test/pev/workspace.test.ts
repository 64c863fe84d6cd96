import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { captureTree } from "../../src/pev/capture.js";
import { captureBase } from "../../src/pev/checkout.js";
import { coneOf } from "../../src/pev/cone.js";
import { type Git, openPrivateStore } from "../../src/pev/git.js";
import { commitTree, mergeOnto } from "../../src/pev/objects.js";
import { createWorkspace, layTree } from "../../src/pev/workspace.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { commitAll, git, tempFolder, userRepository, write } from "../helpers/repositories.js";

const begin = async (projectDir: string): Promise<{ store: Git; commit: string }> => {
  const store = await openPrivateStore(join(tempFolder(), "store.git"));
  const options = { allowDirty: [], includeUncommitted: false, redactor: NO_SECRETS };
  return { store, ...(await captureBase({ store, projectDir, runId: "run", ...options })) };
};

const freshFolder = (): string => join(tempFolder(), "work");

describe("a workspace", () => {
  it("holds one commit and its ancestors: no other refs, objects, tags, stashes, remotes or reflogs", async () => {
    const projectDir = userRepository();
    git(projectDir, "tag", "v1");
    git(projectDir, "branch", "secret");
    write(projectDir, { "a.txt": "future\n" });
    const future = commitAll(projectDir, "future");
    git(projectDir, "reset", "--quiet", "--hard", "HEAD~1");
    write(projectDir, { "a.txt": "stashed\n" });
    git(projectDir, "stash", "--quiet");
    const { store, commit } = await begin(projectDir);
    write(projectDir, { "b.txt": "b\n" });
    commitAll(projectDir, "later");
    await captureBase({
      store,
      projectDir,
      runId: "other",
      allowDirty: [],
      includeUncommitted: false,
      redactor: NO_SECRETS,
    });
    const folder = freshFolder();
    await createWorkspace({ store, folder, commit, cone: coneOf([]) });
    expect(git(folder, "for-each-ref", "--format=%(refname) %(objectname)")).toBe(
      `refs/heads/runledger ${commit}`,
    );
    expect(git(folder, "rev-list", "--all", "--reflog").split("\n")).toEqual([commit]);
    const objects = git(
      folder,
      "cat-file",
      "--batch-all-objects",
      "--batch-check=%(objecttype) %(objectname)",
    );
    expect(
      objects
        .split("\n")
        .map((line) => line.split(" ")[0])
        .sort(),
    ).toEqual(["blob", "commit", "tree"]);
    expect(objects).not.toContain(future);
    expect(git(folder, "remote")).toBe("");
    for (const path of [
      "logs",
      "hooks",
      "ORIG_HEAD",
      "FETCH_HEAD",
      "objects/info/alternates",
      "packed-refs",
    ]) {
      expect(existsSync(join(folder, ".git", path)), path).toBe(false);
    }
  });

  it("shares no file with the store, and its folder is closed to others", async () => {
    const { store, commit } = await begin(userRepository());
    const folder = freshFolder();
    await createWorkspace({ store, folder, commit, cone: coneOf([]) });
    const packs = join(folder, ".git", "objects", "pack");
    for (const name of readdirSync(packs)) expect(statSync(join(packs, name)).nlink).toBe(1);
    expect(lstatSync(folder).mode & 0o077).toBe(0);
  });

  it("is on its branch, clean, and lets an agent commit", async () => {
    const { store, commit } = await begin(userRepository({ "a.txt": "one\n", "sub/b.txt": "b\n" }));
    const folder = freshFolder();
    await createWorkspace({ store, folder, commit, cone: coneOf([]) });
    expect(git(folder, "status", "--porcelain=v2", "--branch")).toBe(
      `# branch.oid ${commit}\n# branch.head runledger`,
    );
    expect(readFileSync(join(folder, "sub", "b.txt"), "utf8")).toBe("b\n");
    write(folder, { "a.txt": "two\n" });
    git(folder, "commit", "--quiet", "--all", "-m", "mine");
    expect(git(folder, "config", "--get-regexp", "^user\\.")).toBe(
      "user.name RunLedger\nuser.email runledger@localhost",
    );
    expect(git(folder, "config", "--get", "core.bare")).toBe("false");
    expect(git(folder, "fsck", "--full")).toBe("");
  });

  it("holds the bytes of the commit, whatever its attributes say", async () => {
    const projectDir = userRepository({ "a.txt": "one\n$Id$\n" });
    const attributes = "*.txt text eol=crlf ident working-tree-encoding=UTF-16\n";
    write(projectDir, {
      ".gitattributes": attributes,
      ".git/info/attributes": "* -text -ident !working-tree-encoding\n",
    });
    commitAll(projectDir, "attributes");
    const { store, commit } = await begin(projectDir);
    const folder = freshFolder();
    await createWorkspace({ store, folder, commit, cone: coneOf([]) });
    expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("one\n$Id$\n");
    expect(git(folder, "status", "--porcelain")).toBe("");
  });

  it("is made of a shallow clone too", async () => {
    const origin = userRepository();
    write(origin, { "a.txt": "two\n" });
    const second = commitAll(origin, "second");
    const projectDir = join(tempFolder(), "shallow");
    git(origin, "clone", "--quiet", "--depth=1", `file://${origin}`, projectDir);
    const { store, commit } = await begin(projectDir);
    expect(commit).toBe(second);
    const folder = freshFolder();
    await createWorkspace({ store, folder, commit, cone: coneOf([]) });
    expect(git(folder, "rev-list", "HEAD")).toBe(second);
    expect(git(folder, "status", "--porcelain")).toBe("");
  });

  it("is never made over something else", async () => {
    const { store, commit } = await begin(userRepository());
    const folder = tempFolder();
    write(folder, { "mine.txt": "x" });
    await expect(createWorkspace({ store, folder, commit, cone: coneOf([]) })).rejects.toMatchObject({
      code: "workspace_unfit",
    });
    expect(readdirSync(folder)).toEqual(["mine.txt"]);
  });
});

describe("a laid tree", () => {
  it("shows an agent where its work collided, as changes it has not committed", async () => {
    const { store, commit: base } = await begin(userRepository({ "a.txt": "one\n", "old.txt": "x\n" }));
    const work = freshFolder();
    const commitFrom = async (files: Record<string, string>, message: string): Promise<string> => {
      write(work, files);
      const { tree } = await captureTree({
        store,
        folder: work,
        baseCommit: base,
        alsoPaths: [],
        leftOut: [],
        cone: coneOf([]),
        redactor: NO_SECRETS,
      });
      return commitTree({ store, tree, parent: base, message, at: "2026-01-01T00:00:00Z" });
    };
    mkdirSync(work);
    const head = await commitFrom({ "a.txt": "theirs\n", "old.txt": "x\n", "theirs.txt": "t\n" }, "theirs");
    const mine = await commitFrom({ "a.txt": "mine\n", "mine/new.txt": "m\n" }, "mine");
    const { tree, conflicts } = await mergeOnto({ store, head, commit: mine });
    expect(conflicts).toEqual(["a.txt"]);
    const folder = freshFolder();
    await createWorkspace({ store, folder, commit: head, cone: coneOf([]) });
    await layTree({ store, folder, commit: head, tree, cone: coneOf([]) });
    expect(readFileSync(join(folder, "a.txt"), "utf8")).toMatch(/<{7} .*\ntheirs\n={7}\nmine\n>{7} /);
    expect(git(folder, "status", "--porcelain", "--untracked-files=all").split("\n").sort()).toEqual(
      [" M a.txt", "?? mine/new.txt"].sort(),
    );
    const captured = await captureTree({
      store,
      folder,
      baseCommit: head,
      alsoPaths: [],
      leftOut: [],
      cone: coneOf([]),
      redactor: NO_SECRETS,
    });
    expect(captured.tree).toBe(tree);
  });

  it("removes what the tree does not have", async () => {
    const { store, commit } = await begin(userRepository({ "a.txt": "one\n", "sub/gone.txt": "x\n" }));
    const folder = freshFolder();
    await createWorkspace({ store, folder, commit, cone: coneOf([]) });
    const tree = (await store.run(["rev-parse", `${commit}:sub`])).stdout.trim();
    await layTree({ store, folder, commit, tree, cone: coneOf([]) });
    expect(readdirSync(folder).sort()).toEqual([".git", "gone.txt"]);
  });
});
