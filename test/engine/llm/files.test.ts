import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRedactor } from "../../../src/core/redact.js";
import { readLines, searchText, writeText } from "../../../src/engine/agents/llm/files.js";
import { NO_SECRETS } from "../../helpers/no-secrets.js";
import { tempFolder } from "../../helpers/repositories.js";

/** A workspace with these files in it. */
const workspace = async (files: Readonly<Record<string, string>>): Promise<string> => {
  const root = tempFolder();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
};

describe("a file that is read in parts", () => {
  it("is cut between lines, and the remark leads to the first one that was left out", async () => {
    const root = await workspace({ "long.txt": `one\n${"b".repeat(49_998)}\nthree` });
    expect(await readLines(root, NO_SECRETS, { path: "long.txt" })).toBe(
      "one\n(2 more lines; go on with from_line 2)",
    );
    expect(await readLines(root, NO_SECRETS, { path: "long.txt", from_line: 2 })).toBe(
      `${"b".repeat(49_998)}\n(1 more lines; go on with from_line 3)`,
    );
    expect(await readLines(root, NO_SECRETS, { path: "long.txt", from_line: 3 })).toBe("three");
    expect(await readLines(root, NO_SECRETS, { path: "long.txt", from_line: 4 })).toBe(
      "(the file has 3 lines)",
    );
    expect(await readLines(root, NO_SECRETS, { path: "long.txt", lines: 1 })).toContain("from_line 2");
  });

  it("says so where one line alone is cut, and never leaves half a character", async () => {
    const root = await workspace({
      "one.txt": `${"a".repeat(49_999)}😀${"a".repeat(9_999)}`,
      "empty.txt": "",
    });
    const told = await readLines(root, NO_SECRETS, { path: "one.txt" });
    expect(told).toBe(
      `${"a".repeat(49_999)}\n(line 1 has 60000 characters; only its first 50000 stand here)`,
    );
    expect(await readLines(root, NO_SECRETS, { path: "empty.txt" })).toBe("");
  });
});

describe("a path of a model", () => {
  it("may begin with dots, and leads nowhere above the workspace", async () => {
    const root = await workspace({ "..x": "dots", "..d/file": "deep" });
    expect(await readLines(root, NO_SECRETS, { path: "..x" })).toBe("dots");
    expect(await readLines(root, NO_SECRETS, { path: "..d/file" })).toBe("deep");
    for (const path of ["..", "../x", "src/../../x", "..d/../../x"])
      await expect(readLines(root, NO_SECRETS, { path })).rejects.toThrow("lies outside of the workspace");
  });
});

describe("a search", () => {
  it("ends with its attempt, also among folders without a file", async () => {
    const root = await workspace({ "a/b/file": "text" });
    await mkdir(join(root, "empty/empty"), { recursive: true });
    const stopped = AbortSignal.abort(new Error("stopped"));
    for (const path of [".", "empty"])
      await expect(
        searchText({ root, redactor: NO_SECRETS, signal: stopped }, { text: "text", path }),
      ).rejects.toThrow("stopped");
  });
});

describe("a file that is written", () => {
  it("leaves nothing beside it when the disk is full in the middle, and the old one as it was", async () => {
    const root = await workspace({ "file.txt": "old" });
    // As the disk of a test cannot be filled: what is written breaks off as it would there.
    const breaksOff = (async function* () {
      yield "half";
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    })() as unknown as string;
    await expect(writeText(root, "file.txt", breaksOff)).rejects.toThrow("no space left on device");
    expect(await readdir(root)).toEqual(["file.txt"]);
    expect(await readFile(join(root, "file.txt"), "utf8")).toBe("old");
    await writeText(root, "file.txt", "new");
    expect(await readdir(root)).toEqual(["file.txt"]);
    expect(await readFile(join(root, "file.txt"), "utf8")).toBe("new");
  });
});

describe("a secret in a file", () => {
  const value = "secret-of-the-shop-0123456789";
  const redactor = createRedactor([{ name: "SHOP_TOKEN", value }]);

  it("is not shown by half where a line is cut", async () => {
    const root = await workspace({
      "read.txt": `${"x".repeat(49_990)}${value}`,
      "search.txt": `needle${"x".repeat(284)}${value}`,
    });
    const read = await readLines(root, redactor, { path: "read.txt" });
    const { signal } = new AbortController();
    const found = await searchText({ root, redactor, signal }, { text: "needle" });
    for (const told of [read, found]) {
      expect(told).toContain("xxx[redacted");
      expect(told).not.toContain(value.slice(0, 6));
    }
  });

  it("is not found piece by piece", async () => {
    const root = await workspace({ "file.txt": `key: ${value}` });
    const { signal } = new AbortController();
    const searched = searchText({ root, redactor, signal }, { text: value.slice(0, 9) });
    expect(await searched).toBe("(nothing found)");
  });
});
