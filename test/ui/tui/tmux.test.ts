import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage } from "../../helpers/built.js";
import { type Desk, openDesk, planOf, step } from "../../helpers/cli.js";

const exec = promisify(execFile);
const hasTmux = spawnSync("tmux", ["-V"]).status === 0;

/** Says what it does, and works until it may go on. */
const WAITER = `i=0
while [ -d "$PLACE" ] && [ ! -e "$PLACE/go" ]; do i=$((i+1)); echo "working, line $i"; sleep 0.2; done
mkdir -p out; echo made > out/make.txt; echo "made it"
`;
const MAKER = `mkdir -p out; echo made > "out/$RUNLEDGER_STEP_ID.txt"; echo "I made $RUNLEDGER_STEP_ID"`;

let built: ReturnType<typeof buildPackage>;
let desk: Desk;
beforeAll(async () => {
  built = buildPackage();
  desk = await openDesk({
    "runledger.yaml": `agents:\n  waiter: { kind: command, run: [sh, ../waiter.sh], env: [PLACE] }\n  maker: { kind: command, run: [sh, ../maker.sh] }\n`,
  });
  await writeFile(join(desk.place, "waiter.sh"), WAITER);
  await writeFile(join(desk.place, "maker.sh"), MAKER);
}, 120_000);
afterAll(async () => {
  await desk.dispose();
  built.remove();
});

const NAMES = ["HOME", "PATH", "RUNLEDGER_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"];

/** A real terminal, in a tmux server of its own, on what calls itself a build machine. */
const openTerminal = async (name: string, columns: number, rows: number) => {
  const server = `runledger-tui-${process.pid}-${name}`;
  const tmux = async (...words: string[]) =>
    (await exec("tmux", ["-L", server, "-f", "/dev/null", ...words])).stdout;
  const variables = NAMES.map((variable) => `${variable}=${desk.env[variable]}`);
  const shell = ["env", "-i", "PS1=$ ", "TERM=screen-256color", "CI=1", ...variables, "sh", "-i"];
  const size = ["-x", String(columns), "-y", String(rows)];
  await tmux("new-session", "-d", ...size, "-c", desk.repo, ...shell);
  // What is typed before the shell asks is echoed where it does not belong.
  await expect.poll(() => tmux("capture-pane", "-p"), { timeout: 30_000 }).toMatch(/^\$\s*$/);
  const screen = () => tmux("capture-pane", "-p");
  return {
    press: async (...keys: string[]) => {
      for (const key of keys) await tmux("send-keys", key);
    },
    screen,
    shows: (what: RegExp | string) => expect.poll(screen, { timeout: 30_000, interval: 100 }).toMatch(what),
    /** Whether the second screen is shown, and the cursor. */
    modes: async () => (await tmux("display", "-p", "#{alternate_on} #{cursor_flag}")).trim(),
    resize: (x: number, y: number) => tmux("resize-window", "-x", String(x), "-y", String(y)),
    close: () => tmux("kill-server").catch(() => ""),
  };
};

const typed = async (...argv: string[]) =>
  (await exec(process.execPath, [built.bin, ...argv], { cwd: desk.repo, env: desk.env })).stdout;

describe.skipIf(!hasTmux)("at a real terminal (skipped where tmux is not installed)", () => {
  let worker: ChildProcess | undefined;
  afterAll(() => worker?.kill("SIGTERM"));

  it("a run that another process drives is watched, approved, and goes on to its end", async () => {
    const plan = await planOf(desk, "plan.json", [
      step("make", "waiter"),
      step("sign", "maker", { depends_on: ["make"], validator: { type: "orchestrator_approval" } }),
      step("publish", "maker", { depends_on: ["sign"] }),
    ]);
    await typed("run", plan, "--no-drive", "--quiet");
    const terminal = await openTerminal("walk", 80, 24);
    try {
      await terminal.press("stty -a > before.txt", "Enter", `node ${built.bin} tui; echo "exit $?"`, "Enter");
      await terminal.shows(/! \w{6} {2}The plan plan\.json/);
      expect(await terminal.modes()).toBe("1 0");
      const env = { ...desk.env, PLACE: desk.place };
      worker = spawn(process.execPath, [built.bin, "worker"], { cwd: desk.repo, env, stdio: "ignore" });
      await terminal.shows(/● \w{6} {2}The plan plan\.json.* 0\/3 {2}running/);
      await terminal.press("Enter");
      await terminal.shows(/● make +working/);
      await terminal.press("Enter");
      await terminal.shows(/working, line 2/);
      await terminal.shows(/following/);
      const seen = Number(/line (\d+)\n\s*\n? *tab/.exec(await terminal.screen())?.[1] ?? 2);
      await terminal.shows(new RegExp(`working, line ${seen + 3}`));
      await terminal.press("e");
      await terminal.shows(/step_started +make: waiter starts attempt 1/);
      await writeFile(join(desk.place, "go"), "");
      await terminal.shows(/step_result_proposed +sign: proposed: I made sign/);
      await terminal.shows(/◆ 1 waits for you/);
      await terminal.press("w");
      await terminal.shows(/◆ approve\?.* sign {2}I made sign/);
      await terminal.resize(100, 30);
      await terminal.press("a");
      await terminal.shows(/runledger approve run_\w+ sign --proposal \d+/);
      await terminal.press("fine", "Enter");
      await terminal.shows(/✔ runledger approve run_\w+ sign --proposal \d+ --reason fine/);
      await terminal.shows(/Nothing waits for you\./);
      await terminal.press("q", "q", "q", "q");
      await terminal.shows(/✔ publish +verified|✔ make +verified/);
      await terminal.press("q");
      await terminal.shows(/✔ \w{6} {2}The plan plan\.json.* 3\/3 {2}completed/);
      await terminal.press("q");
      await terminal.shows(/exit 0/);
      expect(await terminal.modes()).toBe("0 1");
      expect(await terminal.screen()).not.toContain("completed");
      await terminal.press("stty -a > after.txt", "Enter");
      const settings = (name: string) => readFile(join(desk.repo, name), "utf8").catch(() => "");
      await expect.poll(() => settings("after.txt")).toContain("echo");
      expect((await settings("after.txt")).replace(/rows \d+; columns \d+/, "")).toBe(
        (await settings("before.txt")).replace(/rows \d+; columns \d+/, ""),
      );
    } finally {
      await terminal.close();
    }
  }, 180_000);

  it.each([
    ["SIGTERM", "TERM", "exit 143"],
    ["SIGHUP", "HUP", "exit 0"],
    ["a crash", "USR2", "planted crash"],
  ])(
    "the terminal is restored after %s",
    async (_what, signal, said) => {
      const crash = join(desk.place, "crash.mjs");
      await writeFile(crash, 'process.on("SIGUSR2", () => { throw new Error("planted crash"); });\n');
      const terminal = await openTerminal(`ends-${signal}`, 80, 24);
      try {
        await terminal.press(`node --import ${crash} ${built.bin} tui; echo "exit $?"; stty -a`, "Enter");
        await terminal.shows(/The plan plan\.json|No runs yet/);
        expect(await terminal.modes()).toBe("1 0");
        const { stdout } = await exec("pgrep", ["-f", `${crash} ${built.bin} tui`]);
        const pids = stdout.trim().split("\n").map(Number);
        for (const pid of pids)
          if ((await readFile(`/proc/${pid}/comm`, "utf8")).startsWith("node"))
            process.kill(pid, `SIG${signal}`);
        await terminal.shows(said);
        await terminal.shows(/exit \d+/);
        await terminal.shows(/ icanon[\s\S]* echo /);
        expect(await terminal.modes()).toBe("0 1");
      } finally {
        await terminal.close();
      }
    },
    60_000,
  );

  it("Ctrl-Z gives the terminal back for a while, and fg draws it again", async () => {
    const terminal = await openTerminal("stopped", 80, 24);
    try {
      await terminal.press(`node ${built.bin} tui`, "Enter");
      await terminal.shows(/enter open/);
      await terminal.press("C-z");
      await terminal.shows(/Stopped/);
      expect(await terminal.modes()).toBe("0 1");
      await terminal.press("fg", "Enter");
      await terminal.shows(/enter open/);
      expect(await terminal.modes()).toBe("1 0");
      await terminal.press("q");
      await expect.poll(terminal.modes).toBe("0 1");
    } finally {
      await terminal.close();
    }
  }, 60_000);

  it("Ctrl-Z where no shell could wake it goes on as before", async () => {
    const terminal = await openTerminal("alone", 80, 24);
    try {
      await terminal.press(`exec node ${built.bin} tui`, "Enter");
      await terminal.shows(/enter open/);
      await terminal.press("C-z", "?");
      await terminal.shows(/Keys · j k scroll/);
      expect(await terminal.modes()).toBe("1 0");
    } finally {
      await terminal.close();
    }
  }, 60_000);
});

describe("without a terminal", () => {
  it("it is refused, with the plain command to use instead", async () => {
    await mkdir(join(desk.place, "elsewhere"), { recursive: true });
    await expect(typed("tui")).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining("hint: Without one: runledger list"),
    });
  });
});
