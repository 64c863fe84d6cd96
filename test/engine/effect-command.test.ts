import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sample, stepBy } from "../helpers/bench.js";
import { buildPackage } from "../helpers/built.js";
import { eventually, untilFile } from "../helpers/driving.js";

let built: ReturnType<typeof buildPackage>;
beforeAll(() => {
  built = buildPackage();
});
afterAll(() => built.remove());

/** A project whose agent is this shell script, and the command line in it as users have it. */
const projectOf = async (agent: string) => {
  const shop = await sample({
    "runledger.yaml": "agents:\n  coder: { kind: command, run: [./agent.sh], env: [PLACE] }\n",
    "agent.sh": `#!/bin/sh\n${agent}\n`,
    "plan.json": JSON.stringify({ goal: "ship it", steps: [stepBy("a", "true", { max_retries: 0 })] }),
  });
  const place = (name: string): string => join(shop.place, name);
  const began: ChildProcess[] = [];
  const start = (...args: string[]): ChildProcess => {
    const env = { ...shop.env, PLACE: shop.place };
    const child = spawn(process.execPath, [built.bin, ...args], {
      cwd: shop.repo,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    began.push(child);
    return child;
  };
  const type = async (...args: string[]): Promise<{ code: number | null; out: string }> => {
    const child = start(...args);
    let out = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (out += chunk));
    const [code] = await once(child, "close");
    return { code, out };
  };
  const linesIn = (name: string): string[] =>
    existsSync(place(name)) ? readFileSync(place(name), "utf8").split("\n").filter(Boolean) : [];
  return { place, start, type, linesIn };
};

/** Somebody who may become somebody else and may signal nobody: what he starts under another name he cannot stop. */
const WITHOUT_KILL = "setpriv --reuid=65534 --regid=65534 --clear-groups";
const caps = (names: string): string => `--inh-caps=-all${names} --ambient-caps=-all${names}`;
const noOther =
  process.getuid?.() === 0 &&
  spawnSync("sh", ["-c", `${WITHOUT_KILL} ${caps(",+setuid")} setpriv --reuid=65533 true`]).status === 0
    ? undefined
    : "only root may start processes of others, and setpriv must be there";

const CHARGE = "--key order-1 --risk money -- sh -c";

describe("runledger effect", () => {
  it("runs a command once for its key; later calls print what it printed and do nothing", async () => {
    const { type, linesIn } = await projectOf(`
      for time in 1 2; do
        runledger effect ${CHARGE} 'echo $RUNLEDGER_EFFECT_KEY >> $PLACE/charged; echo receipt 7' >> $PLACE/said || exit 9
      done`);
    expect(await type("run", "plan.json")).toMatchObject({ code: 0 });
    expect(linesIn("charged")).toEqual(["order-1"]);
    expect(linesIn("said")).toEqual(["receipt 7", "receipt 7"]);
  });

  it("ends as its command ends, and one that failed may be tried again", async () => {
    const { type, linesIn } = await projectOf(`
      tell() { echo "$1 $?" >> $PLACE/said; }
      runledger effect --key k -- sh -c 'exit 7'; tell failed
      runledger effect --key k -- sh -c 'exit 0'; tell done
      runledger effect --key l -- no-such-program 2>> $PLACE/said; tell missing
      runledger effect --key m --class idempotent -- sh -c 'kill -9 $$'; tell killed
      runledger effect --key m --class idempotent --json -- sh -c 'echo again' >> $PLACE/said
      runledger effect --key o --on-ambiguous skip -- sh -c 'exit 137'; tell beneath
      runledger effect --key o --on-ambiguous skip -- sh -c 'touch $PLACE/never' 2> /dev/null; tell skipped
      RUNLEDGER_SOCKET= runledger effect --key n -- touch $PLACE/never 2>> $PLACE/said; tell away
      RUNLEDGER_SOCKET=/nowhere runledger effect --key n -- touch $PLACE/never 2>> $PLACE/said; tell gone`);
    expect(await type("run", "plan.json")).toMatchObject({ code: 0 });
    expect(linesIn("said")).toEqual([
      ...["failed 7", "done 0"],
      "no-such-program: It could not be started: spawn no-such-program ENOENT",
      ...["missing 127", "killed 137"],
      '{"schemaVersion":1,"key":"m","status":"done","replayed":false,"exitCode":0,"stdout":"again\\n","truncated":false}',
      ...["beneath 137", "skipped 0"],
      expect.stringContaining(
        "error [worker_unreachable]: Nothing here works on a step of RunLedger. The effect was not done.",
      ),
      expect.stringContaining("hint:"),
      "away 1",
      expect.stringContaining("error [worker_unreachable]: The worker of this step does not answer"),
      expect.stringContaining("hint:"),
      "gone 1",
    ]);
    expect(linesIn("never")).toEqual([]);
  });

  it("asks a person when the orchestrator was killed while its command ran, and is not run again without a word", async () => {
    const { start, type, place, linesIn } = await projectOf(
      `runledger effect ${CHARGE} 'echo charged >> $PLACE/charged; ${untilFile("$PLACE/go")}; echo receipt' > $PLACE/said`,
    );
    const orchestrator = start("run", "plan.json");
    await eventually("it charges", () => linesIn("charged").length > 0);
    orchestrator.kill("SIGKILL");
    await once(orchestrator, "close");
    expect(await type("resume", "last")).toMatchObject({ code: 3, out: expect.stringContaining("effect") });
    expect(linesIn("charged")).toEqual(["charged"]);
    writeFileSync(place("go"), "");
    expect((await type("resume", "last")).code).toBe(3);
    const told = ["--value", '"receipt 7"', "--reason", "the bank says so"];
    expect(await type("decide", "last", "a", "0", "done", ...told)).toMatchObject({ code: 0 });
    expect(await type("resume", "last")).toMatchObject({ code: 0 });
    expect([linesIn("charged"), linesIn("said")]).toEqual([["charged"], ["receipt 7"]]);
  });

  it.skipIf(noOther !== undefined)(
    `waits for a command that it may not stop, and tells how that ended (skipped where: ${noOther ?? "never here"})`,
    async () => {
      const { start, type, place, linesIn } = await projectOf(
        `${WITHOUT_KILL} ${caps(",+setuid,+dac_override")} runledger effect --key order-1 --risk money -- \\
           setpriv --reuid=65533 ${caps(",+dac_override")} \\
           sh -c 'echo $$ $PPID >> $PLACE/charged; ${untilFile("$PLACE/go")}; echo receipt' > $PLACE/said
         echo $? > $PLACE/ended`,
      );
      const orchestrator = start("run", "plan.json");
      await eventually("it charges", () => linesIn("charged").length > 0);
      const [charging = 0, effect = 0] = (linesIn("charged")[0] ?? "").split(" ").map(Number);
      process.kill(effect, "SIGTERM");
      expect([charging, effect].map((pid) => existsSync(`/proc/${pid}`))).toEqual([true, true]);
      expect(linesIn("ended")).toEqual([]);
      writeFileSync(place("go"), "");
      expect(await once(orchestrator, "close")).toEqual([0, null]);
      // Whoever was told to stop says so by its exit code, and what it was about to do was done.
      expect([linesIn("charged").length, linesIn("said"), linesIn("ended")]).toEqual([
        1,
        ["receipt"],
        ["143"],
      ]);
      expect((await type("effects", "last", "--json")).out).toMatch(/"key":"order-1".*"status":"done"/);
    },
  );

  it("goes on where it was when the orchestrator was killed after it", async () => {
    const { start, type, place, linesIn } = await projectOf(
      `runledger effect ${CHARGE} 'echo charged >> $PLACE/charged; echo receipt' > $PLACE/said
       touch $PLACE/after; ${untilFile("$PLACE/go")}`,
    );
    const orchestrator = start("run", "plan.json");
    await eventually("it has charged", () => existsSync(place("after")));
    orchestrator.kill("SIGKILL");
    await once(orchestrator, "close");
    writeFileSync(place("said"), "");
    writeFileSync(place("go"), "");
    expect(await type("resume", "last")).toMatchObject({ code: 0 });
    expect([linesIn("charged"), linesIn("said")]).toEqual([["charged"], ["receipt"]]);
  });
});
