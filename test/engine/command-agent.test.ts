import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openRunLedger, type RunLedger } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { began, eventsOf, eventually, lives, pidIn, placesOf, stateOf, typesOf } from "../helpers/driving.js";
import { onePlan, type Sample } from "../helpers/project.js";

/** A project whose agent `coder` is this program, and a ledger on it with this environment. */
const projectOf = async (
  run: readonly string[],
  files: Readonly<Record<string, string>>,
  { agent = "", env = {} }: { agent?: string; env?: Readonly<Record<string, string>> } = {},
) => {
  const settings = `agents:\n  coder:\n    kind: command\n    run: ${JSON.stringify(run)}\n${agent}`;
  const shop = await sample({ "calc.txt": "1\n", "runledger.yaml": settings, ...files });
  const app = await openRunLedger({ projectDir: shop.repo, env: { ...shop.env, ...env } });
  return { shop, app };
};

const driven = async (app: RunLedger, plan: unknown) => {
  try {
    const runId = await began(app, plan);
    const { run } = await app.drive(runId);
    const reasons = (await eventsOf(app, runId)).flatMap((event) =>
      event.type === "step_interrupted" ? [event.payload] : [],
    );
    return { runId, run, reasons, types: await typesOf(app, runId), places: await placesOf(app) };
  } finally {
    await app.close();
  }
};

/** Writes down what it was told, outside of everything that is judged. */
const witness = ({ place }: Pick<Sample, "place">): string => join(place, "witness.jsonl");
const WITNESS = `import { appendFileSync, readFileSync } from "node:fs";
const task = JSON.parse(readFileSync(process.env.RUNLEDGER_TASK, "utf8"));
appendFileSync(process.env.WITNESS, JSON.stringify({ env: process.env, cwd: process.cwd(), argv: process.argv.slice(2), task }) + "\\n");
console.log("thinking");
console.error("the end");
`;

type Told = {
  env: Record<string, string>;
  cwd: string;
  argv: string[];
  task: Record<string, unknown>;
};
const toldIn = async (shop: Sample): Promise<Told[]> =>
  (await readFile(witness(shop), "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Told);

describe("the contract of a command agent", () => {
  const witnessing = async (plan: unknown) => {
    const { shop, app: closed } = await projectOf(
      ["node", "agent.mjs", "--fast", "calc.txt"],
      {
        "agent.mjs": WITNESS,
      },
      { agent: "    env: [MY_KEY, WITNESS]\n" },
    );
    await closed.close();
    const secrets = { MY_KEY: "mine", SECRET_TOKEN: "s3cret", NODE_OPTIONS: "", GIT_DIR: "/nowhere" };
    const app = await openRunLedger({
      projectDir: shop.repo,
      env: { ...shop.env, ...secrets, WITNESS: witness(shop) },
    });
    return { shop, ...(await driven(app, plan)) };
  };

  it("passes exactly the documented variables, and no secret of the orchestrator's", async () => {
    const { shop, runId } = await witnessing(onePlan({ max_retries: 0 }));
    const [{ env } = expect.unreachable("it was not started")] = await toldIn(shop);
    expect(Object.keys(env).sort()).toEqual([
      "HOME",
      "MY_KEY",
      "PATH",
      "RUNLEDGER_ATTEMPT",
      "RUNLEDGER_FEEDBACK",
      "RUNLEDGER_GOAL",
      "RUNLEDGER_PROCESS",
      "RUNLEDGER_RUN_ID",
      "RUNLEDGER_SOCKET",
      "RUNLEDGER_SOCKET_TOKEN",
      "RUNLEDGER_STEP_ID",
      "RUNLEDGER_TASK",
      "WITNESS",
    ]);
    expect(env).toMatchObject({
      PATH: expect.stringMatching(new RegExp(`^[^:]*/bin:${process.env.PATH}$`)),
      HOME: process.env.HOME,
      MY_KEY: "mine",
      RUNLEDGER_RUN_ID: runId,
      RUNLEDGER_STEP_ID: "sum",
      RUNLEDGER_ATTEMPT: "1",
      RUNLEDGER_GOAL: "Make prices add up",
      RUNLEDGER_FEEDBACK: "",
    });
    expect(JSON.stringify(env)).not.toContain("s3cret");
  });

  it("starts the project's script in the clone, with the task in a file and the verdict on the second attempt", async () => {
    const plan = {
      ...onePlan({ validator: { type: "command_pass", target: "echo not yet; exit 3" } }),
      goal: "Ship it",
    };
    const { shop, runId, run } = await witnessing(plan);
    const [first, second, ...more] = await toldIn(shop);
    expect(more).toEqual([]);
    expect(first?.argv).toEqual(["--fast", "calc.txt"]);
    expect(first?.cwd).not.toContain(shop.repo);
    expect(first?.task).toEqual({
      runId,
      stepId: "sum",
      attempt: 1,
      candidate: null,
      agent: "coder",
      goal: "Make prices add up",
      runGoal: "Ship it",
      feedback: null,
      judgedBy: { type: "command_pass", target: "echo not yet; exit 3" },
      mayChange: { paths: [], only: false },
      toolProfile: ["coding"],
      notes: {},
      workspace: first?.cwd,
      timeoutMs: 30 * 60_000,
    });
    expect(second).toMatchObject({ cwd: first?.cwd, env: { RUNLEDGER_ATTEMPT: "2" } });
    expect(JSON.parse(second?.env.RUNLEDGER_FEEDBACK ?? "")).toMatchObject({
      outcome: "failed",
      reason: "check_failed",
      exitCode: 3,
      tail: "not yet\n",
    });
    expect(second?.task.feedback).toMatchObject({ kind: "verdict", attempt: 1, verdict: { exitCode: 3 } });
    expect(stateOf(run, "sum")).toMatchObject({ proposal: { result: "thinking\nthe end" } });
  });

  it.each([
    ["a program of the project", ["./agent.sh", "x"]],
    ["a program in a folder of the project", ["tools/agent.sh", "x"]],
    ["a program on the PATH with a script of the project", ["sh", "agent.sh", "x"]],
    ["options before the script", ["sh", "-e", "agent.sh", "x"]],
  ])("finds %s: %j", async (_what, argv) => {
    const script = '#!/bin/sh\ntest "$1" = x && echo done > made.txt\n';
    const { app } = await projectOf(argv, { "agent.sh": script, "tools/agent.sh": script });
    const { run } = await driven(app, planOfSteps(stepBy("a", "test -f made.txt")));
    expect(run.state.status).toBe("completed");
    expect(stateOf(run, "a")).toMatchObject({ proposal: { result: "(no output)" } });
  });

  it("is told which of those who race for a step it is, and each has a log of its own", async () => {
    const { shop, runId, run } = await witnessing(
      onePlan({ candidates: 2, validator: { type: "command_pass", target: "false" }, max_retries: 0 }),
    );
    const all = await toldIn(shop);
    expect(all.map(({ env }) => env.RUNLEDGER_CANDIDATE).sort()).toEqual(["1", "2"]);
    expect(all.map(({ task }) => task.candidate).sort()).toEqual([1, 2]);
    expect(new Set(all.map(({ cwd }) => cwd)).size).toBe(2);
    expect(run.state.status).toBe("paused");
    const app = await shop.open();
    const logs = await Promise.all([1, 2].map((one) => app.logs(runId, "sum", 1, one)));
    expect(new Set(logs.map(({ agentLog }) => agentLog)).size).toBe(2);
    for (const { agentLog } of logs) expect(readFileSync(agentLog ?? "", "utf8")).toBe("thinking\nthe end\n");
  });

  it("keeps only the end of what it says as its result, and all of it in its log", async () => {
    const { app } = await projectOf(["node", "agent.mjs"], {
      "agent.mjs": 'console.log("start " + "é".repeat(20000) + " end");\n',
    });
    const runId = await began(app, planOfSteps(stepBy("a", "true")));
    const { run } = await app.drive(runId);
    const state = stateOf(run, "a");
    const result = state?.status === "completed" ? (state.proposal?.result ?? "") : "";
    expect(Buffer.byteLength(result)).toBeLessThanOrEqual(8_192);
    expect(result).toMatch(/é end$/);
    expect(result).not.toContain("\uFFFD");
    const { agentLog } = await app.logs(runId, "a", 1);
    expect(readFileSync(agentLog ?? "", "utf8")).toMatch(/^start é+ end\n$/);
    await app.close();
  });

  it("loses its log, and nothing else, when that cannot be written", async () => {
    const { app } = await projectOf(["echo", "hello"], {});
    const runId = await began(app, planOfSteps(stepBy("a", "true")));
    mkdirSync(join(app.dataDir, "logs", runId, "a.1.log"), { recursive: true });
    const { run } = await app.drive(runId);
    expect(stateOf(run, "a")).toMatchObject({ status: "completed", proposal: { result: "hello" } });
    await app.close();
  });
});

describe("a command agent that fails", () => {
  it.each<[string, string[], string, RegExp]>([
    [
      "exits with 7",
      ["node", "agent.mjs"],
      'console.log("cannot"); process.exit(7);',
      /^The agent ended with exit code 7\.$/,
    ],
    [
      "is killed",
      ["node", "agent.mjs"],
      'process.kill(process.pid, "SIGKILL");',
      /^The agent was killed by SIGKILL\.$/,
    ],
    ["is not there", ["./agnt.sh"], "", /agnt\.sh" could not be started: it is not there\. See to that/],
    [
      "is no program",
      ["./agent.mjs"],
      "",
      /agent\.mjs" could not be started: it is not executable \(chmod \+x\)/,
    ],
  ])(
    "because it %s is interrupted with that, tried again, and escalated",
    async (_what, argv, text, reason) => {
      const { app } = await projectOf(argv, { "agent.mjs": text });
      const { run, reasons, types } = await driven(app, onePlan());
      expect(reasons).toHaveLength(2);
      for (const told of reasons) expect(told.reason).toMatch(reason);
      if (text.includes("cannot")) expect(reasons[0]?.tail).toBe("cannot\n");
      expect(run.state).toMatchObject({ status: "paused", reason: "escalated" });
      expect(types).not.toContain("step_result_proposed");
    },
  );

  it("because of its time limit is stopped, with all that it started", async () => {
    const script = '#!/bin/sh\necho $$ > "$PIDS/leader"\nsleep 600 &\necho $! > "$PIDS/child"\nwait\n';
    const { shop, app: closed } = await projectOf(
      ["./agent.sh"],
      { "agent.sh": script },
      {
        agent: "    env: [PIDS]\n    timeout: 500ms\n",
      },
    );
    await closed.close();
    const app = await openRunLedger({ projectDir: shop.repo, env: { ...shop.env, PIDS: shop.place } });
    const { reasons, places } = await driven(app, onePlan({ max_retries: 0 }));
    expect(reasons[0]?.reason).toMatch(/stopped after .* \(its time limit\)/);
    for (const name of ["leader", "child"]) expect(lives(pidIn(join(shop.place, name)))).toBe(false);
    expect(places).toEqual(["workspace"]);
  });

  it("cannot make its next attempt impossible by what it has the verdict say", async () => {
    const deep = `import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
if (process.env.RUNLEDGER_ATTEMPT === "2") {
  const { reason, message } = JSON.parse(process.env.RUNLEDGER_FEEDBACK);
  console.log(reason, message.length < 3000);
  process.exit(9);
}
for (let n = 0; n < 50; n += 1) {
  const folder = join(...Array.from({ length: 10 }, () => "d".repeat(200)), String(n));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "conftest.py"), "");
}
`;
    const { app } = await projectOf(["node", "agent.mjs"], { "agent.mjs": deep });
    const { run, reasons } = await driven(app, onePlan());
    expect(reasons).toMatchObject([
      { reason: "The agent ended with exit code 9.", tail: "protected true\n" },
    ]);
    expect(run.state).toMatchObject({ status: "paused", reason: "escalated" });
  });
});

describe("what an agent starts", () => {
  it.runIf(process.platform === "linux")(
    "ends with it, also a daemon with a session of its own (on Linux, where it can be found)",
    async () => {
      const script = `#!/bin/sh
setsid sh -c 'echo $$ > "$PIDS/daemon"; cd /; exec sleep 600' > /dev/null 2>&1 < /dev/null &
until [ -s "$PIDS/daemon" ]; do sleep 0.02; done
echo made > made.txt
`;
      const { shop, app: closed } = await projectOf(
        ["./agent.sh"],
        { "agent.sh": script },
        {
          agent: "    env: [PIDS]\n",
        },
      );
      await closed.close();
      const app = await openRunLedger({ projectDir: shop.repo, env: { ...shop.env, PIDS: shop.place } });
      const { run } = await driven(app, planOfSteps(stepBy("a", "test -f made.txt")));
      expect(run.state.status).toBe("completed");
      const daemon = pidIn(join(shop.place, "daemon"));
      expect(daemon).toBeGreaterThan(0);
      expect(lives(daemon)).toBe(false);
    },
  );

  it("ends on Ctrl-C too, and the step stays in progress", async () => {
    const script = '#!/bin/sh\ntrap "" TERM\necho $$ > "$PIDS/agent"\nwhile :; do sleep 0.05; done\n';
    const { shop, app: closed } = await projectOf(
      ["./agent.sh"],
      { "agent.sh": script },
      {
        agent: "    env: [PIDS]\n",
      },
    );
    await closed.close();
    const app = await openRunLedger({ projectDir: shop.repo, env: { ...shop.env, PIDS: shop.place } });
    const runId = await began(app, planOfSteps(stepBy("a", "true")));
    const interrupted = new AbortController();
    const driving = app.drive(runId, interrupted.signal);
    await eventually(
      "the agent works",
      () => existsSync(join(shop.place, "agent")) && pidIn(join(shop.place, "agent")) > 0,
    );
    interrupted.abort();
    const { run, end } = await driving;
    expect(end).toBe("stopped");
    expect(stateOf(run, "a")).toMatchObject({ status: "in_progress" });
    expect(lives(pidIn(join(shop.place, "agent")))).toBe(false);
    await app.close();
  });
});
