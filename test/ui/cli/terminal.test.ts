import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Desk, openDesk, planOf, step } from "../../helpers/cli.js";

const exec = promisify(execFile);
const main = resolve("dist/cli/main.js");
const hasTmux = spawnSync("tmux", ["-V"]).status === 0;

/** Says what it does, works until it may go on or its place is gone, and does not let itself be hurried. */
const WAITER = `echo started >> "$PLACE/said"
trap 'echo stopping >> "$PLACE/said"' TERM
while [ -d "$PLACE" ] && [ ! -e "$PLACE/go" ]; do sleep 0.1; done
mkdir -p out; echo made > out/a.txt; echo "made it"
`;

let desk: Desk;
beforeAll(async () => {
  if (!existsSync(main)) execFileSync("npx", ["tsc", "-p", "tsconfig.build.json"]);
  desk = await openDesk({
    "runledger.yaml":
      "agents:\n  waiter: { kind: command, run: [sh, ../waiter.sh], env: [PLACE] }\n  talker: { kind: command, run: [sh, -c, 'echo hi'] }\n",
  });
  await writeFile(join(desk.place, "waiter.sh"), WAITER);
}, 120_000);
afterAll(() => desk.dispose());

const said = () => readFile(join(desk.place, "said"), "utf8").catch(() => "");
const typed = async (...argv: string[]) => {
  const { stdout } = await exec(process.execPath, [main, ...argv], { cwd: desk.repo, env: desk.env });
  return stdout;
};

/** A real terminal of 100 columns, in a tmux server of its own. */
const openTerminal = async (env: Readonly<Record<string, string | undefined>>) => {
  const server = `runledger-test-${process.pid}`;
  const tmux = async (...words: string[]) =>
    (await exec("tmux", ["-L", server, "-f", "/dev/null", ...words])).stdout;
  const names = ["HOME", "PATH", "PLACE", "RUNLEDGER_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"];
  const shell = [
    "env",
    "-i",
    "PS1=$ ",
    "TERM=screen-256color",
    ...names.map((name) => `${name}=${env[name]}`),
    "sh",
    "-i",
  ];
  await tmux("new-session", "-d", "-x", "100", "-y", "40", "-c", desk.repo, ...shell);
  // What is typed before the shell asks is echoed where it does not belong.
  await expect.poll(() => tmux("capture-pane", "-p"), { timeout: 30_000 }).toMatch(/^\$\s*$/);
  return {
    press: (...keys: string[]) => tmux("send-keys", ...keys),
    screen: () => tmux("capture-pane", "-p", "-J"),
    clear: async () => {
      await tmux("send-keys", "clear", "Enter");
      await expect.poll(() => tmux("capture-pane", "-p")).toMatch(/^\$\s*$/);
    },
    close: () => tmux("kill-server").catch(() => ""),
  };
};

describe.skipIf(!hasTmux)("at a real terminal (skipped where tmux is not installed)", () => {
  it("a live line says what goes on; Ctrl-C once stops gracefully, twice at once; resume goes on with the attempt", async () => {
    const plan = await planOf(desk, "plan.json", [step("a", "waiter")]);
    const terminal = await openTerminal({ ...desk.env, PLACE: desk.place });
    const waitFor = (what: RegExp) =>
      expect.poll(terminal.screen, { timeout: 30_000, interval: 100 }).toMatch(what);
    try {
      await terminal.press(`node ${main} run ${plan}; echo "exit $?"`, "Enter");
      await waitFor(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] 0\/1 · working: a \d+s/);
      await expect.poll(said).toBe("started\n");
      await terminal.press("C-c");
      await waitFor(
        /^Interrupted; nothing is lost\. Go on with: runledger resume run_\w+\n(.*\n)?exit 130$/m,
      );
      expect(await terminal.screen()).toMatch(
        /^Stopping; the run stays resumable\. Ctrl-C once more kills\.$/m,
      );
      expect(await terminal.screen()).not.toContain("working: a");
      expect(await said()).toBe("started\nstopping\n");
      expect(JSON.parse(await typed("why", "last", "--json"))).toMatchObject({ for: "worker", stepId: "a" });

      await terminal.clear();
      await terminal.press(`node ${main} resume last; echo "exit $?"`, "Enter");
      await waitFor(/working: a/);
      await expect.poll(said).toBe("started\nstopping\nstarted\n");
      await terminal.press("C-c");
      await expect.poll(said).toBe("started\nstopping\nstarted\nstopping\n");
      await terminal.press("C-c");
      await waitFor(/^(\^C)?exit 130$/m);
      expect(await terminal.screen()).not.toContain("Interrupted; nothing is lost");

      await terminal.clear();
      await writeFile(join(desk.place, "go"), "");
      await terminal.press(`node ${main} resume last; echo "exit $?"`, "Enter");
      await waitFor(/^exit 0$/m);
      expect(await terminal.screen()).toMatch(/✔ a: passed[^⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]*^It is completed: 1 step verified/m);
      const { run } = JSON.parse(await typed("show", "last", "--json"));
      expect(run.steps[0].attempt).toBe(1);
    } finally {
      await terminal.close();
    }
  }, 120_000);
});

describe("in a pipe", () => {
  it("a reader that goes away is no fault, and no output is coloured", async () => {
    const plan = await planOf(
      desk,
      "quick.json",
      Array.from({ length: 400 }, (_, index) => step(`s${index}`, "talker")),
    );
    await typed("run", plan, "--no-drive");
    const head = `node ${main} show last --json > /dev/null; for i in 1 2 3 4 5 6; do node ${main} show last; echo "exit $?" >&2; done | head -n 1`;
    const { stdout, stderr } = await exec("sh", ["-c", head], {
      cwd: desk.repo,
      env: desk.env,
    });
    expect(stdout).toBe("The plan quick.json\n");
    expect(stderr.split("\n").filter((line) => line !== "" && line !== "exit 0")).toEqual([]);
  });

  it("a run whose reader goes away stops gracefully and stays resumable", async () => {
    const plan = await planOf(desk, "piped.json", [step("s1", "talker"), step("s2", "talker")]);
    const { stderr } = await exec(
      "sh",
      ["-c", `{ node ${main} run ${plan} --json; echo "exit $?" >&2; } | true`],
      {
        cwd: desk.repo,
        env: desk.env,
      },
    );
    expect(stderr).toMatch(/^Interrupted; nothing is lost\. .*\nexit 130\n$/);
    const why = JSON.parse(await typed("why", "last", "--json"));
    expect(why.status).toBe("running");
  });

  it("SIGTERM ends it with 143, and nothing is lost", async () => {
    const plan = await planOf(desk, "term.json", [step("a", "waiter")]);
    await writeFile(join(desk.place, "said"), "");
    const place = join(desk.place, "elsewhere");
    await mkdir(place);
    const env = { ...desk.env, PLACE: place };
    const child = execFile(process.execPath, [main, "run", plan], { cwd: desk.repo, env });
    const ended = new Promise<number | null>((done) => child.on("exit", done));
    await expect
      .poll(async () => JSON.parse(await typed("why", "last", "--json")).sentence, { timeout: 20_000 })
      .toContain("agents work on a");
    child.kill("SIGTERM");
    expect(await ended).toBe(143);
    expect(JSON.parse(await typed("why", "last", "--json")).for).toBe("worker");
  });
});
