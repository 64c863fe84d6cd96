import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Git, openPrivateStore } from "../../src/pev/git.js";
import { withObjects } from "../../src/pev/object-reader.js";
import {
  changedFiles,
  commitTree,
  dropRun,
  keep,
  mergeOnto,
  patchBetween,
  touchedBy,
  writeIndex,
} from "../../src/pev/objects.js";
import { tempFolder } from "../helpers/repositories.js";

const at = "2026-01-02T03:04:05.678Z";
const openStore = (): Promise<Git> => openPrivateStore(join(tempFolder(), "store.git"));

type Files = Readonly<Record<string, string | Buffer>>;

const treeOf = async (store: Git, files: Files): Promise<string> => {
  const indexFile = join(tempFolder(), "index");
  const entries = [];
  for (const [path, input] of Object.entries(files)) {
    const { stdout } = await store.run(["hash-object", "-w", "--stdin"], { input });
    entries.push({ mode: "100644", oid: stdout.trim(), path });
  }
  await writeIndex(store, indexFile, entries);
  return (await store.run(["write-tree"], { indexFile })).stdout.trim();
};

const rootOf = async (store: Git, files: Files): Promise<string> => {
  const who = {
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a",
  };
  return (
    await store.run(["commit-tree", await treeOf(store, files), "-m", "root"], { env: who })
  ).stdout.trim();
};

const commitOn = async (store: Git, parent: string, files: Files, message = "next"): Promise<string> =>
  commitTree({ store, tree: await treeOf(store, files), parent, message, at });

describe("a commit", () => {
  it("depends on its arguments only", async () => {
    const [one, other] = [await openStore(), await openStore()];
    const commits = [];
    for (const store of [one, other, one]) {
      const root = await store.run(["hash-object", "-w", "-t", "commit", "--stdin"], {
        input: `tree ${await treeOf(store, {})}\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\nroot\n`,
      });
      commits.push(await commitOn(store, root.stdout.trim(), { a: "a\n" }));
    }
    const [commit = ""] = commits;
    expect(commits).toEqual([commit, commit, commit]);
    expect((await one.run(["show", "-s", "--format=%an <%ae> %cn <%ce> %aI %cI %s", commit])).stdout).toBe(
      "RunLedger <runledger@localhost> RunLedger <runledger@localhost> " +
        "2026-01-02T03:04:05+00:00 2026-01-02T03:04:05+00:00 next\n",
    );
  });

  it("is signed by RunLedger, and takes no NUL from a message", async () => {
    const store = await openStore();
    const root = await rootOf(store, {});
    const tree = await treeOf(store, { a: "a" });
    const commit = await commitTree({ store, tree, parent: root, message: "a\0b", at });
    expect((await store.run(["show", "-s", "--format=%an|%ae|%s", commit])).stdout).toBe(
      "RunLedger|runledger@localhost|ab\n",
    );
  });
});

describe("a merge", () => {
  it("takes both sides when they do not touch", async () => {
    const store = await openStore();
    const base = await rootOf(store, { a: "1\n", b: "1\n" });
    const head = await commitOn(store, base, { a: "2\n", b: "1\n" });
    const commit = await commitOn(store, base, { a: "1\n", b: "1\n", c: "new\n" });
    const { tree, conflicts } = await mergeOnto({ store, head, commit });
    expect(conflicts).toEqual([]);
    expect(tree).toBe(await treeOf(store, { a: "2\n", b: "1\n", c: "new\n" }));
  });

  it("names every conflict, odd names included, and marks them in the tree", async () => {
    const store = await openStore();
    const odd = 'odd\n"name';
    const base = await rootOf(store, { a: "1\n", [odd]: "1\n", gone: "1\n" });
    const head = await commitOn(store, base, { a: "2\n", [odd]: "2\n" });
    const commit = await commitOn(store, base, { a: "3\n", [odd]: "3\n", gone: "changed\n" });
    const { tree, conflicts } = await mergeOnto({ store, head, commit });
    expect(conflicts.sort()).toEqual(["a", "gone", odd]);
    expect((await store.run(["cat-file", "blob", `${tree}:a`])).stdout).toMatch(/<{7} .*\n2\n={7}\n3\n>{7} /);
  });

  it("is not decided by attributes of the tree: merge=union and merge=ours conflict all the same", async () => {
    const store = await openStore();
    const rules = { ".gitattributes": "u merge=union\no merge=ours\nb binary\n* conflict-marker-size=1\n" };
    const base = await rootOf(store, { ...rules, u: "1\n", o: "1\n", b: "1\n" });
    const head = await commitOn(store, base, { ...rules, u: "2\n", o: "2\n", b: "2\n" });
    const commit = await commitOn(store, base, { ...rules, u: "3\n", o: "3\n", b: "3\n" });
    const { tree, conflicts } = await mergeOnto({ store, head, commit });
    expect(conflicts.sort()).toEqual(["b", "o", "u"]);
    expect((await store.run(["cat-file", "blob", `${tree}:b`])).stdout).toContain("<<<<<<<");
  });

  it("says whom a conflict is with", async () => {
    const store = await openStore();
    const base = await rootOf(store, { a: "1\n", "*": "1\n" });
    const first = await commitOn(store, base, { a: "2\n", "*": "1\n" });
    const second = await commitOn(store, first, { a: "2\n", "*": "2\n" });
    const third = await commitOn(store, second, { a: "3\n", "*": "2\n" });
    const touched = await touchedBy({ store, base, head: third, paths: ["a", "*", "absent", ":(top)a"] });
    expect([...touched]).toEqual([
      ["a", [third, first]],
      ["*", [second]],
      ["absent", []],
      [":(top)a", []],
    ]);
  });
});

describe("a difference", () => {
  it("names what was added, modified, deleted and renamed, between commits and trees", async () => {
    const store = await openStore();
    const long = "a line that is long enough to be recognised\n".repeat(10);
    const from = await rootOf(store, { "old\tname": long, mod: "1\n", gone: "x\n" });
    const to = await commitOn(store, from, { "new\nname": `${long}more\n`, mod: "2\n", 'add"ed': "y\n" });
    const expected = [
      { path: 'add"ed', change: "added" },
      { path: "gone", change: "deleted" },
      { path: "mod", change: "modified" },
      { path: "new\nname", change: "renamed", from: "old\tname" },
    ];
    expect(await changedFiles({ store, from, to })).toEqual(expected);
    const tree = (await store.run(["rev-parse", `${to}^{tree}`])).stdout.trim();
    expect(await changedFiles({ store, from, to: tree })).toEqual(expected);
    expect(await changedFiles({ store, from, to: from })).toEqual([]);
  });

  it("is a patch that makes the same tree of it, whatever attributes say", async () => {
    const store = await openStore();
    const rules = { ".gitattributes": "*.txt -diff\n* binary\n" };
    const from = await rootOf(store, { ...rules, "a.txt": "1\n", bin: Buffer.from([0, 1, 2]) });
    const to = await commitOn(store, from, {
      ...rules,
      "a.txt": "2\r\n",
      bin: Buffer.from([0, 255, 2]),
      "ü\n": "x",
    });
    const patch = await patchBetween(store, from, to);
    expect(patch.toString("latin1")).toContain("+2\r\n");
    const indexFile = join(tempFolder(), "index");
    await store.run(["read-tree", from], { indexFile });
    await store.run(["apply", "--cached"], { indexFile, input: patch });
    const tree = (await store.run(["write-tree"], { indexFile })).stdout.trim();
    expect(tree).toBe((await store.run(["rev-parse", `${to}^{tree}`])).stdout.trim());
  });
});

/** As a judgement reads it. */
const readTreeFile = (store: Git, commit: string, path: string, bytesMax: number) =>
  withObjects(store, (objects) => objects.file(commit, path, bytesMax));

describe("a file of a commit", () => {
  it("is read by its exact name, or is not there", async () => {
    const store = await openStore();
    const commit = await rootOf(store, { "sub/*.txt": "stars\n", "sub/a.txt": "a\n" });
    expect(await readTreeFile(store, commit, "sub/*.txt", 100)).toEqual(Buffer.from("stars\n"));
    for (const path of ["sub", "absent", "sub/", "../x", "/sub/a.txt", ""]) {
      expect(await readTreeFile(store, commit, path, 100), path).toBeUndefined();
    }
  });

  it("is no link, and never a part of a file", async () => {
    const store = await openStore();
    const indexFile = join(tempFolder(), "index");
    const { stdout } = await store.run(["hash-object", "-w", "--stdin"], { input: "/etc/passwd" });
    await writeIndex(store, indexFile, [{ mode: "120000", oid: stdout.trim(), path: "link" }]);
    const tree = (await store.run(["write-tree"], { indexFile })).stdout.trim();
    expect(await readTreeFile(store, tree, "link", 100)).toBeUndefined();
    const commit = await rootOf(store, { big: "x".repeat(101) });
    await expect(readTreeFile(store, commit, "big", 100)).rejects.toMatchObject({
      code: "limit_exceeded",
      message: expect.stringMatching(/101.*100/),
    });
  });
});

describe("the commits of a run", () => {
  it("are kept by refs of the run, and dropped with it alone", async () => {
    const store = await openStore();
    const root = await rootOf(store, { a: "a" });
    for (const runId of ["one", "one-more"]) await keep(store, runId, root);
    await dropRun(store, "one");
    const { stdout } = await store.run(["for-each-ref", "--format=%(refname)"]);
    expect(stdout.trim()).toBe(`refs/runledger/one-more/kept/${root}`);
    await dropRun(store, "never-there");
  });

  it.each(["", "a/b", "..", "a.lock", "-\n", "*"])("cannot be named %j", async (runId) => {
    const store = await openStore();
    await expect(keep(store, runId, "1".repeat(40))).rejects.toMatchObject({ code: "invalid_input" });
    await expect(dropRun(store, runId)).rejects.toMatchObject({ code: "invalid_input" });
  });
});
