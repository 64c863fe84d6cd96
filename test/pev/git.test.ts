import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { ownerOfThisProcess } from "../../src/ledger/owner.js";
import { copyHistory, type Git, gitAt, openPrivateStore, withScratch } from "../../src/pev/git.js";
import { userGit } from "../../src/pev/user-git.js";
import { commitAll, git, snapshot, tempFolder, userRepository, write } from "../helpers/repositories.js";

const openStore = (): Promise<Git> => openPrivateStore(join(tempFolder(), "store.git"));

/** A program that leaves a trace when it is started. */
const canary = (folder: string): { program: string; sang: () => boolean } => {
  const [program, trace] = [join(folder, "canary.sh"), join(folder, "canary-sang")];
  writeFileSync(program, `#!/bin/sh\ntouch ${trace}\ncat\n`);
  chmodSync(program, 0o755);
  return { program, sang: () => existsSync(trace) };
};

const ATTACKED = [
  ["status", "--porcelain=v1", "-z"],
  ["diff", "HEAD"],
  ["diff", "--name-only", "HEAD"],
  ["ls-files", "-m"],
  ["log", "-p", "-1", "--no-ext-diff", "--no-textconv"],
];

const runAll = async (folder: string): Promise<void> => {
  const user = await userGit(folder);
  for (const args of ATTACKED) await user.run(args);
};

describe("the private store", () => {
  it("is made once, bare, without templates, and opened again as it is", async () => {
    const gitDir = join(tempFolder(), "deep", "store.git");
    await openPrivateStore(gitDir);
    const before = snapshot(gitDir);
    await openPrivateStore(gitDir);
    expect(snapshot(gitDir)).toEqual(before);
    expect(existsSync(join(gitDir, "hooks"))).toBe(false);
    expect(readFileSync(join(gitDir, "HEAD"), "utf8")).toBe("ref: refs/heads/runledger\n");
  });

  it("is finished when its making was interrupted", async () => {
    const gitDir = join(tempFolder(), "store.git");
    mkdirSync(join(gitDir, "info"), { recursive: true });
    writeFileSync(join(gitDir, "HEAD"), "ref: refs/heads/runledger\n");
    const store = await openPrivateStore(gitDir);
    expect((await store.run(["hash-object", "-w", "--stdin"], { input: "x" })).stdout).toHaveLength(41);
  });

  it("is made once by many who open it at the same moment, and also where one died in the middle of it", async () => {
    const gitDir = join(tempFolder(), "store.git");
    mkdirSync(gitDir);
    // A git that was killed while it held the lock.
    writeFileSync(join(gitDir, "config.lock"), "");
    const stores = await Promise.all(Array.from({ length: 8 }, () => openPrivateStore(gitDir)));
    const oids = await Promise.all(
      stores.map((store) => store.run(["hash-object", "-w", "--stdin"], { input: "x" })),
    );
    expect(new Set(oids.map(({ stdout }) => stdout)).size).toBe(1);
    expect(readdirSync(gitDir).filter((name) => name.startsWith("scratch-"))).toEqual([]);
  });

  it("loses what its maker left when that was killed together with its git", async () => {
    const gitDir = join(tempFolder(), "store.git");
    const dead = `scratch-${encodeURIComponent(ownerOfThisProcess()).replace(/\d+$/, "1")}.abcdef`;
    write(gitDir, { [`${dead}/config.lock`]: "" });
    await openPrivateStore(gitDir);
    expect(readdirSync(gitDir).filter((name) => name.startsWith("scratch-"))).toEqual([]);
  });

  it("loses after a day what a killed git had not finished", async () => {
    const { gitDir } = await openStore();
    const files = ["objects/tmp_objdir-1/x", "objects/pack/tmp_pack_1", "objects/pack/tmp_pack_2"];
    write(gitDir, Object.fromEntries(files.map((file) => [file, ""])));
    const dayAgo = Date.now() / 1_000 - 90_000;
    for (const name of ["objects/tmp_objdir-1", "objects/pack/tmp_pack_1"])
      utimesSync(join(gitDir, name), dayAgo, dayAgo);
    await openPrivateStore(gitDir);
    const left = readdirSync(join(gitDir, "objects"), { recursive: true }).filter((name) =>
      /tmp_/.test(String(name)),
    );
    expect(left).toEqual(["pack/tmp_pack_2"]);
  });

  it("takes nothing from the surroundings of the process", async () => {
    const folder = userRepository({ "a.txt": "one\n" });
    const { program, sang } = canary(folder);
    const before = { ...process.env };
    try {
      Object.assign(process.env, {
        GIT_DIR: join(folder, ".git"),
        GIT_TRACE: join(folder, "trace"),
        HOME: folder,
      });
      Object.assign(process.env, { GIT_EXTERNAL_DIFF: program, GIT_CONFIG_PARAMETERS: "'core.bare=false'" });
      writeFileSync(
        join(folder, ".gitconfig"),
        `[core]\n\tfsmonitor = ${program}\n[user]\n\tname = Global\n`,
      );
      const store = await openStore();
      expect((await store.run(["rev-parse", "--absolute-git-dir"])).stdout.trim()).toBe(store.gitDir);
      expect((await store.run(["config", "--get", "user.name"], { okExitCodes: [1] })).exitCode).toBe(1);
      expect((await store.run(["config", "--get", "core.fsmonitor"])).stdout).toBe("false\n");
      expect(existsSync(join(folder, "trace"))).toBe(false);
      expect(sang()).toBe(false);
    } finally {
      for (const name of Object.keys(process.env)) delete process.env[name];
      Object.assign(process.env, before);
    }
  });

  it("lets no call loosen what is fixed", async () => {
    const store = await openStore();
    const env = { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "core.fsmonitor", GIT_CONFIG_VALUE_0: "true" };
    expect((await store.run(["config", "--get", "core.fsmonitor"], { env })).stdout).toBe("false\n");
    const loosened = gitAt(store.gitDir, [["core.hooksPath", "/tmp"]]);
    expect((await loosened.run(["config", "--get", "core.hooksPath"])).stdout).toBe("/dev/null\n");
  });

  it("fails with git's own sentence, and accepts the exit codes it was told of", async () => {
    const store = await openStore();
    await expect(store.run(["rev-parse", "--verify", "nothing"])).rejects.toMatchObject({
      code: "git_failed",
      message: "git rev-parse failed (exit 128): fatal: Needed a single revision",
    });
    const answer = await store.run(["rev-parse", "--verify", "--quiet", "nothing"], { okExitCodes: [0, 1] });
    expect(answer).toEqual({ stdout: "", exitCode: 1 });
  });

  it("hands bytes through in both directions", async () => {
    const store = await openStore();
    const bytes = Buffer.from([0, 255, 10, 13, 10, 0xc3, 0x28]);
    const { stdout } = await store.run(["hash-object", "-w", "--stdin"], { input: bytes });
    expect(await store.runBytes(["cat-file", "blob", stdout.trim()])).toEqual(bytes);
  });

  it("removes scratch folders after use, and those of processes that died", async () => {
    const store = await openStore();
    let used = "";
    await expect(
      withScratch(store, async (folder) => {
        used = folder;
        const ofTheDead = join(dirname(folder), basename(folder).replace(/\d+(?=\.)/, "1"));
        mkdirSync(ofTheDead);
        await openPrivateStore(store.gitDir);
        expect([existsSync(folder), existsSync(ofTheDead)]).toEqual([true, false]);
        throw new Error("broken");
      }),
    ).rejects.toThrow("broken");
    expect(existsSync(used)).toBe(false);
  });
});

describe("bytes are written and read raw, whatever a tree says", () => {
  const content = "one\ntwo $Id$\n";
  const attacks = [
    "* text eol=crlf",
    "* ident",
    "* text working-tree-encoding=UTF-16",
    "* filter=evil",
    "* binary",
    "* text=auto eol=crlf ident working-tree-encoding=UTF-7 filter=evil",
    "[attr]all text eol=crlf ident\n* all",
  ];
  it.each(attacks)("%s", async (attributes) => {
    const folder = userRepository({ "f.txt": content });
    write(folder, { ".gitattributes": `${attributes}\n` });
    const blob = git(folder, "hash-object", "-w", "--no-filters", "f.txt");
    const attributesBlob = git(folder, "hash-object", "-w", "--no-filters", ".gitattributes");
    git(folder, "read-tree", "--empty");
    git(folder, "update-index", "--add", "--cacheinfo", `100644,${blob},f.txt`);
    git(folder, "update-index", "--add", "--cacheinfo", `100644,${attributesBlob},.gitattributes`);
    git(folder, "commit", "--quiet", "-m", "raw");
    const commit = git(folder, "rev-parse", "HEAD");
    const store = await openStore();
    await copyHistory(gitAt(join(folder, ".git")), store, { commit, have: [] });
    const { program, sang } = canary(tempFolder());
    const armed = gitAt(store.gitDir, [
      ["filter.evil.smudge", program],
      ["filter.evil.clean", program],
    ]);
    const workTree = tempFolder();
    const indexFile = join(store.gitDir, "test-index");
    await armed.run(["read-tree", "-m", "-u", commit], { workTree, indexFile });
    expect(readFileSync(join(workTree, "f.txt"), "utf8")).toBe(content);
    writeFileSync(join(workTree, "g.txt"), content);
    await armed.run(["update-index", "--add", "g.txt"], { workTree, indexFile });
    expect((await armed.run(["cat-file", "blob", ":g.txt"], { indexFile })).stdout).toBe(content);
    expect(sang()).toBe(false);
  });

  it("exports what a tree wants to hide", async () => {
    const folder = userRepository({ ".gitattributes": "*.test export-ignore\n", "a.test": "x\n" });
    const store = await openStore();
    await copyHistory(gitAt(join(folder, ".git")), store, {
      commit: git(folder, "rev-parse", "HEAD"),
      have: [],
    });
    const archive = await store.runBytes(["archive", "--format=tar", git(folder, "rev-parse", "HEAD")]);
    expect(archive.includes("a.test")).toBe(true);
  });
});

describe("history is copied", () => {
  it("with one commit and its ancestors, and nothing else", async () => {
    const folder = userRepository();
    const first = git(folder, "rev-parse", "HEAD");
    write(folder, { "a.txt": "two\n" });
    const second = commitAll(folder, "second");
    const store = await openStore();
    await copyHistory(gitAt(join(folder, ".git")), store, { commit: first, have: [] });
    expect((await store.run(["cat-file", "-e", second], { okExitCodes: [1, 128] })).exitCode).not.toBe(0);
    await copyHistory(gitAt(join(folder, ".git")), store, { commit: second, have: [first] });
    expect((await store.run(["rev-list", second])).stdout.trim().split("\n")).toEqual([second, first]);
  });

  it("without the lies of replace refs and grafts", async () => {
    const folder = userRepository({ "check.test": "strict\n" });
    const first = git(folder, "rev-parse", "HEAD");
    write(folder, { "b.txt": "b\n" });
    const second = commitAll(folder, "second");
    git(folder, "checkout", "--quiet", "--orphan", "evil");
    write(folder, { "check.test": "neutered\n" });
    const evil = commitAll(folder, "evil");
    git(folder, "checkout", "--quiet", "main");
    git(folder, "replace", second, evil);
    write(join(folder, ".git"), { "info/grafts": `${second}\n` });
    expect(git(folder, "show", `${second}:check.test`)).toBe("neutered");
    const store = await openStore();
    await copyHistory(gitAt(join(folder, ".git")), store, { commit: second, have: [] });
    expect((await store.run(["show", `${second}:check.test`])).stdout).toBe("strict\n");
    expect((await store.run(["rev-list", second])).stdout.trim().split("\n")).toEqual([second, first]);
    const user = await userGit(folder);
    expect(await user.run(["show", `${second}:check.test`])).toBe("strict\n");
  });

  it("only when every object is what its name says", async () => {
    const folder = userRepository({ "check.test": "strict\n" });
    const blob = git(folder, "rev-parse", "HEAD:check.test");
    const loose = (oid: string) => join(folder, ".git", "objects", oid.slice(0, 2), oid.slice(2));
    write(folder, { other: "neutered\n" });
    const other = git(folder, "hash-object", "-w", "other");
    chmodSync(loose(blob), 0o644);
    writeFileSync(loose(blob), readFileSync(loose(other)));
    const copying = copyHistory(gitAt(join(folder, ".git")), await openStore(), {
      commit: git(folder, "rev-parse", "HEAD"),
      have: [],
    });
    await expect(copying).rejects.toMatchObject({ code: "git_failed" });
  });
});

describe("no program that the user's repository names is started by reading it", () => {
  it("hooks", async () => {
    const folder = userRepository();
    const { program, sang } = canary(tempFolder());
    for (const hook of ["post-checkout", "post-index-change", "reference-transaction", "pre-commit"]) {
      write(folder, { [`.git/hooks/${hook}`]: readFileSync(program) });
      chmodSync(join(folder, ".git", "hooks", hook), 0o755);
    }
    git(folder, "config", "core.hooksPath", join(folder, ".git", "hooks"));
    await runAll(folder);
    expect(sang()).toBe(false);
    write(folder, { "a.txt": "changed\n" });
    git(folder, "add", "a.txt");
    expect(sang(), "the trap itself works").toBe(true);
  });

  it("core.fsmonitor, also when it comes through include.path or config.worktree", async () => {
    const folder = userRepository();
    const { program, sang } = canary(tempFolder());
    git(folder, "config", "include.path", "../hidden");
    write(folder, { hidden: `[core]\n\tfsmonitor = ${program}\n` });
    git(folder, "config", "extensions.worktreeConfig", "true");
    write(folder, { ".git/config.worktree": `[core]\n\tfsmonitor = ${program}\n` });
    await runAll(folder);
    expect(sang()).toBe(false);
    git(folder, "status");
    expect(sang(), "the trap itself works").toBe(true);
  });

  it("filters of any name", async () => {
    const folder = userRepository({ ".gitattributes": "* filter=e.v=i.l\n", "a.txt": "one\n" });
    const { program, sang } = canary(tempFolder());
    const hidden = `[filter "e.v=i.l"]\n\tclean = ${program}\n\tsmudge = ${program}\n\tprocess = ${program}\n\trequired\n`;
    write(folder, { ".git/hidden": hidden });
    git(folder, "config", "include.path", "hidden");
    write(folder, { "a.txt": "two\n" });
    await runAll(folder);
    expect(sang()).toBe(false);
    expect(() => git(folder, "status")).toThrow("died");
    expect(sang(), "the trap itself works").toBe(true);
  });

  it("external diffs and text converters", async () => {
    const folder = userRepository({ ".gitattributes": "*.txt diff=evil\n", "a.txt": "one\n" });
    const { program, sang } = canary(tempFolder());
    git(folder, "config", "diff.external", program);
    git(folder, "config", "diff.evil.textconv", program);
    git(folder, "config", "diff.evil.command", program);
    write(folder, { "a.txt": "two\n" });
    const user = await userGit(folder);
    expect(await user.run(["diff", "HEAD"])).toContain("+two");
    expect(sang()).toBe(false);
    git(folder, "diff", "HEAD");
    expect(sang(), "the trap itself works").toBe(true);
  });

  it("the upload-pack of a promisor remote for a missing object", async () => {
    const folder = userRepository();
    const { program, sang } = canary(tempFolder());
    git(folder, "config", "remote.evil.url", folder);
    git(folder, "config", "remote.evil.promisor", "true");
    git(folder, "config", "remote.evil.uploadpack", program);
    git(folder, "config", "extensions.partialClone", "evil");
    const user = await userGit(folder);
    expect(user.partialClone).toBe(true);
    await expect(user.run(["cat-file", "-p", "1".repeat(40)])).rejects.toMatchObject({ code: "git_failed" });
    expect(sang()).toBe(false);
  });
});

describe("the user's checkout is found", () => {
  it("from a subfolder, a linked worktree and a link to it", async () => {
    const folder = userRepository({ "packages/a/x.txt": "x\n" });
    expect((await userGit(join(folder, "packages", "a"))).topLevel).toBe(folder);
    const linked = join(tempFolder(), "linked");
    git(folder, "worktree", "add", "--quiet", linked);
    const user = await userGit(join(linked, "packages"));
    expect(user.topLevel).toBe(linked);
    expect(user.gitDir).toBe(join(folder, ".git", "worktrees", "linked"));
    expect(await user.run(["rev-parse", "--show-toplevel"])).toBe(`${linked}\n`);
  });

  it("with hidden edits seen when only the stat settings hide them", async () => {
    const folder = userRepository();
    git(folder, "config", "core.fileMode", "false");
    chmodSync(join(folder, "a.txt"), 0o755);
    expect(git(folder, "status", "--porcelain")).toBe("");
    expect(await (await userGit(folder)).run(["status", "--porcelain"])).toBe(" M a.txt\n");
  });

  it("or refused with what would mend it", async () => {
    const empty = tempFolder();
    await expect(userGit(empty)).rejects.toMatchObject({ code: "not_a_repository" });
    await expect(userGit(join(empty, "gone"))).rejects.toMatchObject({ code: "not_a_repository" });
    git(empty, "init", "--quiet", "--bare", "bare.git");
    await expect(userGit(join(empty, "bare.git"))).rejects.toMatchObject({ code: "unsupported_repository" });
    const folder = userRepository();
    await expect(userGit(join(folder, ".git"))).rejects.toMatchObject({ code: "unsupported_repository" });
    git(folder, "config", "core.worktree", empty);
    await expect(userGit(folder)).rejects.toMatchObject({ code: "unsupported_repository" });
    const sha256 = tempFolder();
    git(sha256, "init", "--quiet", "--object-format=sha256");
    await expect(userGit(sha256)).rejects.toMatchObject({
      details: { reason: expect.stringContaining("sha256") },
    });
  });

  it.skipIf(process.getuid?.() !== 0)(
    "not when it belongs to somebody else (only root can give it away)",
    async () => {
      const folder = userRepository();
      const { chownSync } = await import("node:fs");
      for (const path of ["", ".git"]) chownSync(join(folder, path), 4242, 4242);
      const own = tempFolder();
      const home = process.env.HOME;
      try {
        process.env.HOME = own;
        await expect(userGit(folder)).rejects.toMatchObject({
          code: "git_failed",
          hint: expect.stringContaining("safe.directory"),
        });
        write(own, { ".gitconfig": `[safe]\n\tdirectory = ${folder}\n` });
        expect((await userGit(folder)).topLevel).toBe(folder);
      } finally {
        process.env.HOME = home;
      }
    },
  );

  it("with the ignore file the user keeps for all repositories", async () => {
    const folder = userRepository();
    write(folder, { ".DS_Store": "x" });
    const own = tempFolder();
    const home = process.env.HOME;
    try {
      process.env.HOME = own;
      expect(await (await userGit(folder)).run(["status", "--porcelain"])).toBe("?? .DS_Store\n");
      write(own, { ".gitconfig": "[core]\n\texcludesFile = ~/ignored\n", ignored: ".DS_Store\n" });
      expect(await (await userGit(folder)).run(["status", "--porcelain"])).toBe("");
    } finally {
      process.env.HOME = home;
    }
  });
});
