import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import {
  ownerIsDead,
  ownerOfThisProcess,
  processAlive,
  processIdentity,
  procStat,
} from "../../src/ledger/owner.js";

const ended = async (): Promise<string> => {
  const child = spawn("true");
  const pid = child.pid ?? 0;
  const [, start] = /:(\d+)$/.exec(ownerOfThisProcess()) ?? [];
  await once(child, "exit");
  return ownerOfThisProcess().replace(`:${process.pid}:${start}`, `:${pid}:${Number(start) + 1}`);
};

describe("the owner of a lease or a place", () => {
  it("lives as long as this process", () => {
    expect(ownerOfThisProcess()).toMatch(/^.+:\d+:\d+$/);
    expect(ownerOfThisProcess().startsWith(hostname())).toBe(true);
    expect(ownerOfThisProcess()).toBe(ownerOfThisProcess());
    expect(ownerIsDead(ownerOfThisProcess())).toBe(false);
  });

  it("is dead when its process is gone, or when another has its id", async () => {
    expect(ownerIsDead(await ended())).toBe(true);
    expect(ownerIsDead(ownerOfThisProcess().replace(/\d+$/, (start) => String(Number(start) - 1)))).toBe(
      true,
    );
  });

  it("is not known to be dead on another host, in another process namespace, or when it is no owner at all", async () => {
    const gone = await ended();
    expect(ownerIsDead(`other-${gone}`)).toBe(false);
    expect(ownerIsDead(gone.replace(/:(\d+):(\d+)$/, "/4026539999:$1:$2"))).toBe(false);
    expect(ownerIsDead("somebody")).toBe(false);
    expect(ownerIsDead("")).toBe(false);
  });

  it.skipIf(process.platform !== "linux")(
    "is dead as a zombie, which signals cannot tell (read from /proc, so on Linux only)",
    async () => {
      // The shell becomes a program that never asks how its child ended.
      const parent = spawn("sh", ["-c", "sleep 0.1 & echo $!; exec sleep 1000"], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      try {
        const [line] = await once(parent.stdout, "data");
        const pid = Number(String(line));
        while (procStat(pid)?.zombie === false) await new Promise(setImmediate);
        const stat = procStat(pid) ?? expect.fail("it was reaped");
        expect(process.kill(pid, 0)).toBe(true);
        expect(processIdentity(pid)).toBeUndefined();
        expect(processAlive(stat)).toBe(false);
      } finally {
        parent.kill("SIGKILL");
      }
    },
  );

  it.skipIf(process.platform !== "linux")(
    "is found whatever its process is called (named in /proc, so on Linux only)",
    () => {
      const { title } = process;
      const owner = ownerOfThisProcess();
      process.title = "a) Z 1 (b";
      const same = ownerOfThisProcess();
      const name = readFileSync("/proc/self/comm", "utf8");
      process.title = title;
      expect(name).toBe("a) Z 1 (b\n");
      expect(same).toBe(owner);
    },
  );
});
