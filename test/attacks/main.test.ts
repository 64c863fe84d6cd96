import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const typed = (...words: readonly string[]) => {
  const argv = ["--import", "tsx", join(import.meta.dirname, "main.ts"), ...words];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
  return { status, stdout, stderr };
};

it("tries what is named, at the level that is named", () => {
  const { status, stdout } = typed("--level", "1", "has no name");
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ attack: "has no name", breaches: [] });
});

it.each([
  [["has no name", "has no nmae"], 'There is no attack or family "has no nmae".\n'],
  [["--level", "9", "has no name"], /^This machine offers the levels 1/],
])("says of %j what there is not, and tries nothing", (words, sentence) => {
  const { status, stdout, stderr } = typed(...words);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(sentence);
});
