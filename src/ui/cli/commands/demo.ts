import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LedgerError, packageFolder } from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { paint, say } from "../output.js";
import { type Bench, runCli } from "../program.js";

const exec = promisify(execFile);

// The product in half a minute: a lie refused, a cheat refused, a fix verified, commits that were proved.
export const demo = async (bench: Bench, { keep }: { keep?: string }): Promise<number> => {
  const place =
    keep === undefined ? await mkdtemp(join(tmpdir(), "runledger-demo-")) : resolve(bench.terminal.cwd, keep);
  try {
    const repo = await makeShop(place);
    const code = await tell(bench, place, repo);
    if (keep !== undefined) say(bench.output, `\nThe sample stays in ${place}`);
    return code;
  } finally {
    if (keep === undefined) await rm(place, { recursive: true, force: true });
  }
};

const makeShop = async (place: string): Promise<string> => {
  const sample = join(packageFolder("runledger", fileURLToPath(import.meta.url)), "examples", "demo");
  await mkdir(place, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw new LedgerError("invalid_input", `"${place}" cannot be made (${error.code}).`, {
      hint: "Give a new folder.",
    });
  });
  if ((await readdir(place)).length > 0)
    throw new LedgerError("invalid_input", `"${place}" is not empty.`, { hint: "Give a new folder." });
  const repo = join(place, "shop");
  await cp(join(sample, "repo"), repo, { recursive: true });
  await cp(join(sample, "agents"), join(place, "agents"), { recursive: true });
  await cp(join(sample, "plan.yaml"), join(place, "plan.yaml"));
  await cp(join(sample, "runledger.yaml"), join(repo, "runledger.yaml"));
  await git(repo, "init", "--quiet", "--initial-branch=main");
  await git(repo, "add", "--all");
  await git(repo, "commit", "--quiet", "--message", "A shop with two bugs and a missing part");
  return repo;
};

const git = (repo: string, ...args: string[]) =>
  exec("git", ["-c", "user.name=Shop", "-c", "user.email=shop@localhost", ...args], { cwd: repo });

const tell = async (bench: Bench, place: string, repo: string): Promise<number> => {
  const { output, terminal, shared } = bench;
  const flags = [...(output.quiet ? ["--quiet"] : []), ...(shared.color ? [] : ["--no-color"])];
  const headline = (text: string) => say(output, `\n${paint(output, "bold", text)}`);
  const env = { ...terminal.env, RUNLEDGER_HOME: undefined, XDG_STATE_HOME: join(place, "state") };
  const type = (...argv: string[]) => {
    say(output, paint(output, "grey", `$ runledger ${argv.map(quoted).join(" ")}`));
    return runCli([...flags, ...argv], { ...terminal, env, cwd: repo });
  };
  const expect = async (code: number, ...argv: string[]): Promise<void> => {
    const ended = await type(...argv);
    if (ended !== code)
      throw new LedgerError(
        "provision_failed",
        `The demo stopped: \`runledger ${argv.join(" ")}\` ended with ${ended} instead of ${code}.`,
        { hint: "`runledger doctor` says what this machine lacks." },
      );
  };

  headline("1. Two agents work at once. One lies, one edits the test that judges it.");
  await expect(EXIT.waiting, "run", "../plan.yaml");
  await expect(EXIT.done, "why", "last");
  headline("2. A person hands both steps to an agent that does the work.");
  for (const step of ["sum", "tax"])
    await expect(
      EXIT.done,
      "policy",
      "last",
      step,
      "change_agent",
      "--agent",
      "fixer",
      "--reason",
      "let fixer try",
    );
  await expect(EXIT.done, "resume", "last");
  headline("3. What was proved, and how.");
  await expect(EXIT.done, "show", "last");
  headline("4. Only now does your checkout change, because you say so.");
  await expect(EXIT.done, "apply", "last");
  const { stdout } = await git(repo, "log", "--oneline", "--reverse");
  say(output, stdout.trimEnd());
  headline("5. The proved commits pass in your checkout too.");
  const { stdout: tests } = await exec(process.execPath, ["--test", "--test-reporter=tap"], { cwd: repo });
  say(
    output,
    tests
      .split("\n")
      .filter((line) => /^# (tests|pass|fail)/.test(line))
      .join("\n"),
  );
  return EXIT.done;
};

const quoted = (word: string): string => (/^[\w./-]+$/.test(word) ? word : `"${word}"`);
