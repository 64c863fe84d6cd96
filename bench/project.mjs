// Repositories of a given size, and a ledger opened on one: what the rows about rooms and steps are measured on.
import { execFile, execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { openRunLedger } from "runledger";

const run = promisify(execFile);

/** As many as ordinary repositories have in one folder, files or folders. */
const FILES_PER_FOLDER = 20;
/** The mean of ordinary source files; no two are alike, or git would store them once. */
const FILE_BYTES = 4_096;

/** A repository with one commit of `files` files, and room beside it for what is measured. */
export const makeProject = async (files) => {
  const place = await mkdtemp(join(tmpdir(), "runledger-bench-"));
  const repo = join(place, "repo");
  await mkdir(repo);
  const git = (...args) =>
    run("git", ["-c", "user.name=Ada", "-c", "user.email=ada@localhost", ...args], { cwd: repo });
  await git("init", "--quiet", "--initial-branch=main");
  for (let at = 0; at < files; at += 1) {
    const folder = join(
      repo,
      "src",
      `part-${Math.floor(at / FILES_PER_FOLDER / 20)}`,
      `f${Math.floor(at / FILES_PER_FOLDER)}`,
    );
    if (at % FILES_PER_FOLDER === 0) await mkdir(folder, { recursive: true });
    const line = `export const value${at} = "${"x".repeat(40)}";\n`;
    await writeFile(join(folder, `file-${at}.mjs`), line.repeat(Math.ceil(FILE_BYTES / line.length)));
  }
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "base");
  await git("repack", "-a", "-d", "--quiet");
  return { place, repo, git, dispose: () => rm(place, { recursive: true, force: true }) };
};

/** Commits what a usual proposal changes: a file of the many, and a new one. */
export const commitEdit = async ({ repo, git }) => {
  await writeFile(join(repo, "src", "part-0", "f0", "file-0.mjs"), "export const value0 = 0;\n");
  await writeFile(join(repo, "src", "new.mjs"), "export const added = 1;\n");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "edit");
  return (await git("rev-parse", "HEAD")).stdout.trim();
};

/** The ledger of that project, with nothing of the user's own settings. */
export const openLedgerOf = ({ place, repo }, more = {}) =>
  openRunLedger({
    projectDir: repo,
    env: {
      PATH: process.env.PATH,
      HOME: place,
      RUNLEDGER_HOME: join(place, "data"),
      XDG_STATE_HOME: join(place, "state"),
      ...more.env,
    },
    agents: more.agents ?? {},
  });

/** A plan of steps, each after the one before it. */
export const chainOf = (steps, validator = { type: "command_pass", target: "true" }) => ({
  goal: "bench",
  steps: Array.from({ length: steps }, (_, at) => ({
    id: `step-${at}`,
    goal: `Do ${at}`,
    owner_agent: "coder",
    depends_on: at === 0 ? [] : [`step-${at - 1}`],
    validator,
  })),
});

/** Drives a plan to its end and answers with the run's events. */
export const complete = async (app, plan) => {
  const me = app.issue({ name: "bench", role: "human", sessionKey: "bench" });
  const { runId } = await app.createRun(me, { plan, sessionKey: "bench", originalRequest: "bench" });
  const { run: ended } = await app.drive(runId);
  if (ended.state.status !== "completed") throw new Error(`the run ended as ${JSON.stringify(ended.state)}`);
  return app.ledger.events(runId, 0, 10_000);
};

/** What the operating system asks for starting a program, waited for. */
export const bare = (argv, cwd) => void execFileSync(argv[0], argv.slice(1), { cwd, stdio: "ignore" });
