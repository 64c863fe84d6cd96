import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRedactor } from "../../src/core/redact.js";
import { captureBase } from "../../src/pev/checkout.js";
import type { Git } from "../../src/pev/git.js";
import { refusalOf } from "../helpers/bench.js";
import { objectsOf } from "../helpers/data-folder.js";
import { tempFolder, write } from "../helpers/repositories.js";
import { capture, startWork } from "./work.js";

const VALUE = "q7zt/p4wx-11";
const redactor = createRedactor([
  { name: "SHOP_TOKEN", value: VALUE },
  { name: "OTHER_TOKEN", value: "other-value-22" },
]);

/** Everything the store's objects say, unpacked. */
const textOf = ({ gitDir }: Git): string =>
  objectsOf(gitDir)
    .map(({ text }) => text)
    .join("\n");

const begin = (files?: Readonly<Record<string, string>>) => startWork(files, { redactor });

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
    const work = await begin();
    const { store, folder } = work;
    writeFileSync(join(folder, "honest.txt"), "honest\n");
    act(folder);
    const refusal = await refusalOf(capture(work));
    expect(refusal).toMatchObject({ code: "workspace_unfit", details: { variable: "SHOP_TOKEN" } });
    expect(refusal.hint).toContain("secrets.except");
    expect(JSON.stringify(refusal)).not.toContain("q7zt");
    expect(textOf(store)).not.toContain("q7zt");
  });

  it("that the user has not committed", async () => {
    const { store, projectDir } = await begin();
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
    expect(textOf(store)).not.toContain("q7zt");
  });
});

describe("a capture takes", () => {
  it("what looks like a token and is nobody's", async () => {
    const work = await begin();
    const { folder } = work;
    const token = `ghp_${"aB3dE6gH9j".repeat(4)}`;
    write(folder, { "test/fixture.txt": `${token}\n-----BEGIN PRIVATE KEY-----\n${"A".repeat(64)}\n` });
    expect((await capture(work)).changes).toHaveLength(1);
  });

  it("work on a file in which the user published a secret, but no other secret with it", async () => {
    const work = await begin({ "a.txt": `${VALUE}\n`, [`${VALUE}.txt`]: "named\n" });
    const { folder } = work;
    write(folder, { "a.txt": `${VALUE}\nmore\n`, [`${VALUE}.txt`]: "changed\n" });
    mkdirSync(join(folder, "moved"));
    expect((await capture(work)).changes).toHaveLength(2);
    renameSync(join(folder, "a.txt"), join(folder, "moved/b.txt"));
    expect(await refusalOf(capture(work))).toMatchObject({ details: { variable: "SHOP_TOKEN" } });
    write(folder, { "a.txt": `${VALUE}\nother-value-22\n` });
    renameSync(join(folder, "moved/b.txt"), join(tempFolder(), "away"));
    expect(await refusalOf(capture(work))).toMatchObject({ details: { variable: "OTHER_TOKEN" } });
  });
});
