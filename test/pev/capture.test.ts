import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { captureTree } from "../../src/pev/capture.js";
import { coneOf } from "../../src/pev/cone.js";
import type { Git } from "../../src/pev/git.js";
import { listTree } from "../../src/pev/objects.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { git, tempFolder, userRepository, write } from "../helpers/repositories.js";
import { capture, startWork, type Work, workOn } from "./work.js";

const bytesAt = (store: Git, tree: string, path: string): Promise<Buffer> =>
  store.runBytes(["cat-file", "blob", `${tree}:${path}`]);

const refusal = (path: string, reason: string) => ({
  code: "workspace_unfit",
  details: { path, reason: expect.stringContaining(reason) },
});

describe("a capture holds", () => {
  it("the base's own tree when nothing was done", async () => {
    const work = await startWork({ "a.txt": "one\n", "b/c.txt": "x\n", ".gitignore": "*.log\n" });
    expect(await capture(work)).toMatchObject({ files: 3, changes: [] });
  });

  it("the same tree whatever it is compared with: files that became folders, and folders that became files", async () => {
    const work = await startWork({
      "a.txt": "one\n",
      file: "x\n",
      "folder/deep/b.txt": "b\n",
      "c/d.txt": "d\n",
    });
    rmSync(join(work.folder, "file"));
    rmSync(join(work.folder, "folder"), { recursive: true });
    write(work.folder, { "file/inside.txt": "in\n", folder: "file now\n", "folder.txt": "beside\n" });
    renameSync(join(work.folder, "c/d.txt"), join(work.folder, "d.txt"));
    const { tree, changes } = await capture(work);
    expect((await listTree(work.store, tree)).map(({ path }) => path)).toEqual([
      "a.txt",
      "d.txt",
      "file/inside.txt",
      "folder",
      "folder.txt",
    ]);
    const other = await captureTree({
      store: work.store,
      folder: work.folder,
      baseCommit: tree,
      alsoPaths: [],
      leftOut: [],
      cone: coneOf([]),
      redactor: NO_SECRETS,
    });
    expect(other).toEqual({ tree, files: 5, changed: [] });
    expect(changes).toContain("deleted folder/deep/b.txt");
  });

  it("nothing of a name that is not UTF-8, once an agent has removed it from the base's files", async () => {
    const work = await startWork({ "a.txt": "one\n" });
    const blob = (await work.store.run(["rev-parse", `${work.base}:a.txt`])).stdout.trim();
    const indexFile = join(tempFolder(), "index");
    const input = Buffer.from(`100644 ${blob}\tcaf\xe9.txt\0`, "latin1");
    await work.store.run(["update-index", "-z", "--index-info"], { indexFile, input });
    const base = (await work.store.run(["write-tree"], { indexFile })).stdout.trim();
    const { tree, changed } = await captureTree({
      store: work.store,
      folder: work.folder,
      baseCommit: base,
      alsoPaths: [],
      leftOut: [],
      cone: coneOf([]),
      redactor: NO_SECRETS,
    });
    expect((await listTree(work.store, tree)).map(({ path }) => path)).toEqual(["a.txt"]);
    expect(changed).toHaveLength(1);
  });

  it("no draft that a crash left, but a file of the base that has its name", async () => {
    const draft = ".runledger-draft.tmp";
    const work = await startWork({ "a.txt": "one\n", [`kept/${draft}`]: "of the base\n" });
    write(work.folder, { "a.txt": "two\n", [draft]: "half", [`deep/${draft}`]: "half" });
    expect(await capture(work)).toMatchObject({ files: 2, changes: ["modified a.txt"] });
  });

  it("what was added, changed, deleted, made executable or linked, and no empty folder", async () => {
    const work = await startWork({ "a.txt": "one\n", "gone.txt": "x\n", "run.sh": "#!/bin/sh\n" });
    write(work.folder, { "a.txt": "two\n", "new/b.txt": "b\n" });
    rmSync(join(work.folder, "gone.txt"));
    chmodSync(join(work.folder, "run.sh"), 0o755);
    symlinkSync("../a.txt", join(work.folder, "new", "link"));
    mkdirSync(join(work.folder, "empty"));
    const { changes, tree } = await capture(work);
    expect(changes).toEqual([
      "modified a.txt",
      "deleted gone.txt",
      "added new/b.txt",
      "added new/link",
      "modified run.sh",
    ]);
    expect((await listTree(work.store, tree)).map(({ mode, path }) => `${mode} ${path}`)).toEqual([
      "100644 a.txt",
      "100644 new/b.txt",
      "120000 new/link",
      "100755 run.sh",
    ]);
  });

  it("bytes as they are, large, empty, binary and twice the same", async () => {
    const work = await startWork();
    const large = Buffer.alloc(3_000_000, "line\r\n");
    const files = {
      large,
      empty: "",
      "bin.dat": Buffer.from([0, 1, 13, 10, 255]),
      "same/1": "s",
      "same/2": "s",
    };
    write(work.folder, files);
    const { tree, files: count } = await capture(work);
    expect(count).toBe(6);
    for (const [path, content] of Object.entries(files)) {
      // Not toEqual, which takes half a minute to compare three million bytes.
      expect((await bytesAt(work.store, tree, path)).equals(Buffer.from(content)), path).toBe(true);
    }
  });

  it("every name that is UTF-8, however odd", async () => {
    const work = await startWork();
    const names = [
      'quo"te',
      "new\nline",
      " space ",
      "back\\slash",
      ":(top)magic",
      "*.glob",
      "-dash",
      "üñí 🎉",
      "tab\there",
      "#hash",
      "!bang",
      "cr\r",
    ];
    for (const name of names) write(work.folder, { [name]: `content of ${name}`, [`in/${name}/deep`]: "x" });
    const { tree } = await capture(work);
    expect((await listTree(work.store, tree)).map(({ path }) => path).sort()).toEqual(
      ["a.txt", ...names, ...names.map((name) => `in/${name}/deep`)].sort(),
    );
    for (const name of names)
      expect((await bytesAt(work.store, tree, name)).toString()).toBe(`content of ${name}`);
  });

  it("the same tree each time, so that a repeated proposal is the same proposal", async () => {
    const work = await startWork();
    write(
      work.folder,
      Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`d${n % 7}/f${n}`, `${n}`])),
    );
    const first = await capture(work);
    expect(await capture(work)).toEqual(first);
  });
});

describe("ignore rules", () => {
  it("of the base hold, whatever the agent writes into its own", async () => {
    const work = await startWork({ ".gitignore": ".env\nnode_modules/\n", "sub/.gitignore": "local\n" });
    rmSync(join(work.folder, "sub"), { recursive: true });
    write(work.folder, {
      ".gitignore": "!.env\n!node_modules/\n",
      ".env": "SECRET",
      "node_modules/.bin/vitest": "exit 0",
      "deep/node_modules/x": "x",
      "sub/local": "x",
      "sub/kept": "x",
    });
    expect((await capture(work)).changes).toEqual([
      "modified .gitignore",
      "deleted sub/.gitignore",
      "added sub/kept",
    ]);
  });

  it("of the agent may keep out more, but nothing that the base tracks", async () => {
    const work = await startWork({ "src/a.ts": "a\n", "b.ts": "b\n" });
    write(work.folder, { ".gitignore": "*\n", "src/a.ts": "changed\n", "src/new.ts": "x", build: "x" });
    rmSync(join(work.folder, "b.ts"));
    expect((await capture(work)).changes).toEqual(["deleted b.ts", "modified src/a.ts"]);
  });

  it("yield to what the step must deliver", async () => {
    const work = await startWork({ ".gitignore": "dist\n" });
    write(work.folder, { "dist/app/main.js": "x", "dist/other.js": "x" });
    expect((await capture(work, "dist/app/main.js")).changes).toEqual(["added dist/app/main.js"]);
    expect((await capture(work, "/etc/passwd", "../../etc/passwd", "dist/absent")).changes).toEqual([]);
  });

  it("are read from regular files only: a FIFO or a link in their place is no trap", async () => {
    const work = await startWork({ "a.txt": "one\n", "sub/b.txt": "b\n" });
    symlinkSync("/dev/zero", join(work.folder, "sub", ".gitignore"));
    await expect(capture(work)).rejects.toMatchObject(refusal("sub/.gitignore", "leaves the workspace"));
    rmSync(join(work.folder, "sub", ".gitignore"));
    execFileSync("mkfifo", [join(work.folder, ".gitignore")]);
    await expect(capture(work)).rejects.toMatchObject(refusal(".gitignore", "neither a regular file"));
  });
});

describe("an agent's repository is never read as one", () => {
  const trapped = async (): Promise<Work & { sang: () => boolean }> => {
    const work = await startWork({
      ".gitattributes": "* filter=evil diff=evil merge=evil\n",
      "check.test": "strict\n",
    });
    const trace = join(tempFolder(), "sang");
    const program = join(work.folder, ".git", "evil.sh");
    writeFileSync(program, `#!/bin/sh\ntouch ${trace}\ncat\n`);
    chmodSync(program, 0o755);
    for (const key of ["core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv"]) {
      git(work.folder, "config", key, program);
    }
    return { ...work, sang: () => existsSync(trace) };
  };

  it("neither its hooks, monitors and filters, which start nothing", async () => {
    const work = await trapped();
    for (const hook of ["post-index-change", "reference-transaction", "post-checkout"]) {
      write(work.folder, { [`.git/hooks/${hook}`]: "#!/bin/sh\n$GIT_DIR/evil.sh\n" });
      chmodSync(join(work.folder, ".git", "hooks", hook), 0o755);
    }
    write(work.folder, { "check.test": "neutered\n" });
    expect((await capture(work)).changes).toEqual(["modified check.test"]);
    expect(work.sang()).toBe(false);
    git(work.folder, "status");
    expect(work.sang(), "the trap itself works").toBe(true);
  });

  it("nor its index: an edit hidden by skip-worktree, assume-unchanged or a sparse checkout is seen", async () => {
    const work = await startWork({ "a.test": "strict\n", "b.test": "strict\n", "sub/c.test": "strict\n" });
    git(work.folder, "update-index", "--skip-worktree", "a.test");
    git(work.folder, "update-index", "--assume-unchanged", "b.test");
    write(work.folder, { "a.test": "neutered\n", "b.test": "neutered\n" });
    expect(git(work.folder, "status", "--porcelain")).toBe("");
    git(work.folder, "config", "core.sparseCheckout", "true");
    write(work.folder, {
      ".git/info/sparse-checkout": "/a.test\n/b.test\n",
      ".git/info/exclude": "planted\n",
    });
    rmSync(join(work.folder, "sub"), { recursive: true });
    write(work.folder, { planted: "x" });
    expect((await capture(work)).changes).toEqual([
      "modified a.test",
      "modified b.test",
      "added planted",
      "deleted sub/c.test",
    ]);
  });

  it("nor its attributes: bytes that git would convert back are captured as they are", async () => {
    const work = await startWork({ "a.test": "strict\n", "b.test": "strict\n" });
    const utf16 = Buffer.from("\uFEFFstrict\n", "utf16le");
    write(work.folder, {
      ".gitattributes": "a.test text eol=crlf\nb.test working-tree-encoding=UTF-16\n",
      "a.test": "strict\r\n",
      "b.test": utf16,
    });
    expect(git(work.folder, "status", "--porcelain", "--untracked-files=no")).not.toBe("");
    const { tree, changes } = await capture(work);
    expect(changes).toEqual(["added .gitattributes", "modified a.test", "modified b.test"]);
    expect(await bytesAt(work.store, tree, "b.test")).toEqual(utf16);
  });

  it("nor a .git that is a file pointing elsewhere, is gone, or is spelled otherwise", async () => {
    const work = await startWork();
    rmSync(join(work.folder, ".git"), { recursive: true });
    expect((await capture(work)).changes).toEqual([]);
    const evil = userRepository();
    write(work.folder, {
      ".git": `gitdir: ${evil}/.git\n`,
      "sub/.GIT/config": "[core]\n",
      "sub/.gIt": "x",
      "sub/x": "x",
    });
    expect((await capture(work)).changes).toEqual(["added sub/x"]);
  });

  it("nor repositories inside it, which are captured as plain files", async () => {
    const work = await startWork();
    const inner = join(work.folder, "vendor", "inner");
    mkdirSync(inner, { recursive: true });
    git(inner, "init", "--quiet");
    write(inner, { "evil.txt": "x" });
    git(inner, "add", "--all");
    git(inner, "commit", "--quiet", "-m", "inner");
    git(work.folder, "add", "vendor/inner");
    git(work.folder, "commit", "--quiet", "-m", "a submodule");
    const { tree } = await capture(work);
    expect((await listTree(work.store, tree)).map(({ mode, path }) => `${mode} ${path}`)).toEqual([
      "100644 a.txt",
      "100644 vendor/inner/evil.txt",
    ]);
  });

  it("nor its objects: alternates and replaced objects change nothing", async () => {
    const work = await startWork({ "check.test": "strict\n" });
    git(
      work.folder,
      "replace",
      git(work.folder, "hash-object", "check.test"),
      git(work.folder, "rev-parse", "HEAD"),
      "-f",
    );
    write(work.folder, { ".git/objects/info/alternates": "/nowhere\n" });
    const { tree, changes } = await capture(work);
    expect(changes).toEqual([]);
    expect((await bytesAt(work.store, tree, "check.test")).toString()).toBe("strict\n");
  });
});

describe("what is no source is refused by name", () => {
  it("files handed over to Git LFS, by attributes or as pointers; those of the base may stay as they are", async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12345\n`;
    const work = await startWork({ "test/pointer.txt": pointer, ".gitattributes": "*.txt text\n" });
    expect((await capture(work)).changes).toEqual([]);
    write(work.folder, { "a/.gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n" });
    await expect(capture(work)).rejects.toMatchObject(refusal("a/.gitattributes", "Git LFS"));
    rmSync(join(work.folder, "a"), { recursive: true });
    write(work.folder, { "big.bin": pointer.replace("12345", "54321") });
    await expect(capture(work)).rejects.toMatchObject(refusal("big.bin", "is a pointer of Git LFS"));
  });

  it.each([
    ["an absolute link", "/etc/passwd"],
    ["a link to the folder above", ".."],
    ["a link that leaves through itself", ["..", "work", "..", "..", "etc", "passwd"].join("/")],
  ])("%s", async (_what, target) => {
    const work = await startWork();
    symlinkSync(target, join(work.folder, "link"));
    await expect(capture(work)).rejects.toMatchObject(refusal("link", "leaves the workspace"));
  });

  it("a link that leaves the workspace only through another link", async () => {
    const work = await startWork({ "s/t/x": "x\n" });
    symlinkSync("../..", join(work.folder, "s", "t", "up"));
    expect((await capture(work)).changes).toEqual(["added s/t/up"]);
    symlinkSync("s/t/up/../outside", join(work.folder, "z"));
    await expect(capture(work)).rejects.toMatchObject(refusal("z", "leaves the workspace"));
  });

  it("but not links that dangle or lead in circles inside", async () => {
    const work = await startWork();
    symlinkSync("nothing/here", join(work.folder, "dangling"));
    symlinkSync("circle", join(work.folder, "circle"));
    symlinkSync("./a.txt", join(work.folder, "good"));
    expect((await capture(work)).changes).toEqual(["added circle", "added dangling", "added good"]);
  });

  it("nor an escaping link that the user committed, as long as it is the same", async () => {
    const projectDir = userRepository();
    symlinkSync("/opt/data", join(projectDir, "data"));
    git(projectDir, "add", "--all");
    git(projectDir, "commit", "--quiet", "-m", "data");
    const work = await workOn(projectDir);
    expect((await capture(work)).changes).toEqual([]);
    symlinkSync("data/x", join(work.folder, "through"));
    await expect(capture(work)).rejects.toMatchObject(refusal("through", "leaves the workspace"));
    rmSync(join(work.folder, "through"));
    rmSync(join(work.folder, "data"));
    symlinkSync("/opt/other", join(work.folder, "data"));
    await expect(capture(work)).rejects.toMatchObject(refusal("data", "leaves the workspace"));
  });

  it("a tracked folder that was exchanged for a link is a link, and nothing behind it is read", async () => {
    const work = await startWork({ "test/a.test": "strict\n", "src/b.ts": "b\n" });
    const outside = tempFolder();
    write(outside, { "a.test": "neutered\n" });
    renameSync(join(work.folder, "test"), join(work.folder, "moved"));
    symlinkSync(outside, join(work.folder, "test"));
    await expect(capture(work)).rejects.toMatchObject(refusal("test", "leaves the workspace"));
    rmSync(join(work.folder, "test"));
    symlinkSync("moved", join(work.folder, "test"));
    expect((await capture(work)).changes).toEqual(["renamed moved/a.test", "added test"]);
  });

  it("a FIFO and a socket, even where a tracked file was", async () => {
    const work = await startWork();
    rmSync(join(work.folder, "a.txt"));
    execFileSync("mkfifo", [join(work.folder, "a.txt")]);
    await expect(capture(work)).rejects.toMatchObject(refusal("a.txt", "neither a regular file"));
    rmSync(join(work.folder, "a.txt"));
    const server = createServer().listen(join(work.folder, "a.txt"));
    await once(server, "listening");
    await expect(capture(work)).rejects.toMatchObject(refusal("a.txt", "neither a regular file"));
    server.close();
  });

  it.skipIf(process.getuid?.() !== 0)("a device (only root can make one)", async () => {
    const work = await startWork();
    execFileSync("mknod", [join(work.folder, "zero"), "c", "1", "5"]);
    await expect(capture(work)).rejects.toMatchObject(refusal("zero", "neither a regular file"));
  });

  it("a sparse file of a terabyte, and files that are too large together", async () => {
    const work = await startWork();
    write(work.folder, { huge: "" });
    truncateSync(join(work.folder, "huge"), 2 ** 40);
    await expect(capture(work)).rejects.toMatchObject(refusal("huge", `${2 ** 40} bytes, more than the`));
  });

  it("a folder that is too deep", async () => {
    const work = await startWork();
    const deep = Array.from({ length: 70 }, () => "d").join("/");
    write(work.folder, { [`${deep}/x`]: "x" });
    const at = deep.slice(0, 127);
    await expect(capture(work)).rejects.toMatchObject(refusal(at, "64"));
  });

  it("names that git takes for .git on some system, and names that are not UTF-8", async () => {
    const work = await startWork();
    write(work.folder, { "sub/GIT~1/config": "x" });
    await expect(capture(work)).rejects.toMatchObject(refusal("sub/GIT~1/config", "git refuses"));
    rmSync(join(work.folder, "sub"), { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(`${work.folder}/caf`), Buffer.from([0xe9])]), "x");
    await expect(capture(work)).rejects.toMatchObject(refusal("caf\uFFFD", "not UTF-8"));
    write(work.folder, { ".gitignore": "caf*\n" });
    expect((await capture(work)).changes).toEqual(["added .gitignore"]);
  });

  it("a workspace that is gone, or is a link to another folder's file", async () => {
    const work = await startWork();
    rmSync(work.folder, { recursive: true });
    await expect(capture(work)).rejects.toMatchObject({ code: "workspace_unfit" });
  });
});

describe("an agent that is still at work while it is captured", () => {
  it("cannot make us read what is outside", async () => {
    const outside = tempFolder();
    write(outside, { "f.txt": "SECRET OUTSIDE\n" });
    const work = await startWork(
      Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`d${n}/f.txt`, `${n}\n`])),
    );
    const script = `
      const { renameSync, symlinkSync, unlinkSync } = require("node:fs");
      process.stdout.write("ready");
      for (;;) for (let n = 0; n < 400; n += 7) try {
        renameSync("d" + n, "x" + n); symlinkSync(${JSON.stringify(outside)}, "d" + n);
        unlinkSync("d" + n); renameSync("x" + n, "d" + n);
      } catch {}`;
    const agent = spawn(process.execPath, ["-e", script], {
      cwd: work.folder,
      stdio: ["ignore", "pipe", "ignore"],
    });
    try {
      await once(agent.stdout, "data");
      for (let n = 0; n < 15; n += 1) {
        const captured = await capture(work).catch((error: unknown) => error);
        if (captured instanceof Error) {
          expect(captured).toMatchObject({ code: "workspace_unfit" });
          continue;
        }
        const secret = (
          await work.store.run(["hash-object", "--stdin"], { input: "SECRET OUTSIDE\n" })
        ).stdout.trim();
        const tree = (captured as { tree: string }).tree;
        expect((await listTree(work.store, tree)).filter(({ oid }) => oid === secret)).toEqual([]);
      }
    } finally {
      agent.kill("SIGKILL");
      await once(agent, "exit");
    }
  });
});
