import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach } from "vitest";

const made: string[] = [];

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A fresh folder that is removed after the test. */
export const tempFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "runledger-test-"));
  made.push(folder);
  return folder;
};

/** Somebody else's git, as a user or an agent would call it. */
export const git = (cwd: string, ...args: string[]): string =>
  execFileSync("git", args, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      HOME: cwd,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_AUTHOR_NAME: "Uma User",
      GIT_AUTHOR_EMAIL: "uma@example.org",
      GIT_COMMITTER_NAME: "Uma User",
      GIT_COMMITTER_EMAIL: "uma@example.org",
    },
  }).trimEnd();

export const write = (folder: string, files: Readonly<Record<string, string | Buffer>>): void => {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
};

/** A repository of the user's with one commit. */
export const userRepository = (
  files: Readonly<Record<string, string | Buffer>> = { "a.txt": "one\n" },
): string => {
  const folder = tempFolder();
  git(folder, "init", "--quiet", "--initial-branch=main");
  write(folder, files);
  commitAll(folder, "first");
  return folder;
};

export const commitAll = (folder: string, message: string): string => {
  git(folder, "add", "--all");
  git(folder, "commit", "--quiet", "--allow-empty", "-m", message);
  return git(folder, "rev-parse", "HEAD");
};

/** Everything below a folder: kinds, modes, times and bytes, so that any write at all shows. */
export const snapshot = (folder: string): Record<string, string> => {
  const seen: Record<string, string> = {};
  const visit = (path: string): void => {
    const facts = lstatSync(join(folder, path));
    const bytes = facts.isSymbolicLink()
      ? readlinkSync(join(folder, path))
      : facts.isFile()
        ? createHash("sha256")
            .update(readFileSync(join(folder, path)))
            .digest("hex")
        : "";
    seen[path] = `${facts.mode.toString(8)} ${facts.mtimeMs} ${bytes}`;
    if (facts.isDirectory())
      for (const name of readdirSync(join(folder, path)).sort()) visit(join(path, name));
  };
  visit(".");
  return seen;
};
