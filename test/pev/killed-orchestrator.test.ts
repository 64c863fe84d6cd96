import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { NO_SANDBOX } from "../helpers/isolation.js";
import { eventually, mentioning, removeTemp, tempFolder } from "./room-fixtures.js";

const folder = tempFolder();
afterAll(() => removeTemp(folder));

describe.skipIf(NO_SANDBOX)(`kill -9 of the orchestrator (${NO_SANDBOX || "bubblewrap"})`, () => {
  it("ends all that was sandboxed, without anybody coming by to sweep", async () => {
    mkdirSync(join(folder, "own"));
    const mark = `runledger-test-${process.pid}-daemon`;
    const orchestrator = spawn(
      process.execPath,
      ["--import", "tsx", resolve("test/pev/sandboxed-orchestrator.ts"), join(folder, "own"), mark],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const [said] = await once(orchestrator.stdout, "data");
    const room = String(said).trim();
    await eventually(() => (existsSync(join(room, "ready")) ? true : undefined));
    const inside = mentioning(mark).filter((pid) => pid !== orchestrator.pid);
    expect(inside.length).toBeGreaterThanOrEqual(3);
    orchestrator.kill("SIGKILL");
    await once(orchestrator, "exit");
    await eventually(() => (mentioning(mark).length === 0 ? true : undefined));
  });
});
