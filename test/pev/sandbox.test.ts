import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LOG_BYTES, TAIL_BYTES } from "../../src/core/limits.js";
import { createRedactor } from "../../src/core/redact.js";
import type { Places } from "../../src/pev/places.js";
import type { ProcessCall } from "../../src/pev/sandbox.js";
import { openCalls } from "./calls.js";
import { eventually, isAlive } from "./room-fixtures.js";

const { folder, room, places, run } = await openCalls();
const sh = (script: string, more: Partial<ProcessCall> = {}) => run(["sh", "-c", script], more);
const node = (script: string, more: Partial<ProcessCall> = {}) => run([process.execPath, "-e", script], more);
const pidIn = (name: string) =>
  eventually(() => {
    try {
      return Number(readFileSync(join(folder, name), "utf8").trim() || Number.NaN) || undefined;
    } catch {
      return undefined;
    }
  });

describe("runProcess", () => {
  it("answers with exit code, both streams in the tail, and standard output alone", async () => {
    const end = await sh("echo out; echo err >&2; exit 3", { stdoutBytesMax: 100 });
    expect(end).toMatchObject({ exitCode: 3, signal: null, timedOut: false, notFound: false });
    expect(end.stdout).toBe("out\n");
    expect(end.tail.split("\n").sort()).toEqual(["", "err", "out"]);
    expect(end.log?.toString()).toBe(end.tail);
  });

  it("keeps no standard output unless asked, and only its beginning when it is longer", async () => {
    expect((await sh("echo 123456")).stdout).toBe("");
    expect((await sh("echo 123456", { stdoutBytesMax: 4 })).stdout).toBe("1234");
  });

  it("has no log when nothing was printed", async () => {
    expect(await sh("true")).toMatchObject({ exitCode: 0, tail: "", log: null });
  });

  it("names the signal that killed it, without an exit code", async () => {
    expect(await sh("kill -9 $$")).toMatchObject({ exitCode: null, signal: "SIGKILL", timedOut: false });
  });

  it.each([["no-such-program"], ["./not-executable"], [join(folder, "nowhere", "x")]])(
    "says that %s was not found",
    async (program) => {
      execFileSync("sh", ["-c", "echo hello > not-executable"], { cwd: room });
      expect(await run([program])).toMatchObject({ notFound: true, exitCode: null });
    },
  );

  it("looks programs up in the PATH it hands over, not in its own", async () => {
    expect(await run(["ls"], { env: { PATH: "/nowhere" } })).toMatchObject({ notFound: true });
  });

  it("does not take a missing working folder for a missing program", async () => {
    await expect(run(["true"], { cwd: join(folder, "gone") })).rejects.toMatchObject({
      code: "workspace_unfit",
    });
  });

  it("refuses an argument that no system can pass on", async () => {
    await expect(run(["echo", "a\0b"])).rejects.toMatchObject({ code: "workspace_unfit" });
    await expect(run(["echo", "x".repeat(4_000_000)])).rejects.toMatchObject({ code: "workspace_unfit" });
  });

  it("shows the process nothing of our environment", async () => {
    process.env.SANDBOX_TEST_SECRET = "do-not-leak";
    const end = await run(["env"], { env: { PATH: "/usr/bin:/bin", ONE: "1" } });
    delete process.env.SANDBOX_TEST_SECRET;
    const names = end.tail
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0]);
    expect(names.sort()).toEqual(["ONE", "PATH", "RUNLEDGER_PROCESS"]);
  });

  it("keeps secrets out of everything but the report, also in two pieces on two streams", async () => {
    const redactor = createRedactor([{ name: "SHOP_TOKEN", value: "abcdefgh12345678" }]);
    const heard: Buffer[] = [];
    const onOutput = (chunk: Buffer) => void heard.push(chunk);
    const script = "printf abcdefgh; printf 12345678 >&2; printf '\\nwhole abcdefgh12345678'";
    const end = await sh(`${script}; printf ' abcdef'`, { redactor, onOutput, stdoutBytesMax: 1_000 });
    for (const told of [end.tail, end.log?.toString() ?? "", Buffer.concat(heard).toString()]) {
      expect(told).not.toContain("abcdefgh12345678");
      // Nothing is lost that only might have become one.
      expect(told).toContain("whole [redacted:SHOP_TOKEN] abcdef");
    }
    expect(end.stdout).toBe("abcdefgh\nwhole abcdefgh12345678 abcdef");
  });

  it("gives it a standard input that is at its end", async () => {
    expect(await sh("cat; echo done")).toMatchObject({ exitCode: 0, tail: "done\n" });
  });

  it("does not start when there is no time left, or when it was cancelled before", async () => {
    const ran = join(folder, "ran");
    expect(await sh(`touch ${ran}`, { timeoutMs: 0 })).toMatchObject({ timedOut: true, exitCode: null });
    expect(await sh(`touch ${ran}`, { signal: AbortSignal.abort() })).toMatchObject({ cancelled: true });
    expect(() => readFileSync(ran)).toThrow();
  });

  it("hands output on while the process runs", async () => {
    const stop = new AbortController();
    const heard: string[] = [];
    const end = await sh("echo first; exec sleep 1000", {
      signal: stop.signal,
      onOutput: (chunk) => {
        heard.push(chunk.toString());
        stop.abort();
      },
    });
    expect(heard).toEqual(["first\n"]);
    expect(end).toMatchObject({ cancelled: true, timedOut: false, exitCode: null });
  });
});

describe("the limit bounds the wall", () => {
  it("when a grandchild holds the pipe", async () => {
    const end = await sh("sleep 1000 & echo $! > ../grandchild; wait", { timeoutMs: 300 });
    expect(end).toMatchObject({ timedOut: true, exitCode: null });
    expect(isAlive(await pidIn("grandchild"))).toBe(false);
  });

  it("when the process has ended and a child holds the pipe", async () => {
    const end = await sh("sleep 1000 & echo $! > ../holder; echo bye");
    expect(end).toMatchObject({ exitCode: 0, timedOut: false, tail: "bye\n" });
    expect(isAlive(await pidIn("holder"))).toBe(false);
  });

  it("when SIGTERM is ignored", async () => {
    const end = await sh("trap '' TERM; while :; do sleep 0.05; done", { timeoutMs: 200 });
    expect(end).toMatchObject({ timedOut: true, signal: "SIGKILL", exitCode: null });
  });

  it("and a stopped process that answers SIGTERM with exit 0 has not succeeded", async () => {
    const end = await node('process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1000)', {
      timeoutMs: 500,
    });
    expect(end).toMatchObject({ timedOut: true, exitCode: null });
  });
});

describe.skipIf(process.platform !== "linux")("no survivor (read from /proc, so on Linux only)", () => {
  const daemon = (clean: string, where: string, name: string) =>
    `setsid sh -c 'setsid ${clean} sh -c "cd ${where}; echo \\$\\$ > ${join(folder, name)}; exec sleep 1000" >/dev/null 2>&1 &' ; ` +
    `while [ ! -s ${join(folder, name)} ]; do sleep 0.02; done`;

  it("is a daemon with its own session and folder: the marker tells", async () => {
    const end = await sh(daemon("", "/", "daemon"));
    expect(end).toMatchObject({ exitCode: 0 });
    expect(isAlive(await pidIn("daemon"))).toBe(false);
  });

  it("is a daemon with its own session and a clean environment: the folder tells", async () => {
    const end = await sh(daemon("env -i", room, "cleaned"));
    expect(end).toMatchObject({ exitCode: 0 });
    expect(isAlive(await pidIn("cleaned"))).toBe(false);
  });

  it("is a background job with a clean environment and another folder: the session tells", async () => {
    const job = `cd /; env -i sh -c "echo \\$\\$ > ${join(folder, "job")}; exec sleep 1000" >/dev/null 2>&1 &`;
    await run(["bash", "-c", `set -m; ${job} while [ ! -s ${join(folder, "job")} ]; do sleep 0.02; done`]);
    expect(isAlive(await pidIn("job"))).toBe(false);
  });

  it("is one that ignores SIGTERM when the limit is reached", async () => {
    const script = `setsid sh -c 'trap "" TERM; echo $$ > ${join(folder, "deaf")}; while :; do sleep 0.05; done' & wait`;
    const end = await sh(script, { timeoutMs: 500 });
    expect(end.timedOut).toBe(true);
    expect(isAlive(await pidIn("deaf"))).toBe(false);
  });

  it("and a stranger who stood in the folder before is left alone", async () => {
    // Not our own child, which would be known as ours; and starts are told apart by hundredths of a second.
    const out = execFileSync("sh", ["-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!; sleep 0.05"], {
      cwd: room,
      encoding: "utf8",
    });
    const stranger = Number(out);
    try {
      expect(await sh("sleep 0.05")).toMatchObject({ exitCode: 0 });
      expect(isAlive(stranger)).toBe(true);
    } finally {
      process.kill(stranger, "SIGKILL");
    }
  });
});

describe("output", () => {
  it("of 200 MB without a line end stays within fixed memory", async () => {
    const before = process.memoryUsage().rss;
    let peak = before;
    const end = await sh("head -c 200000000 /dev/zero | tr '\\0' x; printf END", {
      onOutput: () => {
        peak = Math.max(peak, process.memoryUsage().rss);
      },
    });
    expect(end.tail).toHaveLength(TAIL_BYTES);
    expect(end.tail.endsWith("xEND")).toBe(true);
    const log = end.log?.toString() ?? "";
    const missing = 200_000_003 - LOG_BYTES;
    expect(log).toHaveLength(LOG_BYTES + `\n[... ${missing} bytes left out ...]\n`.length);
    expect(log).toContain(`\n[... ${missing} bytes left out ...]\n`);
    expect(peak - before).toBeLessThan(150_000_000);
  });

  it("becomes valid UTF-8: NUL and broken bytes are replaced", async () => {
    const end = await sh("printf 'a\\000b\\377c\\303'", { stdoutBytesMax: 100 });
    expect(end.tail).toBe("a\uFFFDb\uFFFDc\uFFFD");
    expect(end.stdout).toBe(end.tail);
    expect(end.log).toEqual(Buffer.from([97, 0, 98, 255, 99, 195]));
  });

  it("is cut between characters", async () => {
    const end = await node(`process.stdout.write("€".repeat(${TAIL_BYTES}))`);
    expect(end.tail).toBe("€".repeat(Math.floor(TAIL_BYTES / 3)));
  });

  it("keeps its size in bytes even when every byte has to be replaced", async () => {
    const end = await node(`process.stdout.write(Buffer.alloc(${TAIL_BYTES * 2}, 255))`);
    expect(Buffer.byteLength(end.tail)).toBeLessThanOrEqual(TAIL_BYTES);
    expect(end.tail).toMatch(/^\uFFFD+$/);
  });
});

describe("the register", () => {
  it("knows the process while it runs and forgets it after", async () => {
    const stop = new AbortController();
    let seen: Awaited<ReturnType<Places["list"]>> = [];
    await sh("echo up; exec sleep 1000", {
      signal: stop.signal,
      onOutput: async () => {
        // The register answers without waiting for anything, which would keep this process from writing into it.
        while (seen[0]?.pid === undefined) {
          seen = await places.list();
          await new Promise(setImmediate);
        }
        stop.abort();
      },
    });
    expect(seen).toEqual([
      expect.objectContaining({ kind: "process", path: room, runId: "run-1", pid: expect.any(Number) }),
    ]);
    expect(await places.list()).toEqual([]);
  });

  it("is left clean when nothing could be started", async () => {
    await run(["no-such-program"]);
    await expect(run(["echo", "a\0b"])).rejects.toThrow();
    expect(await places.list()).toEqual([]);
  });

  it.skipIf(process.platform !== "linux")(
    "that cannot be written stops the process it does not know (looked up in /proc)",
    async () => {
      const marker = randomUUID();
      const broken: Places = { ...places, update: () => Promise.reject(new Error("disk full")) };
      const script = `while :; do sleep 0.05; done # ${marker}`;
      const call = sh(script, { place: { places: broken, folder: room, runId: "r" } });
      await expect(call).rejects.toThrow("disk full");
      const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isAlive(Number(name)));
      expect(pids.filter((pid) => commandLine(pid).includes(marker))).toEqual([]);
    },
  );
});

const commandLine = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
};
