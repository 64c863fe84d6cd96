import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Caller, type OpenOptions, openRunLedger, type RunLedger } from "../../src/index.js";

/** A small repository of its own, with a ledger whose data and workspaces lie beside it. */
export type Sample = {
  readonly place: string;
  readonly repo: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  open(agents?: OpenOptions["agents"], now?: () => string): Promise<RunLedger>;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  commit(message?: string): void;
  git(...args: string[]): string;
  dispose(): Promise<void>;
};

/** Settings for judges and set-ups that leave marks outside of their room, from which a sandbox would keep them. */
export const MARKS_OUTSIDE = "isolation: { maximum: 2 }\n";

export const makeSample = async (
  files: Readonly<Record<string, string>>,
  /** Variables beside those of this process; where it lies may be part of them. */
  more: Readonly<Record<string, string>> | ((place: string) => Readonly<Record<string, string>>) = {},
): Promise<Sample> => {
  const place = await mkdtemp(join(tmpdir(), "runledger-test-"));
  const repo = join(place, "repo");
  await mkdir(repo);
  const env = {
    ...process.env,
    ...(typeof more === "function" ? more(place) : more),
    RUNLEDGER_HOME: join(place, "data"),
    XDG_STATE_HOME: join(place, "state"),
    XDG_CONFIG_HOME: join(place, "config"),
  };
  const opened: RunLedger[] = [];
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@localhost", ...args], {
      cwd: repo,
      encoding: "utf8",
    });
  const write: Sample["write"] = async (more) => {
    for (const [path, text] of Object.entries(more)) {
      await mkdir(dirname(join(repo, path)), { recursive: true });
      await writeFile(join(repo, path), text);
      if (text.startsWith("#!")) await chmod(join(repo, path), 0o755);
    }
  };
  const commit = (message = "base"): void => {
    git("add", "--all");
    git("commit", "--quiet", "--message", message);
  };
  git("init", "--quiet", "--initial-branch=main");
  await write(files);
  commit();
  return {
    place,
    repo,
    env,
    open: async (agents = {}, now) => {
      const app = await openRunLedger({ projectDir: repo, env, agents, ...(now ? { now } : {}) });
      opened.push(app);
      return app;
    },
    write,
    commit,
    git,
    dispose: async () => {
      for (const app of opened) await app.close();
      await rm(place, { recursive: true, force: true });
    },
  };
};

export const SESSION = "test";

export const person = (app: RunLedger): Caller =>
  app.issue({ name: "ada", role: "human", sessionKey: SESSION });
export const orchestrator = (app: RunLedger): Caller =>
  app.issue({ name: "orchestrator", role: "orchestrator", sessionKey: SESSION });

/** A node project with one bug and its failing test. */
export const buggySum: Readonly<Record<string, string>> = {
  "package.json": '{ "name": "shop", "type": "module", "scripts": { "test": "node --test" } }\n',
  "src/sum.mjs": "export const sum = (prices) => prices.length;\n",
  "test/sum.test.mjs":
    'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { sum } from "../src/sum.mjs";\ntest("prices add up", () => assert.equal(sum([2, 3]), 5));\n',
};
export const FIXED_SUM =
  "export const sum = (prices) => prices.reduce((total, price) => total + price, 0);\n";

/** A plan of one step in its wire form. */
export const onePlan = (
  step: Readonly<Record<string, unknown>> = {},
  rest: Readonly<Record<string, unknown>> = {},
) => ({
  goal: "Make the sum right",
  steps: [
    {
      id: "sum",
      goal: "Make prices add up",
      owner_agent: "coder",
      max_retries: 1,
      validator: { type: "test_pass" },
      ...step,
    },
  ],
  ...rest,
});

/** Every file below a folder with mode, kind and content hash: equal maps mean byte-identical trees. */
export const fingerprint = async (folder: string): Promise<Map<string, string>> => {
  const seen = new Map<string, string>();
  const walk = async (path: string): Promise<void> => {
    const facts = await lstat(path);
    const name = path.slice(folder.length);
    if (facts.isDirectory()) {
      seen.set(name, `folder ${facts.mode}`);
      for (const entry of await readdir(path)) await walk(join(path, entry));
    } else if (facts.isSymbolicLink()) seen.set(name, `link ${await readlink(path)}`);
    else
      seen.set(
        name,
        `${facts.mode} ${createHash("sha256")
          .update(await readFile(path))
          .digest("hex")}`,
      );
  };
  await walk(folder);
  return seen;
};
