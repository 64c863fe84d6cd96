import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { readHeldOut } from "../../src/pev/held-out.js";
import { makeSample, type Sample } from "../helpers/project.js";

let sample: Sample | undefined;
afterEach(async () => sample?.dispose());

const FILES = { ".gitignore": "held/\nshared/\nlocal/\n", "src/a.js": "1\n", "tests/a.test.js": "1\n" };
const read = async (path: string, over: { share?: readonly string[]; isolated?: boolean } = {}) => {
  if (sample === undefined) throw new Error("no project yet");
  const store = over.isolated === false ? null : ({} as never);
  return readHeldOut({ folder: sample.repo, share: over.share ?? [], ownFiles: [], store }, path);
};

describe("a folder of held-out tests", () => {
  it("is read with its paths and a digest of all of them", async () => {
    sample = await makeSample(FILES);
    await sample.write({ "held/test/b.test.js": "b\n", "held/a.test.js": "a\n" });
    const first = await read("held/");
    expect(first.files.map(({ path }) => path).sort()).toEqual(["a.test.js", "test/b.test.js"]);
    expect(first).toMatchObject({ folder: "held", digest: (await read("held")).digest });
    await sample.write({ "held/a.test.js": "A\n" });
    expect((await read("held")).digest).not.toBe(first.digest);
  });

  it.each([
    ["is tracked", "tests", "is tracked by git"],
    ["is not there", "nowhere", "does not exist"],
    ["is a file", "src/a.js", "is no folder"],
    ["is empty", "held", "is empty"],
    ["is not ignored", "open", "is not ignored"],
    ["lies behind a link", "held-link", "lies behind a link"],
    ["is shared", "shared/in", "workspace.share"],
    ["holds what is shared", "local", "workspace.share"],
    ["is included", "local/in", ".worktreeinclude"],
    ["leaves the project", "../held", "no folder inside"],
    ["is the project", ".", "no folder inside"],
  ])("is refused when it %s", async (_what, path, why) => {
    sample = await makeSample({ ...FILES, ".worktreeinclude": "local/in/\n" });
    await mkdir(join(sample.repo, "held"));
    await symlink("held", join(sample.repo, "held-link"));
    await sample.write({
      "open/a.test.js": "1\n",
      "shared/in/a.test.js": "1\n",
      "local/in/a.test.js": "1\n",
    });
    const refusal = read(path, { share: path === "local" ? ["local/in"] : ["shared"] });
    await expect(refusal).rejects.toMatchObject({
      code: "held_out_unfit",
      message: expect.stringContaining(why),
      hint: expect.stringContaining(".gitignore"),
    });
  });

  it("is refused with links in it, and where agents work in the project itself", async () => {
    sample = await makeSample(FILES);
    await sample.write({ "held/a.test.js": "1\n" });
    await expect(read("held", { isolated: false })).rejects.toMatchObject({ code: "held_out_unfit" });
    await symlink("a.test.js", join(sample.repo, "held/b.test.js"));
    await expect(read("held")).rejects.toMatchObject({ message: expect.stringContaining("b.test.js") });
  });
});
