import { existsSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openPrivateStore } from "../../src/pev/git.js";
import { commitTree, dropRun, keep, runsWithRefs } from "../../src/pev/objects.js";
import { updateRefs } from "../../src/pev/stale-lock.js";
import { refusalOf } from "../helpers/bench.js";
import { tempFolder } from "../helpers/repositories.js";

const storeWithCommit = async () => {
  const store = await openPrivateStore(join(tempFolder(), "store.git"));
  const tree = (await store.run(["mktree"], { input: "" })).stdout.trim();
  const first = (await store.run(["commit-tree", tree], { input: "one", env: WHO })).stdout.trim();
  const at = "2026-01-01T00:00:00.000Z";
  const commit = await commitTree({ store, tree, parent: first, message: "two", at });
  await keep(store, "run", first);
  const ref = `refs/runledger/run/kept/${commit}`;
  return { store, commit, ref, lock: join(store.gitDir, `${ref}.lock`) };
};

const WHO = {
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@b",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@b",
};

/** As one that was left so long ago. */
const lockFor = (lock: string, seconds: number): void => {
  writeFileSync(lock, "");
  const then = Date.now() / 1_000 - seconds;
  utimesSync(lock, then, then);
};

it("a ref is written although a git that died left its lock", async () => {
  const { store, commit, lock, ref } = await storeWithCommit();
  lockFor(lock, 6);
  await updateRefs(store, [ref, commit]);
  expect((await store.run(["for-each-ref"])).stdout).toContain(`kept/${commit}`);
  expect(existsSync(lock)).toBe(false);
});

it("a lock that is young is waited for, not taken", async () => {
  const { store, commit, lock, ref } = await storeWithCommit();
  lockFor(lock, -3_600);
  const writing = updateRefs(store, [ref, commit]);
  const failed = await refusalOf(store.run(["update-ref", ref, commit]));
  expect(failed.code).toBe("git_failed");
  expect(existsSync(lock)).toBe(true);
  rmSync(lock);
  await writing;
  expect((await store.run(["for-each-ref"])).stdout).toContain(`kept/${commit}`);
});

it("a commit is kept whoever left a lock on its ref", async () => {
  const { store, commit, lock } = await storeWithCommit();
  lockFor(lock, 0);
  await keep(store, "run", commit);
  expect((await store.run(["for-each-ref"])).stdout).toContain(`kept/${commit}`);
});

it("a run is forgotten although such a lock stands on all refs", async () => {
  const { store, lock } = await storeWithCommit();
  lockFor(join(store.gitDir, "packed-refs.lock"), 6);
  lockFor(lock, 0);
  await dropRun(store, "run");
  expect(existsSync(lock)).toBe(false);
  expect(await runsWithRefs(store)).toEqual([]);
});

it("what else git refuses is told at once", async () => {
  const { store } = await storeWithCommit();
  const refusal = await refusalOf(updateRefs(store, ["refs/runledger/run/kept/x", "0123"]));
  expect(refusal.code).toBe("git_failed");
});
