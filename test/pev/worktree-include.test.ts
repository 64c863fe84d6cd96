import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { appendFile, chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { exactPatterns, findIncluded } from "../../src/pev/worktree-include.js";
import { markersIn, objectsOf } from "../helpers/data-folder.js";
import { makeSample, onePlan, person, type Sample, SESSION } from "../helpers/project.js";
import { git, tempFolder, userRepository, write } from "../helpers/repositories.js";

const IGNORES = ".env*\nlocal/\n*.secret\n";

const named = async (folder: string, ownFiles: readonly string[] = []) => {
  const { files, problem } = await findIncluded({ projectDir: folder, ownFiles });
  return problem ?? files.map(({ path }) => path);
};

/** A checkout whose list is this; the files are in no commit. */
const checkout = (list: string, files: Readonly<Record<string, string>>): string => {
  const folder = userRepository({ ".gitignore": IGNORES, ".worktreeinclude": list, "a.txt": "one\n" });
  write(folder, files);
  return folder;
};

describe("the list names", () => {
  it("nothing where there is none", async () => {
    expect(await named(userRepository({ ".gitignore": IGNORES }))).toEqual([]);
  });

  it("files that git ignores, in the words of .gitignore", async () => {
    const list = "# ours\n.env*\n!.env.example\nlocal/**/*.json\n/top.secret\n";
    const folder = checkout(list, {
      ".env": "1",
      ".env.local": "2",
      ".env.example": "not this",
      "pkg/.env.local": "3",
      "local/deep/a.json": "4",
      "local/deep/a.txt": "not this",
      "top.secret": "5",
      "pkg/top.secret": "not this",
    });
    expect(await named(folder)).toEqual([
      ".env",
      ".env.local",
      "local/deep/a.json",
      "pkg/.env.local",
      "top.secret",
    ]);
  });

  it("neither what a commit has nor what git would take into one", async () => {
    const folder = checkout("*\n", { ".env": "1", "new.txt": "untracked" });
    git(folder, "add", "--force", ".env");
    git(folder, "commit", "--quiet", "-m", "env");
    write(folder, { ".env.local": "2" });
    expect(await named(folder)).toEqual([".env.local"]);
  });

  it("nothing of ours", async () => {
    const folder = checkout("*\n", { ".env": "1", ".runledger/db": "rows", "local/agent": "#!" });
    await appendFile(join(folder, ".gitignore"), ".runledger\n");
    expect(await named(folder, [join(folder, "local/agent")])).toEqual([".env"]);
  });

  it("odd names as they are", async () => {
    const odd = [" lead.secret", ":(top).secret", "tail .secret", "new\nline.secret", "ü*[x].secret"];
    const folder = checkout("*.secret\n", Object.fromEntries(odd.map((path) => [path, path])));
    expect(await named(folder)).toEqual([...odd].sort());
  });

  it("all or nothing: links out of the checkout, pipes and what is too much are refused by name", async () => {
    const out = checkout(".env*\n", { ".env": "1" });
    symlinkSync("/etc/passwd", join(out, ".env.link"));
    expect(await named(out)).toContain('.env.link is a link that leaves the checkout, to "/etc/passwd"');
    const up = checkout(".env*\n", {});
    mkdirSync(join(up, "pkg"));
    symlinkSync("../../x", join(up, "pkg/.env"));
    expect(await named(up)).toContain("pkg/.env is a link that leaves the checkout");
    const large = checkout(".env*\n", { ".env": "1" });
    truncateSync(join(large, ".env"), 67_108_865);
    expect(await named(large)).toContain("67108865 bytes, more than 67108864: .env;");
    const many = checkout("local/\n", {});
    write(many, Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`local/${n}`, ""])));
    expect(await named(many)).toMatch(
      /^it names 1001 files, more than 1000: local\/0, .* and 951 more; copy/,
    );
    const nested = checkout("*\n", {});
    mkdirSync(join(nested, "local/inner"), { recursive: true });
    git(join(nested, "local/inner"), "init", "--quiet");
    expect(await named(nested)).toBe("local/inner/ is a repository of its own");
    const folder = userRepository();
    mkdirSync(join(folder, ".worktreeinclude"));
    expect(await named(folder)).toBe(".worktreeinclude is no regular file");
  });
});

it("patterns for exact paths match these and no others", () => {
  const paths = [" a", "b*", "[c]", "!d", "#e", "dir/f ", "g?h", "back\\slash"];
  const folder = tempFolder();
  git(folder, "init", "--quiet");
  writeFileSync(join(folder, ".gitignore"), exactPatterns(paths));
  const asked = [...paths, "b-other", "c", "deep/ a", "gxh"];
  const answer = execFileSync("git", ["check-ignore", "-z", "--stdin"], {
    cwd: folder,
    input: asked.map((path) => `./${path}\0`).join(""),
    encoding: "utf8",
  });
  expect(answer.split("\0").filter(Boolean)).toEqual(paths.map((path) => `./${path}`));
});

let sample: Sample | undefined;
afterEach(async () => {
  await sample?.dispose();
  sample = undefined;
});

const SECRET = "TOKEN=marker-4711\n";

/** Drives one step on a checkout with local settings; the judge is this command. */
const drive = async (
  target: string,
  agent: (workspace: string) => Promise<void>,
  files: Readonly<Record<string, string>> = {},
) => {
  sample = await makeSample({ ".gitignore": ".env*\n", ".worktreeinclude": ".env.local\n", ...files });
  await sample.write({ ".env.local": SECRET });
  await chmod(join(sample.repo, ".env.local"), 0o600);
  const app = await sample.open({
    coder: async ({ workspace }) => {
      await agent(workspace);
      return "done";
    },
  });
  const plan = onePlan({ validator: { type: "command_pass", target }, max_retries: 0 });
  const run = await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: "try" });
  const { run: ended } = await app.drive(run.runId);
  return { app, run: ended, state: ended.steps[0]?.state };
};

describe("local settings", () => {
  it("are in the workspace and in the room, as they are in the checkout", async () => {
    const seen: string[] = [];
    const { state } = await drive(
      `grep -q marker-4711 .env.local && stat -c %a .env.local | grep -q 600`,
      async (at) => {
        seen.push(await readFile(join(at, ".env.local"), "utf8"));
        seen.push(execFileSync("git", ["status", "--porcelain"], { cwd: at, encoding: "utf8" }));
      },
    );
    expect(seen).toEqual([SECRET, ""]);
    expect(state).toMatchObject({
      status: "completed",
      verdict: {
        provision: [{ what: "copy what .worktreeinclude names (1 file)", outcome: "done" }],
      },
    });
  });

  it("never come back, even when the agent no longer has git ignore them and the plan asks for them", async () => {
    sample = await makeSample({ ".worktreeinclude": ".env.local\n", "a.txt": "one\n" });
    // Ignored in this checkout alone, so by no rule that a capture knows.
    writeFileSync(join(sample.repo, ".git/info/exclude"), ".env.local\n");
    await sample.write({ ".env.local": SECRET });
    const app = await sample.open({
      coder: async ({ workspace }) => {
        await writeFile(join(workspace, ".gitignore"), "!.env.local\n");
        await appendFile(join(workspace, ".env.local"), "more\n");
        return "done";
      },
    });
    const plan = onePlan({ validator: { type: "artifact_exists", target: ".env.local" }, max_retries: 0 });
    const run = await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: "try" });
    const ended = (await app.drive(run.runId)).run;
    expect(ended.steps[0]?.state).toMatchObject({ verdict: { reason: "artifact_missing" } });
    const stored = objectsOf(join(sample?.place ?? "", "data", "store.git"));
    expect(stored.length).toBeGreaterThan(0);
    expect(markersIn(stored, "marker-4711")).toEqual([]);
  });

  it("are the checkout's, whatever list the agent wrote", async () => {
    const { state } = await drive("test ! -e .env.other && grep -q marker-4711 .env.local", async (at) => {
      await writeFile(join(at, ".env.other"), "planted");
      await writeFile(join(at, ".env.local"), "planted");
    });
    expect(state).toMatchObject({ status: "completed" });
  });

  it("are no list that an agent may write", async () => {
    const { state } = await drive("true", (at) => writeFile(join(at, ".worktreeinclude"), "*\n"));
    expect(state).toMatchObject({ verdict: { reason: "protected", protectedPaths: [".worktreeinclude"] } });
  });

  it("that cannot be copied leave the step unjudged, with the reason", async () => {
    const { app, run } = await drive("true", async () => {
      symlinkSync("/etc/passwd", join(sample?.repo ?? "", ".env.local.link"));
      writeFileSync(join(sample?.repo ?? "", ".worktreeinclude"), ".env*\n");
    });
    expect(run.state).toMatchObject({ status: "paused" });
    const events = await app.ledger.events(run.runId, 0, 100);
    const verdicts = events.flatMap((event) =>
      event.type === "step_validation_errored" ? [event.payload.verdict] : [],
    );
    expect(verdicts[0]).toMatchObject({
      outcome: "errored",
      reason: "provision_failed",
      message: expect.stringContaining(".env.local.link is a link that leaves the checkout"),
      provision: [{ outcome: "failed" }],
    });
  });
});
