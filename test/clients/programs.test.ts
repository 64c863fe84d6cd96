import { existsSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { buildPackage } from "../helpers/built.js";
import { eventually, untilFile } from "../helpers/driving.js";
import { modelServer, type Scripted } from "../helpers/model-server.js";
import { MARKS_OUTSIDE } from "../helpers/project.js";
import { serving, stopped } from "../helpers/serving.js";
import {
  agentOf,
  type ClientName,
  converse,
  inShell,
  installHttp,
  installServers,
  lack,
  OVER_STDIO,
  openShop,
  PROGRAMS,
  type Role,
  serversIn,
  using,
  type Way,
} from "./kit.js";

/** A conversation is a minute where much else is at work. */
const PATIENCE_MS = 900_000;
/** A judge of three minutes, for calls that opencode gives up after one; with the slow tests a short one, and opencode is told to hurry. */
const isWhole = process.env.RUNLEDGER_FULL_TESTS === "1";
const [JUDGE_S, HURRY] = isWhole ? [180, {}] : [40, { timeout: 25_000 }];
const CLIENTS: readonly ClientName[] = ["opencode", "codex", "claude", "gemini"];
/** Those that ask a hook of ours whether they may end. */
const HOOKED: ReadonlySet<ClientName> = new Set(["codex", "claude", "gemini"]);
/** The one that gives calls up soonest, and each loss with the one that bears it worst: minutes matter where the rest is for the whole suite. */
const WAITING: readonly ClientName[] = isWhole ? CLIENTS : ["opencode"];
/** opencode takes its time, and shows as much where it waits and where it loses. */
const CARRYING: readonly ClientName[] = isWhole ? CLIENTS : ["codex", "claude", "gemini"];
/** The quickest of them. */
const QUICKEST: readonly ClientName[] = isWhole ? CLIENTS : ["claude"];
const LOSSES: readonly [ClientName, string, string][] = [
  ["codex", "the server", "mcp"],
  ["codex", "the ledger's process", "__ledger"],
  ["opencode", "the server", "mcp"],
  ["opencode", "the ledger's process", "__ledger"],
  ["claude", "the server", "mcp"],
  ["gemini", "the server", "mcp"],
];

const planJudgedBy = (judge: string) =>
  JSON.stringify({
    goal: "Ship it",
    steps: [
      {
        ...{ id: "a", goal: "Make it", owner_agent: "coder" },
        validator: { type: "command_pass", target: judge },
      },
    ],
  });

/** A test of each of these programs; skipped, with the reason, where one is not installed. */
const forEach = (
  clients: readonly ClientName[],
  title: string,
  check: (client: ClientName) => Promise<void>,
): void => {
  for (const client of clients)
    it.skipIf(lack(client) !== "")(
      `${client} ${title}${lack(client) && ` (${lack(client)})`}`,
      () => check(client),
      PATIENCE_MS,
    );
};

describe("clients of others", () => {
  let built: ReturnType<typeof buildPackage>;
  beforeAll(() => {
    built = buildPackage();
  }, PATIENCE_MS);
  afterAll(() => built.remove());

  /** A project with the program's entries in it, and what its model will say in all conversations. */
  const opened = async (client: ClientName, begins: readonly Scripted[], install = installServers) => {
    const script = [...begins];
    const server = await modelServer(script);
    const shop = await openShop(client, built, server.url, {
      "runledger.yaml": `${MARKS_OUTSIDE}runLedger: { validatorTimeout: 10m }\n`,
      "README.md": "# A shop\n",
    });
    await install(client, shop);
    const newest = async (): Promise<{ runId: string; state: { status: string } } | undefined> => {
      const { code, out } = await shop.type("show", "last", "--json");
      return code === 0 ? JSON.parse(out).run : undefined;
    };
    const talk = async (role: Role, { keys = {}, way = OVER_STDIO } = {}): Promise<void> => {
      const about = (await newest())?.runId ?? "There is no run yet.";
      const { code, out, err } = await converse(client, role, { about, keys, way }, shop);
      expect(code, `${out}\n${err}`).toBe(0);
    };
    const statusOf = async () => (await newest())?.state.status;
    return { server, script, shop, talk, statusOf };
  };
  type Opened = Awaited<ReturnType<typeof opened>>;
  const create = (client: ClientName, judge: string): Scripted =>
    using(client, "runledger", "run_create", { plan_json: planJudgedBy(judge), original_request: "please" });
  const asCoder = (client: ClientName, tool: string, input: object = {}): Scripted =>
    using(client, "runledger-coder", tool, { step_id: "a", ...input });
  const propose = (client: ClientName) => asCoder(client, "run_propose_step_result", { result: "made it" });
  const end: Scripted = { text: "That is all." };

  /** What the model says of a run with a lie in it, in the two roles by turns. */
  const circle = (client: ClientName, { server }: Way): readonly Scripted[] => {
    const asOrchestrator = (tool: string, input: object = {}) =>
      using(client, server.orchestrator, tool, { ...input });
    const asExecutor = (tool: string, input: object = {}) =>
      using(client, server.executor, tool, { step_id: "a", ...input });
    const claim = asExecutor("run_propose_step_result", { result: "made it" });
    const plan = { plan_json: planJudgedBy("test -f made.txt"), original_request: "please" };
    return [
      ...[asOrchestrator("run_create", plan), end],
      ...[asExecutor("run_start_step"), claim, end],
      asOrchestrator("run_read"),
      asOrchestrator("run_apply_policy", { step_id: "a", action: "retry", reason: "once more" }),
      end,
      asExecutor("run_start_step"),
      {
        by: (asked) => {
          const workspace = /workspace[\\": ]+(\/[^\\"]+\/work)/.exec(asked.text)?.[1] ?? "";
          return inShell(client, `echo made > ${workspace}/made.txt`);
        },
      },
      ...[claim, end],
    ];
  };
  const carry = async ({ talk, statusOf, shop }: Opened, way: Way): Promise<void> => {
    await talk("orchestrator", { way });
    await talk("executor", { way });
    expect(await statusOf()).toBe("running");
    await talk("orchestrator", { way });
    await talk("executor", { way });
    expect(await statusOf()).toBe("completed");
    const { out } = await shop.type("journal", "last", "--json");
    const types = out
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line).type);
    expect(types.filter((type) => type.startsWith("step_") || type.startsWith("policy_"))).toEqual([
      ...["step_started", "step_result_proposed", "step_validation_failed", "policy_decision_applied"],
      ...["step_started", "step_result_proposed", "step_validation_passed"],
    ]);
  };

  /** Whoever makes the run has not got the tools of whoever works on it. claude has them in its text, to be looked up. */
  const expectOneRole = (client: ClientName, { server }: Opened, way: Way): void => {
    const seen = server.answered.map(({ tools, text }) => tools.join() + text);
    const makes = PROGRAMS[client].tool(way.server.orchestrator, "run_create");
    const works = PROGRAMS[client].tool(way.server.executor, "run_start_step");
    expect(seen.some((names) => names.includes(makes))).toBe(true);
    expect(seen.some((names) => names.includes(works))).toBe(true);
    expect(seen.some((names) => names.includes(makes) && names.includes(works))).toBe(false);
  };

  forEach(CARRYING, "carries a run in two roles through a lie and its repair to its end", async (client) => {
    const there = await opened(client, circle(client, OVER_STDIO));
    await carry(there, OVER_STDIO);
    expectOneRole(client, there, OVER_STDIO);
  });

  forEach(QUICKEST, "does the same over HTTP, with the credential of each role", async (client) => {
    const there = await opened(client, [], async () => undefined);
    const served = await serving(built.bin, there.shop.shop, "--port", "0");
    onTestFinished(async () => {
      await stopped(served, "SIGINT");
    });
    const way = await installHttp(client, there.shop, served.url);
    there.script.push(...circle(client, way));
    await carry(there, way);
    expectOneRole(client, there, way);
  });

  forEach(WAITING, "waits for a judge that takes longer than it waits for a call", async (client) => {
    const { talk, statusOf, server } = await opened(client, [
      ...[create(client, `sleep ${JUDGE_S}`), end],
      ...[asCoder(client, "run_start_step"), propose(client), end],
    ]);
    await talk("orchestrator");
    // What `install` wrote for codex is an hour; signs of life keep the other one waiting.
    await talk("executor", { keys: HURRY });
    expect(server.asked.at(-1)?.text).toMatch(/status[\\": ]+verified/);
    expect(await statusOf()).toBe("completed");
  });

  for (const [client, what, word] of isWhole ? LOSSES : LOSSES.slice(0, 2))
    forEach([client], `loses ${what} in a call, and the run comes to its end`, async () => {
      const { server, shop, script, talk, statusOf } = await opened(client, []);
      const [begun, go] = [shop.at("begun"), shop.at("go")];
      script.push(
        ...[create(client, `touch ${begun}; ${untilFile(go)}`), end],
        ...[asCoder(client, "run_start_step"), propose(client), end],
        ...[using(client, "runledger", "run_read", {}), end],
      );
      await talk("orchestrator");
      const conversing = talk("executor");
      await eventually("the judge is at work", () => existsSync(begun));
      const pids = serversIn(shop, word);
      expect(pids).toHaveLength(1);
      for (const pid of pids) process.kill(pid, "SIGKILL");
      writeFileSync(go, "");
      await conversing;
      await eventually("the run is completed", async () => (await statusOf()) === "completed");
      // Neither program starts a server again that it has lost: the next conversation has its own.
      await talk("orchestrator");
      expect(server.asked.at(-1)?.text).toMatch(/status[\\": ]+completed/);
      await eventually("every server ended", () => serversIn(shop, "__ledger").length === 0);
    });

  forEach(CLIENTS, "is started for a step, lies, is told, repairs and is believed", async (client) => {
    const claim = using(client, "runledger", "run_propose_step_result", {
      step_id: "a",
      result: "made it",
    });
    const { shop, server } = await opened(client, [
      // Sent back once before it has claimed, where the program has a hook for its end.
      ...(HOOKED.has(client) ? [{ text: "It is made, I am sure." }] : []),
      ...[claim, { text: "All done." }],
      using(client, "runledger", "run_start_step", { step_id: "a" }),
      ...[inShell(client, "echo made > made.txt"), claim, { text: "Now it is." }],
    ]);
    await shop.shop.write({
      "plan.json": planJudgedBy("test -f made.txt"),
      "runledger.yaml": JSON.stringify({
        agents: { coder: agentOf(client, shop) },
        isolation: { maximum: 1 },
      }),
    });
    const { code, err } = await shop.type("run", "plan.json");
    const { out } = await shop.type("logs", "last", "a");
    expect(code, `${err}\n${out}`).toBe(0);
    expect(err).toMatch(/refused: failed \[check_failed\][\s\S]*attempt 2[\s\S]*completed: 1 step verified/);
    expect(out).toContain("Now it is.");
    const own = server.asked.flatMap(({ tools }) => tools).filter((tool) => tool.includes("runledger"));
    expect(own.join()).toContain("run_propose_step_result");
    expect(own.join()).not.toContain("run_create");
    const sentBack = server.answered.findIndex(({ text }) => text.includes("The step is not proposed yet."));
    expect(sentBack).toBe(HOOKED.has(client) ? 1 : -1);
    expect(out).not.toContain("rlc1_");
  });

  forEach(
    QUICKEST,
    "plans a goal, is told what its plan lacks, and works by the mended one",
    async (client) => {
      const handIn = (plan: string) =>
        using(client, "runledger", "run_propose_step_result", { step_id: "_plan", result: plan });
      const claim = using(client, "runledger", "run_propose_step_result", {
        step_id: "a",
        result: "made it",
      });
      const { shop, server } = await opened(client, [
        handIn(planJudgedBy("test -f made.txt").replace('"coder"', '"nobody"')),
        ...[handIn(planJudgedBy("test -f made.txt")), end],
        ...[inShell(client, "echo made > made.txt"), claim, end],
      ]);
      const agent = agentOf(client, shop);
      await shop.shop.write({
        "runledger.yaml": JSON.stringify({
          ...{ agents: { lead: agent, coder: agent }, planner: "lead", trustPlans: true },
          isolation: { maximum: 1 },
        }),
      });
      const { code, err } = await shop.type("run", "--goal", "Ship it");
      const { out } = await shop.type("logs", "last", "_plan");
      expect(code, `${err}\n${out}`).toBe(0);
      expect(err).toContain("completed: 1 step verified");
      expect(server.answered[0]?.text).toContain("you turn a goal into a plan");
      expect(server.answered[1]?.text).toContain("1 defect in the plan");
    },
  );
});
