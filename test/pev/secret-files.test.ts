import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRedactor } from "../../src/core/redact.js";
import { captureTree } from "../../src/pev/capture.js";
import { captureBase } from "../../src/pev/checkout.js";
import { coneOf } from "../../src/pev/cone.js";
import { type Git, openPrivateStore } from "../../src/pev/git.js";
import { createWorkspace } from "../../src/pev/workspace.js";
import { refusalOf } from "../helpers/bench.js";
import { tempFolder, userRepository, write } from "../helpers/repositories.js";

const VALUE = "q7zt/p4wx-11";
const redactor = createRedactor([
  { name: "SHOP_TOKEN", value: VALUE },
  { name: "OTHER_TOKEN", value: "other-value-22" },
]);

const startWork = async (files: Readonly<Record<string, string>> = { "a.txt": "one\n" }) => {
  const store = await openPrivateStore(join(tempFolder(), "store.git"));
  const projectDir = userRepository(files);
  const { commit } = await captureBase({
    store,
    projectDir,
    runId: "run",
    allowDirty: [],
    includeUncommitted: false,
    redactor,
  });
  const folder = join(tempFolder(), "work");
  await createWorkspace({ store, folder, commit, cone: coneOf([]) });
  const capture = () =>
    captureTree({
      store,
      folder,
      baseCommit: commit,
      alsoPaths: [],
      leftOut: [],
      cone: coneOf([]),
      redactor,
    });
  return { store, folder, projectDir, capture };
};

/** Everything the store's objects say, unpacked. */
const contentOf = (store: Git): string => {
  const git = (...args: string[]) =>
    execFileSync("git", ["--git-dir", store.gitDir, ...args], { maxBuffer: 1 << 28 }).toString("latin1");
  const all = git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    .split("\n")
    .filter(Boolean);
  return all.map((oid) => git("cat-file", "-p", oid)).join("\n");
};

describe("a capture refuses a secret", () => {
  const plant: Readonly<Record<string, (folder: string) => void>> = {
    "in a file": (folder) => write(folder, { "conf/.env": `TOKEN=${VALUE}\n` }),
    "in an edited file": (folder) => write(folder, { "a.txt": `one ${VALUE}\n` }),
    "in a binary file": (folder) =>
      write(folder, {
        "a.bin": Buffer.concat([Buffer.alloc(99), Buffer.from(VALUE), Buffer.alloc(99, 255)]),
      }),
    "far inside of a large file": (folder) =>
      write(folder, { "big.bin": Buffer.concat([Buffer.alloc(5_000_000, "x"), Buffer.from(VALUE)]) }),
    "in base64": (folder) => write(folder, { "auth.txt": Buffer.from(`user:${VALUE}`).toString("base64") }),
    "in the name of a file": (folder) => write(folder, { [`x-${VALUE.replace("/", "%2F")}`]: "" }),
    "in the names of folders": (folder) => write(folder, { [`deep/${VALUE}/file`]: "" }),
    "in the name of a file whose content the base has": (folder) =>
      write(folder, { [`deep/${VALUE}/file`]: "one\n" }),
    "in the target of a link": (folder) => symlinkSync(`nowhere-${VALUE}`, join(folder, "link")),
  };
  it.each(Object.entries(plant))("%s", async (_, act) => {
    const { store, folder, capture } = await startWork();
    writeFileSync(join(folder, "honest.txt"), "honest\n");
    act(folder);
    const refusal = await refusalOf(capture());
    expect(refusal).toMatchObject({ code: "workspace_unfit", details: { variable: "SHOP_TOKEN" } });
    expect(refusal.hint).toContain("secrets.except");
    expect(JSON.stringify(refusal)).not.toContain("q7zt");
    expect(contentOf(store)).not.toContain("q7zt");
  });

  it("that the user has not committed", async () => {
    const { store, projectDir } = await startWork();
    write(projectDir, { "local/.env": `TOKEN=${VALUE}\n` });
    const asked = captureBase({
      store,
      projectDir,
      runId: "other",
      allowDirty: [],
      includeUncommitted: true,
      redactor,
    });
    expect(await refusalOf(asked)).toMatchObject({
      code: "workspace_unfit",
      details: { path: "local/.env", variable: "SHOP_TOKEN" },
    });
    expect(contentOf(store)).not.toContain("q7zt");
  });
});

describe("a capture takes", () => {
  it("what looks like a token and is nobody's", async () => {
    const { folder, capture } = await startWork();
    const token = `ghp_${"aB3dE6gH9j".repeat(4)}`;
    write(folder, { "test/fixture.txt": `${token}\n-----BEGIN PRIVATE KEY-----\n${"A".repeat(64)}\n` });
    expect((await capture()).changed).toHaveLength(1);
  });

  it("work on a file in which the user published a secret, but no other secret with it", async () => {
    const { folder, capture } = await startWork({ "a.txt": `${VALUE}\n`, [`${VALUE}.txt`]: "named\n" });
    write(folder, { "a.txt": `${VALUE}\nmore\n`, [`${VALUE}.txt`]: "changed\n" });
    mkdirSync(join(folder, "moved"));
    expect((await capture()).changed).toHaveLength(2);
    renameSync(join(folder, "a.txt"), join(folder, "moved/b.txt"));
    expect(await refusalOf(capture())).toMatchObject({ details: { variable: "SHOP_TOKEN" } });
    write(folder, { "a.txt": `${VALUE}\nother-value-22\n` });
    renameSync(join(folder, "moved/b.txt"), join(tempFolder(), "away"));
    expect(await refusalOf(capture())).toMatchObject({ details: { variable: "OTHER_TOKEN" } });
  });
});
