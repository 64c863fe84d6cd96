import { execFile, spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { buildPackage } from "../../../helpers/built.js";
import { type Desk, openDesk } from "../../../helpers/cli.js";

const exec = promisify(execFile);
const hasTmux = spawnSync("tmux", ["-V"]).status === 0;

let desk: Desk;
afterEach(() => desk.dispose());

const FILE = "# ours\nmaxParallelSteps: 4 # two per core\n";

/** A real terminal, in a tmux server of its own. */
const openTerminal = async () => {
  const server = `runledger-settings-${process.pid}`;
  const tmux = async (...words: string[]) =>
    (await exec("tmux", ["-L", server, "-f", "/dev/null", ...words])).stdout;
  const names = ["HOME", "PATH", "RUNLEDGER_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"];
  const shell = ["env", "-i", "PS1=$ ", "TERM=screen-256color"];
  shell.push(...names.map((name) => `${name}=${desk.env[name]}`), "sh", "-i");
  await tmux("new-session", "-d", "-x", "90", "-y", "24", "-c", desk.repo, ...shell);
  // What is typed before the shell asks is echoed where it does not belong.
  await expect.poll(() => tmux("capture-pane", "-p"), { timeout: 30_000 }).toMatch(/^\$\s*$/);
  return {
    press: (...keys: string[]) => tmux("send-keys", ...keys),
    shows: (what: RegExp) =>
      expect.poll(() => tmux("capture-pane", "-p", "-J"), { timeout: 30_000, interval: 100 }).toMatch(what),
    close: () => tmux("kill-server").catch(() => ""),
  };
};

describe("without a terminal", () => {
  it("is refused with what to type instead, and opens nothing", async () => {
    desk = await openDesk({ "runledger.yaml": FILE });
    const { code, out, err } = await desk.type("settings");
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/hint: Without one: runledger config list, runledger config set KEY VALUE\n$/);
  });
});

describe.skipIf(!hasTmux)("at a real terminal (skipped where tmux is not installed)", () => {
  it("a value is typed, checked, saved, and the terminal is as it was", async () => {
    const built = buildPackage();
    onTestFinished(() => built.remove());
    desk = await openDesk({ "runledger.yaml": FILE });
    const terminal = await openTerminal();
    try {
      await terminal.press("echo before", "Enter");
      await terminal.press(`node ${built.bin} settings; echo "exit $?"`, "Enter");
      await terminal.shows(/^ Settings › Automation → RunLedger/m);
      await terminal.press("Tab", "Enter", "C-u", "0");
      await terminal.shows(/! found 0, expected at least 1$/m);
      await terminal.press("C-u", "12", "Enter");
      await terminal.shows(/• Parallel steps +12 +unsaved/);
      expect(await readFile(join(desk.repo, "runledger.yaml"), "utf8")).toBe(FILE);
      await terminal.press("s");
      await terminal.shows(/1 change is in .*runledger\.yaml/);
      expect(await readFile(join(desk.repo, "runledger.yaml"), "utf8")).toBe(FILE.replace("4 #", "12 #"));
      await terminal.press("q");
      await terminal.shows(/^before\n[\s\S]*^exit 0$/m);
    } finally {
      await terminal.close();
    }
  }, 120_000);
});
