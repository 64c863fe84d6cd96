import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { watchFiles } from "../../src/pev/written-files.js";
import { removeTemp, tempFolder, writeText } from "./room-fixtures.js";

let folder: string;
const at = (path: string) => join(folder, path);
const ALL = ["a.test.js", "src/b.js", "src/c.js", "easy/b.js"];

beforeEach(() => {
  folder = tempFolder();
  for (const path of ALL) writeText(at(path), `${path}\n`);
  symlinkSync("src/b.js", at("link"));
});
afterEach(() => removeTemp(folder));

/** As an attacker would who knows that dates are compared. */
const keepingDates = (path: string, work: () => void) => {
  const { atime, mtime } = statSync(at(path));
  work();
  utimesSync(at(path), atime, mtime);
};

describe("a watched file", () => {
  it.each<[what: string, work: () => void, written: readonly string[]]>([
    [
      "that is read, or beside which others are made",
      () => writeText(at("src/new.js"), readFileSync(at("a.test.js"), "utf8")),
      [],
    ],
    ["that is rewritten", () => writeFileSync(at("a.test.js"), "x"), ["a.test.js"]],
    [
      "that grows, though its date stays",
      () => keepingDates("src/b.js", () => appendFileSync(at("src/b.js"), "x")),
      ["src/b.js"],
    ],
    [
      "that is rewritten with as many bytes, though its date stays",
      () => keepingDates("a.test.js", () => writeFileSync(at("a.test.js"), "b.test.js\n")),
      ["a.test.js"],
    ],
    [
      "that is exchanged for a while and then put back as it was",
      () => {
        const bytes = readFileSync(at("a.test.js"));
        keepingDates("a.test.js", () => {
          writeFileSync(at("a.test.js"), "passes\n");
          writeFileSync(at("a.test.js"), bytes);
        });
      },
      ["a.test.js"],
    ],
    [
      "that steps aside for another and comes back",
      () => {
        renameSync(at("a.test.js"), at("aside"));
        writeFileSync(at("a.test.js"), "passes\n");
        renameSync(at("aside"), at("a.test.js"));
      },
      ["a.test.js"],
    ],
    [
      "that another takes the place of, with the same bytes",
      () => {
        copyFileSync(at("src/c.js"), at("copy"));
        renameSync(at("copy"), at("src/c.js"));
      },
      ["src/c.js"],
    ],
    ["that becomes executable", () => chmodSync(at("src/c.js"), 0o755), ["src/c.js"]],
    ["that is removed", () => rmSync(at("src/b.js")), ["src/b.js"]],
    [
      "that becomes a link",
      () => {
        rmSync(at("src/b.js"));
        symlinkSync("c.js", at("src/b.js"));
      },
      ["src/b.js"],
    ],
    [
      "that is a link and leads elsewhere",
      () => {
        rmSync(at("link"));
        symlinkSync("src/c.js", at("link"));
      },
      ["link"],
    ],
    [
      "whose folder becomes a link to a copy",
      () => {
        cpSync(at("src"), at("other"), { recursive: true, preserveTimestamps: true });
        rmSync(at("src"), { recursive: true });
        symlinkSync("other", at("src"));
      },
      ["src/b.js", "src/c.js"],
    ],
    [
      "whose folder changes places with another",
      () => {
        renameSync(at("src"), at("aside"));
        renameSync(at("easy"), at("src"));
        renameSync(at("aside"), at("easy"));
      },
      ["src/b.js", "src/c.js", "easy/b.js"],
    ],
    [
      "whose folder becomes a file",
      () => {
        rmSync(at("src"), { recursive: true });
        writeFileSync(at("src"), "x");
      },
      ["src/b.js", "src/c.js"],
    ],
  ])("%s", async (_what, work, written) => {
    const changed = await watchFiles(folder, [...ALL, "link", "never there"]);
    expect(await changed()).toEqual([]);
    work();
    expect(await changed()).toEqual(written);
  });
});
