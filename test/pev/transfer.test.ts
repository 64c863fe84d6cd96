import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openPrivateStore } from "../../src/pev/git.js";
import { packRun } from "../../src/pev/transfer.js";
import { tempFolder } from "../helpers/repositories.js";

const RUN = "run_1";

/** A store with a run in it that has one commit of its own. */
const storeWithRun = async () => {
  const store = await openPrivateStore(join(tempFolder(), "store.git"));
  const who = {
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a",
  };
  const tree = (await store.run(["mktree"], { input: "" })).stdout.trim();
  const commit = async (message: string, ...parents: string[]) =>
    (await store.run(["commit-tree", tree, "-m", message, ...parents], { env: who })).stdout.trim();
  const origin = await commit("origin");
  const base = await commit("base", "-p", origin);
  for (const [name, oid] of Object.entries({ origin, base }))
    await store.run(["update-ref", `refs/runledger/${RUN}/${name}`, oid]);
  return { store, origin, base };
};

describe("the commits of a run", () => {
  it("are packed with the name of each, and without the user's history", async () => {
    const { store, origin, base } = await storeWithRun();
    const packed = await packRun(store, RUN);
    expect(packed).toMatchObject({ origin, refs: { base } });
    expect(packed?.pack.subarray(0, 4).toString()).toBe("PACK");
    expect(await packRun(store, "run_2")).toBeUndefined();
  });

  it("are refused when no import would take a line as long as they are in base64", async () => {
    const { store } = await storeWithRun();
    // A real pack of that size takes a minute to make; what counts is how long it is.
    const bytesOf = async (bytes: number) =>
      (await packRun({ ...store, runBytes: async () => Buffer.alloc(bytes) }, RUN))?.pack.byteLength;
    expect(await bytesOf(2 ** 28)).toBe(2 ** 28);
    await expect(bytesOf(2 ** 28 + 1)).rejects.toMatchObject({ code: "limit_exceeded" });
  });
});
