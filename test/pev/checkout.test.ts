import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LedgerError } from "../../src/core/errors.js";
import { applyPatches, captureBase, headOf, patchSeries } from "../../src/pev/checkout.js";
import { type Git, openPrivateStore } from "../../src/pev/git.js";
import { commitTree, listTree, writeIndex } from "../../src/pev/objects.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { commitAll, git, snapshot, tempFolder, userRepository, write } from "../helpers/repositories.js";

const openStore = (): Promise<Git> => openPrivateStore(join(tempFolder(), "store.git"));

type Options = {
  readonly store?: Git;
  readonly allowDirty?: string[];
  readonly includeUncommitted?: boolean;
};

const captureFrom = async (projectDir: string, options: Options = {}) => {
  const { store = await openStore(), allowDirty = [], includeUncommitted = false } = options;
  return {
    store,
    ...(await captureBase({
      store,
      projectDir,
      runId: "run",
      allowDirty,
      includeUncommitted,
      redactor: NO_SECRETS,
    })),
  };
};

type Files = Readonly<Record<string, string | Buffer | null>>;

/** What a verified step adds to the head: null deletes. */
const verified = async (store: Git, parent: string, files: Files, message: string): Promise<string> => {
  const entries = new Map((await listTree(store, parent)).map((entry) => [entry.path, entry]));
  for (const [path, input] of Object.entries(files)) {
    entries.delete(path);
    if (input === null) continue;
    const oid = (await store.run(["hash-object", "-w", "--stdin"], { input })).stdout.trim();
    entries.set(path, { mode: path.endsWith(".sh") ? "100755" : "100644", oid, path });
  }
  const indexFile = join(tempFolder(), "index");
  await writeIndex(store, indexFile, [...entries.values()]);
  const tree = (await store.run(["write-tree"], { indexFile })).stdout.trim();
  return commitTree({ store, tree, parent, message, at: "2026-01-02T03:04:05Z" });
};

describe("a base is captured", () => {
  it("without writing a byte in the user's checkout or its .git", async () => {
    const folder = userRepository({ "a.txt": "one\n", "sub/b.txt": "b\n" });
    git(folder, "tag", "v1");
    write(folder, { "a.txt": "two\n" });
    const head = commitAll(folder, "second");
    // Stat data of the index are stale now, which a careless status would refresh.
    write(folder, { "a.txt": "two\n" });
    const before = snapshot(folder);
    const { store, commit } = await captureFrom(folder);
    expect(snapshot(folder)).toEqual(before);
    expect(commit).toBe(head);
    expect((await store.run(["rev-list", "--count", commit])).stdout).toBe("2\n");
    const refs = (await store.run(["for-each-ref", "--format=%(refname)"])).stdout.trim().split("\n");
    expect(refs).toEqual(["refs/runledger/run/base", "refs/runledger/run/origin"]);
  });

  it.each([
    [
      ["core.splitIndex", "true"],
      ["splitIndex.maxPercentChange", "0"],
    ],
    [["core.untrackedCache", "true"]],
    [["index.version", "4"]],
    [
      ["feature.manyFiles", "true"],
      ["core.preloadIndex", "true"],
      ["index.threads", "2"],
      ["index.skipHash", "true"],
    ],
  ])("without a trace in an index kept by %j", async (...settings) => {
    const folder = userRepository({ "a.txt": "one\n", "sub/b.txt": "b\n" });
    for (const [key = "", value = ""] of settings) git(folder, "config", key, value);
    write(folder, { "sub/c.txt": "c\n" });
    commitAll(folder, "second");
    git(folder, "status");
    write(folder, { "a.txt": "two\n", "sub/new.txt": "new\n" });
    // Whoever reads a shared index, however carefully, renews its date, so that it is not thrown away.
    const look = () =>
      Object.entries(snapshot(folder)).map(([path, facts]) =>
        path.includes("sharedindex") ? [path, facts.replace(/ [\d.]+ /, " ")] : [path, facts],
      );
    const before = look();
    const { store, commit } = await captureFrom(folder, { includeUncommitted: true });
    await expect(captureFrom(folder)).rejects.toMatchObject({ code: "dirty_checkout" });
    expect(look()).toEqual(before);
    const paths = (await listTree(store, commit)).map(({ path }) => path);
    expect(paths).toEqual(["a.txt", "sub/b.txt", "sub/c.txt", "sub/new.txt"]);
  });

  it("with only what is new, when the store knows older commits", async () => {
    const folder = userRepository();
    const { store } = await captureFrom(folder);
    write(folder, { "a.txt": "two\n" });
    commitAll(folder, "second");
    const { commit } = await captureFrom(folder, { store });
    expect((await store.run(["rev-list", "--count", commit])).stdout).toBe("2\n");
    git(folder, "checkout", "--quiet", "--orphan", "other");
    const orphan = commitAll(folder, "other");
    expect((await captureFrom(folder, { store })).commit).toBe(orphan);
    expect((await store.run(["count-objects", "-v"])).stdout).toContain("packs: 3");
  });

  it("from a subfolder, a linked worktree and a detached head", async () => {
    const folder = userRepository({ "packages/a/x.txt": "x\n" });
    const linked = join(tempFolder(), "linked");
    git(folder, "worktree", "add", "--quiet", "--detach", linked);
    write(linked, { "y.txt": "y\n" });
    const head = commitAll(linked, "in the linked one");
    const before = [snapshot(folder), snapshot(linked)];
    expect((await captureFrom(join(linked, "packages", "a"))).commit).toBe(head);
    expect([snapshot(folder), snapshot(linked)]).toEqual(before);
  });

  it("from shallow clones, and from the whole history later", async () => {
    const origin = userRepository();
    for (const name of ["two", "three"]) {
      write(origin, { "a.txt": `${name}\n` });
      commitAll(origin, name);
    }
    const folder = join(tempFolder(), "shallow");
    git(origin, "clone", "--quiet", "--depth=2", `file://${origin}`, folder);
    const { store, commit } = await captureFrom(folder);
    expect((await store.run(["rev-list", "--count", commit])).stdout).toBe("2\n");
    git(folder, "fetch", "--quiet", "--unshallow");
    write(folder, { "b.txt": "b\n" });
    const head = commitAll(folder, "after");
    expect((await captureFrom(folder, { store })).commit).toBe(head);
    expect((await store.run(["rev-list", "--count", head])).stdout).toBe("3\n");
  });

  it("not from a checkout that is dirty, and says of which paths", async () => {
    const folder = userRepository({ "a.txt": "one\n", "staged.txt": "1\n", "gone.txt": "x\n" });
    write(folder, { "a.txt": "two\n", "staged.txt": "2\n", "new folder/ü\n.txt": "x" });
    git(folder, "add", "staged.txt");
    rmSync(join(folder, "gone.txt"));
    const before = snapshot(folder);
    await expect(captureFrom(folder)).rejects.toMatchObject({
      code: "dirty_checkout",
      hint: expect.stringContaining("--include-uncommitted"),
      details: { paths: ["a.txt", "gone.txt", "staged.txt", "new folder/ü\n.txt"], count: 4 },
    });
    expect(snapshot(folder)).toEqual(before);
  });

  it("with paths that do not count: files, folders, absolute or seen from the project folder", async () => {
    const folder = userRepository({ "app/a.txt": "one\n", "app/runledger.yaml": "x\n" });
    write(folder, {
      "app/runledger.yaml": "changed\n",
      "app/.runledger/db/ledger.sqlite": "x",
      "plans/plan.json": "{}",
      "agent.sh": "#!/bin/sh\n",
    });
    const allowDirty = ["runledger.yaml", ".runledger", "../plans/plan.json", join(folder, "agent.sh")];
    const { store, commit } = await captureFrom(join(folder, "app"), { allowDirty });
    expect(commit).toBe(git(folder, "rev-parse", "HEAD"));
    write(folder, { "app/.runledger-not": "x" });
    const again = captureFrom(join(folder, "app"), { store, allowDirty });
    await expect(again).rejects.toMatchObject({ details: { paths: ["app/.runledger-not"] } });
  });

  it("with what is not committed, when asked, as a commit that exists in the store only", async () => {
    const folder = userRepository({ "a.txt": "one\n", "gone.txt": "x\n", ".gitignore": "ignored\n" });
    const head = git(folder, "rev-parse", "HEAD");
    write(folder, { "a.txt": "two\n", "new/b.txt": "b\n", ignored: "x", "plan.json": "{}", "*": "star" });
    rmSync(join(folder, "gone.txt"));
    chmodSync(join(folder, "a.txt"), 0o755);
    symlinkSync("a.txt", join(folder, "link"));
    const before = snapshot(folder);
    const options = { includeUncommitted: true, allowDirty: ["plan.json"] };
    const { store, commit } = await captureFrom(folder, options);
    expect(snapshot(folder)).toEqual(before);
    expect((await store.run(["rev-parse", `${commit}^`])).stdout.trim()).toBe(head);
    const entries = await listTree(store, commit);
    expect(entries.map(({ mode, path }) => `${mode} ${path}`)).toEqual([
      "100644 *",
      "100644 .gitignore",
      "100755 a.txt",
      "120000 link",
      "100644 new/b.txt",
    ]);
    expect((await captureFrom(folder, { store, ...options })).commit).toBe(commit);
  });

  it("with the line ends the user's attributes ask for, and no program of theirs started", async () => {
    const folder = userRepository({
      ".gitattributes": "*.bat text eol=crlf\n*.txt filter=evil\n",
      "a.bat": "1\r\n",
    });
    const trace = join(tempFolder(), "sang");
    git(folder, "config", "filter.evil.clean", `touch ${trace}; cat`);
    write(folder, { "a.bat": "1\r\n2\r\n", "b.txt": "b\n" });
    const { store, commit } = await captureFrom(folder, { includeUncommitted: true });
    expect((await store.run(["cat-file", "blob", `${commit}:a.bat`])).stdout).toBe("1\n2\n");
    expect((await store.run(["cat-file", "blob", `${commit}:b.txt`])).stdout).toBe("b\n");
    expect(existsSync(trace)).toBe(false);
  });

  it("says nothing of a repository whose git was killed", async () => {
    const killed = new LedgerError("git_failed", "git rev-parse was killed.");
    const plumbing = { run: () => Promise.reject(killed) };
    await expect(headOf({ topLevel: "here", plumbing })).rejects.toBe(killed);
  });

  it("not without a commit, and not from a repository it cannot hold", async () => {
    const empty = tempFolder();
    git(empty, "init", "--quiet");
    await expect(captureFrom(empty)).rejects.toMatchObject({
      code: "no_commits",
      hint: expect.stringContaining("commit"),
    });
    await expect(captureFrom(tempFolder())).rejects.toMatchObject({ code: "not_a_repository" });
    const refused = async (folder: string, reason: string) =>
      expect(captureFrom(folder, { includeUncommitted: true })).rejects.toMatchObject({
        code: "unsupported_repository",
        details: { reason: expect.stringContaining(reason) },
      });
    const lfs = userRepository({ "assets/.gitattributes": "# not filter=lfs\n*.bin filter=lfs diff=lfs\n" });
    await refused(lfs, "assets/.gitattributes keeps files in Git LFS");
    const inner = userRepository();
    const outer = userRepository();
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "vendor/inner");
    git(outer, "commit", "--quiet", "-m", "submodule");
    await refused(outer, "vendor/inner is a submodule");
    const nested = userRepository();
    mkdirSync(join(nested, "nested"));
    git(join(nested, "nested"), "init", "--quiet");
    commitAll(join(nested, "nested"), "inner");
    await refused(nested, "nested is a submodule");
    const partial = join(tempFolder(), "partial");
    git(inner, "config", "uploadpack.allowFilter", "true");
    git(inner, "clone", "--quiet", "--filter=blob:none", `file://${inner}`, partial);
    await refused(partial, "partial clone");
    const latin = userRepository();
    writeFileSync(Buffer.concat([Buffer.from(`${latin}/caf`), Buffer.from([0xe9])]), "x");
    commitAll(latin, "latin");
    await refused(latin, "not UTF-8");
  });

  it("not when a file is in Git LFS and only the user's own git knows", async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12345\n`;
    const folder = userRepository({ "assets/big.bin": pointer, "test/data/pointer.txt": pointer });
    // Test data about it is what it seems.
    expect((await captureFrom(folder)).commit).toBe(git(folder, "rev-parse", "HEAD"));
    writeFileSync(join(folder, "assets/big.bin"), "what it stands for");
    git(folder, "update-index", "--assume-unchanged", "assets/big.bin");
    await expect(captureFrom(folder)).rejects.toMatchObject({
      code: "unsupported_repository",
      details: { reason: "assets/big.bin is in Git LFS, and the commit has a pointer to it" },
    });
  });

  it.each([
    ["an attribute of a macro", { ".gitattributes": "[attr]big filter=lfs\n*.bin big\n" }],
    ["attributes with the line ends of Windows", { "a/.gitattributes": "x\r\n*.bin filter=lfs\r\n" }],
  ])("not with %s", async (_, files) => {
    await expect(captureFrom(userRepository(files))).rejects.toMatchObject({
      code: "unsupported_repository",
      details: { reason: expect.stringMatching(/gitattributes keeps files in Git LFS$/) },
    });
  });

  it("not with an entry of a submodule that no .gitmodules knows", async () => {
    const folder = userRepository();
    const head = git(folder, "rev-parse", "HEAD");
    git(folder, "update-index", "--add", "--cacheinfo", `160000,${head},vendor/lib`);
    git(folder, "commit", "--quiet", "-m", "gitlink");
    await expect(captureFrom(folder)).rejects.toMatchObject({
      details: { reason: "vendor/lib is a submodule" },
    });
  });

  it("but comments about Git LFS are no LFS", async () => {
    const folder = userRepository({ ".gitattributes": "# *.bin filter=lfs\n*.txt filter=lfsx\n" });
    expect((await captureFrom(folder)).commit).toBe(git(folder, "rev-parse", "HEAD"));
  });
});

const started = async (files: Readonly<Record<string, string | Buffer>>) => {
  const folder = userRepository(files);
  const { store, commit: base } = await captureFrom(folder);
  return { folder, store, base };
};

const state = (folder: string) => {
  const { ".git": _git, ...files } = Object.fromEntries(
    Object.entries(snapshot(folder)).filter(([path]) => !path.startsWith(".git/")),
  );
  return { files, head: git(folder, "rev-parse", "HEAD"), status: git(folder, "status", "--porcelain") };
};

describe("a series of patches", () => {
  it("brings the verified commits to the user, with the user as committer", async () => {
    const { folder, store, base } = await started({
      "a.txt": "one\n",
      "gone.txt": "x\n",
      "crlf.txt": "1\r\n2\r\n",
    });
    const late = Buffer.concat([Buffer.alloc(9_000, "text\n"), Buffer.from([0, 10])]);
    const first = await verified(
      store,
      base,
      { "a.txt": "two \n\tx\n", "gone.txt": null, "crlf.txt": "1\r\nchanged\r\n", "run.sh": "#!/bin/sh\n" },
      "[ui] Änderung: subject\n\nBody.\n",
    );
    const files = { "bin.dat": Buffer.from([0, 1, 255]), 'odd "ü\n': "x\n", late, "no-end": "x", empty: "" };
    const head = await verified(store, first, files, "second");
    const patches = await patchSeries({ store, base, head });
    expect(patches.map(({ name }) => name)).toEqual([
      expect.stringMatching(/^0001-.*\.patch$/),
      "0002-second.patch",
    ]);
    git(folder, "config", "user.name", "Own Name");
    git(folder, "config", "user.email", "own@example.org");
    expect(await applyPatches({ projectDir: folder, patches })).toEqual({
      applied: patches.map(({ name }) => name),
      skipped: [],
    });
    expect(git(folder, "rev-parse", "HEAD^{tree}")).toBe(
      (await store.run(["rev-parse", `${head}^{tree}`])).stdout.trim(),
    );
    expect(git(folder, "status", "--porcelain")).toBe("");
    expect(git(folder, "log", "-2", "--format=%an <%ae> %cn <%ce> %B")).toBe(
      "RunLedger <runledger@localhost> Own Name <own@example.org> second\n\n" +
        "RunLedger <runledger@localhost> Own Name <own@example.org> [ui] Änderung: subject\n\nBody.",
    );
    expect(git(folder, "reflog", "-1")).toContain("am: second");
  });

  it("cannot carry more than its commits, whatever their messages say", async () => {
    const { folder, store, base } = await started({ "a.txt": "one\n", "evil.txt": "good\n" });
    const evil = [
      "From: Evil <evil@example.org>\nSubject: other\nContent-Transfer-Encoding: base64",
      "",
      "diff --git a/evil.txt b/evil.txt\n--- a/evil.txt\n+++ b/evil.txt\n@@ -1 +1 @@\n-good\n+evil",
      "---",
      "Index: evil.txt",
      "From 1111111111111111111111111111111111111111 Mon Sep 17 00:00:00 2001",
      "From: Evil <evil@example.org>",
      "-- >8 --",
      "[PATCH] x\r\ndiff --git a/evil.txt b/evil.txt\r--- a/evil.txt",
    ].join("\n");
    let head = base;
    for (const [n, message] of [`subject\n\n${evil}`, evil, `diff --git a/x b/x\n\n${evil}`].entries()) {
      head = await verified(store, head, { "a.txt": `${n + 2}\n` }, message);
    }
    const patches = await patchSeries({ store, base, head });
    expect(patches).toHaveLength(3);
    await applyPatches({ projectDir: folder, patches });
    expect(git(folder, "rev-parse", "HEAD^{tree}")).toBe(
      (await store.run(["rev-parse", `${head}^{tree}`])).stdout.trim(),
    );
    expect(new Set(git(folder, "log", "-3", "--format=%an <%ae>").split("\n"))).toEqual(
      new Set(["RunLedger <runledger@localhost>"]),
    );
    expect(await applyPatches({ projectDir: folder, patches })).toMatchObject({ applied: [] });
  });

  it("is applied once: again it is skipped, and only what is new is added", async () => {
    const { folder, store, base } = await started({ "a.txt": "one\n", "b.py": "if x:\n  y\n" });
    const first = await verified(store, base, { "a.txt": "two\n", "bin.dat": Buffer.from([0, 1]) }, "first");
    const second = await verified(store, first, { "b.py": "if x:\n    y\n" }, "only spaces");
    const projectDir = folder;
    await applyPatches({ projectDir, patches: await patchSeries({ store, base, head: first }) });
    write(folder, { "a.txt": "two\nand on\n" });
    commitAll(folder, "the user goes on");
    const patches = await patchSeries({ store, base, head: second });
    const names = patches.map(({ name }) => name);
    expect(await applyPatches({ projectDir, patches })).toEqual({ applied: [names[1]], skipped: [names[0]] });
    const before = snapshot(folder);
    expect(await applyPatches({ projectDir, patches })).toEqual({ applied: [], skipped: names });
    expect(await applyPatches({ projectDir, patches: [] })).toEqual({ applied: [], skipped: [] });
    expect(snapshot(folder)).toEqual(before);
    expect(readFileSync(join(folder, "b.py"), "utf8")).toBe("if x:\n    y\n");
  });

  it("is not taken for a commit of the user's that differs from it in spaces only", async () => {
    const { folder, store, base } = await started({ "b.py": "if x:\n" });
    const head = await verified(store, base, { "b.py": "if x:\n    y\n" }, "four spaces");
    write(folder, { "b.py": "if x:\n  y\n" });
    commitAll(folder, "two spaces");
    const applying = applyPatches({ projectDir: folder, patches: await patchSeries({ store, base, head }) });
    await expect(applying).rejects.toMatchObject({ code: "apply_conflict", details: { paths: ["b.py"] } });
  });

  it("goes onto a checkout that moved on, where the lines do not collide", async () => {
    const lines = Array.from({ length: 12 }, (_, n) => `line ${n}\n`);
    const { folder, store, base } = await started({ "a.txt": lines.join("") });
    const head = await verified(store, base, { "a.txt": lines.with(2, "theirs\n").join("") }, "step");
    write(folder, { "a.txt": lines.with(5, "mine\n").join("") });
    commitAll(folder, "mine");
    await applyPatches({ projectDir: folder, patches: await patchSeries({ store, base, head }) });
    expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe(
      lines.with(2, "theirs\n").with(5, "mine\n").join(""),
    );
  });

  it("leaves the checkout as it was when one of them does not fit, and names it", async () => {
    const { folder, store, base } = await started({ "a.txt": "one\n", "b.txt": "one\n" });
    const first = await verified(store, base, { "new.txt": "n\n" }, "fits");
    const head = await verified(store, first, { "a.txt": "theirs\n", "b.txt": "theirs\n" }, "collides");
    write(folder, { "a.txt": "mine\n" });
    commitAll(folder, "mine");
    write(folder, { "untracked.txt": "keep me" });
    const before = state(folder);
    const patches = await patchSeries({ store, base, head });
    await expect(applyPatches({ projectDir: folder, patches })).rejects.toMatchObject({
      code: "apply_conflict",
      details: { patch: "0002-collides.patch", paths: ["a.txt"] },
    });
    const after = state(folder);
    expect({ ...after, files: Object.keys(after.files) }).toEqual({
      ...before,
      files: Object.keys(before.files),
    });
    expect(readFileSync(join(folder, "b.txt"), "utf8")).toBe("one\n");
    expect(existsSync(join(folder, ".git", "rebase-apply"))).toBe(false);
  });

  it("never takes the place of a file the user has not committed", async () => {
    const { folder, store, base } = await started({ "a.txt": "one\n" });
    const head = await verified(store, base, { "new.txt": "theirs\n" }, "new file");
    write(folder, { "new.txt": "mine\n" });
    const patches = await patchSeries({ store, base, head });
    await expect(applyPatches({ projectDir: folder, patches })).rejects.toMatchObject({
      code: "apply_conflict",
      details: { paths: ["new.txt"] },
    });
    expect(readFileSync(join(folder, "new.txt"), "utf8")).toBe("mine\n");
  });

  it("waits for the user's own work: changes, and a rebase or am under way, which it leaves alone", async () => {
    const { folder, store, base } = await started({ "a.txt": "one\n" });
    const head = await verified(store, base, { "b.txt": "b\n" }, "step");
    const patches = await patchSeries({ store, base, head });
    write(folder, { "a.txt": "changed\n" });
    const before = snapshot(folder);
    await expect(applyPatches({ projectDir: folder, patches })).rejects.toMatchObject({
      code: "dirty_checkout",
      details: { paths: ["a.txt"] },
    });
    expect(snapshot(folder)).toEqual(before);
    git(folder, "checkout", "--quiet", "a.txt");
    mkdirSync(join(folder, ".git", "rebase-apply"));
    await expect(applyPatches({ projectDir: folder, patches })).rejects.toMatchObject({
      code: "dirty_checkout",
    });
    expect(existsSync(join(folder, ".git", "rebase-apply"))).toBe(true);
  });

  it("fails without a trace while another git holds the index", async () => {
    const { folder, store, base } = await started({ "a.txt": "one\n" });
    const patches = await patchSeries({
      store,
      base,
      head: await verified(store, base, { "a.txt": "two\n" }, "step"),
    });
    write(folder, { ".git/index.lock": "" });
    const before = git(folder, "rev-parse", "HEAD");
    await expect(applyPatches({ projectDir: folder, patches })).rejects.toMatchObject({ code: "git_failed" });
    rmSync(join(folder, ".git", "index.lock"));
    expect(git(folder, "rev-parse", "HEAD")).toBe(before);
    expect(git(folder, "status", "--porcelain")).toBe("");
    expect(existsSync(join(folder, ".git", "rebase-apply"))).toBe(false);
  });

  it("starts no hook, merge driver, filter, monitor or signer", async () => {
    const rules = { ".gitattributes": "*.txt merge=evil filter=evil\n" };
    const lines = Array.from({ length: 9 }, (_, n) => `${n}\n`);
    const { folder, store, base } = await started({ ...rules, "a.txt": lines.join("") });
    const trace = join(tempFolder(), "sang");
    const program = join(tempFolder(), "canary.sh");
    writeFileSync(program, `#!/bin/sh\ntouch ${trace}\nexit 1\n`);
    chmodSync(program, 0o755);
    const hooks = [
      "applypatch-msg",
      "pre-applypatch",
      "post-applypatch",
      "post-index-change",
      "reference-transaction",
    ];
    for (const hook of hooks) {
      write(folder, { [`.git/hooks/${hook}`]: readFileSync(program) });
      chmodSync(join(folder, ".git", "hooks", hook), 0o755);
    }
    const head = await verified(store, base, { "a.txt": lines.with(1, "theirs\n").join("") }, "step");
    const patches = await patchSeries({ store, base, head });
    write(folder, { "a.txt": lines.with(4, "mine\n").join("") });
    git(folder, "-c", "core.hooksPath=/dev/null", "add", "--all");
    git(folder, "-c", "core.hooksPath=/dev/null", "commit", "--quiet", "-m", "mine");
    git(folder, "config", "merge.evil.driver", `${program} %A`);
    for (const key of ["core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "gpg.program"]) {
      git(folder, "config", key, program);
    }
    git(folder, "config", "commit.gpgSign", "true");
    await applyPatches({ projectDir: folder, patches });
    expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe(
      lines.with(1, "theirs\n").with(4, "mine\n").join(""),
    );
    expect(existsSync(trace)).toBe(false);
    expect(() => git(folder, "commit", "--allow-empty", "-m", "x")).toThrow();
    expect(existsSync(trace), "the trap itself works").toBe(true);
  });
});
