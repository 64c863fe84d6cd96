import { once } from "node:events";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { createRollout, openMarkdownBoard, type Run, type RunLedger } from "../../src/index.js";
import { settingKeys } from "../../src/settings/keys.js";
import { loadSettings } from "../../src/settings/load.js";
import { openDesk } from "../helpers/cli.js";
import { NO_SANDBOX } from "../helpers/isolation.js";
import { modelServer, type Scripted } from "../helpers/model-server.js";
import {
  buggySum,
  makeSample,
  onePlan,
  orchestrator,
  person,
  type Sample,
  SESSION,
} from "../helpers/project.js";
import { tempFolder } from "../helpers/repositories.js";

let shop: Sample | undefined;
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await shop?.dispose();
  shop = undefined;
});

/** A project with these settings; agents as functions where the setting is not about programs. */
const project = async (settings: string, agents: Parameters<Sample["open"]>[0] = {}): Promise<RunLedger> => {
  shop = await makeSample({ ...buggySum, ".gitignore": "shared/\n" });
  await shop.write({ "runledger.yaml": settings, "shared/tool.txt": "from the checkout\n" });
  return shop.open(agents);
};

const driven = async (app: RunLedger, plan: unknown): Promise<Run> => {
  const run = await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: "try" });
  return (await app.drive(run.runId)).run;
};

const commandPlan = (target: string, rest: Readonly<Record<string, unknown>> = {}) =>
  onePlan({ validator: { type: "command_pass", target }, max_retries: 0, ...rest });
const done = { coder: () => "done" };
const passes = { how: "verified" };

/** A host at the stage of these settings, with a board of its own. */
const rolledOut = async (keys: string) => {
  const app = await project(`runLedger: { ${keys} }\n`);
  const file = join(app.projectDir, "BOARD.md");
  const projection = openMarkdownBoard({ file });
  const rollout = createRollout({
    ledger: app,
    projection,
    settings: app.settings.runLedger,
    onTrouble: () => undefined,
  });
  const task = {
    id: "task-1",
    kind: "background",
    sessionKey: SESSION,
    name: "try",
    request: "try",
  } as const;
  return { app, file, projection, rollout, create: () => rollout.create(task) };
};
const recorded = async (app: RunLedger): Promise<number> => (await app.ledger.list({ limit: 5 })).length;

/** A project whose settings name a table of the host, as the command line sees it. */
const named = async (settings: string): Promise<unknown> => {
  const desk = await openDesk({ "runledger.yaml": settings });
  shop = desk;
  return desk.json("rollout", "status");
};

/** What a policy that asks for a person in production says to an intent. */
const gateOf = async (gate: string): Promise<unknown> => {
  const desk = await openDesk({
    "runledger.yaml": `gate: ${gate}\n`,
    "gate-policies/crm.yaml":
      "require_approval: never\nenvironments: { production: { require_approval: always } }\n",
    "gate-policies/crm.cases.yaml":
      "cases: [{ name: any, intent: { destination: crm.import }, expect: approved }]\n",
  });
  shop = desk;
  const { code, out } = await desk.type("policy", "test", "--json");
  const told = JSON.parse(out) as { readonly failed: number };
  expect(code).toBe(told.failed === 0 ? 0 : 1);
  return told;
};

/** A judge that does too much of something, under these limits. */
const ended = async (limits: string, target: string): Promise<unknown> => {
  const app = await project(`limits: { ${limits} }\n`, done);
  const state = (await driven(app, commandPlan(target))).steps[0]?.state;
  if (state?.status === "verify_pending") return state.lastError;
  return state !== undefined && "verdict" in state ? state.verdict : null;
};
const limitReached = (setting: string) => ({
  outcome: "failed",
  reason: "limit_reached",
  message: expect.stringContaining(setting),
});
/** What is recorded of an agent that prints a variable, with the variable in one list of `secrets`. */
const toldOf = async (name: string, list: "names" | "except"): Promise<unknown> => {
  const agent = `{ kind: command, run: [sh, -c, 'echo $${name}'], env: [${name}] }`;
  const app = await project(`agents: { coder: ${agent} }\nsecrets: { ${list}: [${name}] }\n`);
  const state = (await driven(app, commandPlan("true"))).steps[0]?.state;
  return state?.status === "completed" ? state.proposal?.result : state;
};

/** A run that is over, of a ledger with these settings. */
const finishedRun = async (settings: string, target: string) => {
  const app = await project(settings, done);
  return { app, ran: (await driven(app, commandPlan(target))).runId };
};
/** Whether it is taken out so many hours later. */
const gone = async (app: RunLedger, runId: string, hours: number): Promise<boolean> => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * 3_600_000 });
  await app.prune();
  vi.useRealTimers();
  return (await app.ledger.store.runRow(runId)) === undefined;
};

/** Why an agent ended that did so many effects, each with a result of 2,000 characters, under these limits. */
const stoppedAt = async (limits: string, count = 3): Promise<string> => {
  const app = await project(`durable: { ${limits} }\n`, {
    coder: async (_task, effects) => {
      const guarded = { class: "guarded", risk: "none" } as const;
      for (let n = 0; n < count; n += 1) await effects.effect("call", guarded, () => "x".repeat(2_000));
      return "done";
    },
  });
  const { runId } = await driven(app, commandPlan("true"));
  const events = await app.ledger.events(runId, 0, 1_000);
  const begun = events.filter(({ type }) => type === "effect_intended").length;
  expect(events.filter(({ type }) => type === "effect_settled")).toHaveLength(begun);
  return events.flatMap((event) => (event.type === "step_interrupted" ? [event.payload.reason] : [])).join();
};

/** A project with such a schedule, whose worker was away from six in the evening until noon (UTC). */
const scheduled = async (keys: string): Promise<RunLedger> => {
  const plan = /plan:/.test(keys) ? "" : ", plan: plan.json";
  await shop?.dispose();
  shop = await makeSample({
    "plan.json": JSON.stringify(commandPlan("true")),
    "runledger.yaml": `schedules: { nightly: { ${keys}${plan} } }\n`,
  });
  for (const now of ["2026-02-28T18:00:00.000Z", "2026-03-01T12:00:00.000Z"]) {
    const app = await shop.open(done, () => now);
    await app.worker({ maxRuns: 1, onTrouble: () => undefined }).drain(new AbortController().signal);
    if (now.startsWith("2026-03")) return app;
  }
  return expect.unreachable();
};
/** When what it began was due. */
const dueOf = async (keys: string): Promise<string[]> => {
  const app = await scheduled(keys);
  const rows = await app.ledger.list({ limit: 10 });
  const runs = await Promise.all(rows.map(({ runId }) => app.ledger.load(runId)));
  return runs.map(({ originalRequest }) => originalRequest.replace(/^.* due /, ""));
};

/** What a model was asked, whose agent has these keys in the settings. */
const model = async (
  keys: Readonly<Record<string, unknown>>,
  script: readonly Scripted[] = [{ text: "done" }],
) => {
  const server = await modelServer(script);
  const coder = { kind: "llm", provider: "openai-compatible", model: "small", baseUrl: server.url, ...keys };
  const app = await project(JSON.stringify({ agents: { coder } }));
  const run = await driven(app, commandPlan("true"));
  const { path = "", headers = {}, body = {} } = server.asked[0] ?? {};
  return { path, headers, body, run, last: server.asked.at(-1)?.body };
};

/** What a run came to, in billionths of a dollar, whose one answer read 100 tokens and wrote 10. */
const costAt = async (
  prices: Readonly<Record<string, unknown>>,
  cached: Scripted["cached"] = {},
): Promise<readonly number[]> => {
  const { run } = await model(prices, [{ text: "done", usage: [100, 10], cached }]);
  return run.spending.map(({ usage }) => usage.nanoUsd);
};

/** What a run with that budget says when it pauses. */
const stoppedBy = async (budget: string, target = "true"): Promise<string> => {
  const app = await project(`budget: ${budget}\n`, {
    coder: async (_task, effects) => {
      const asking = { class: "guarded", risk: "paid", atMost: { tokens: 9, nanoUsd: 1_000_000 } } as const;
      await effects.effect("ask", asking, ({ spend }) => spend({ model: "m", tokensIn: 1, tokensOut: 1 }));
      return "done";
    },
  });
  const { state } = await driven(app, commandPlan(target, { max_retries: 1 }));
  return state.status === "paused" && state.reason === "budget" ? state.message : JSON.stringify(state);
};

/** Every key, and a way to see that it changes what happens. */
const consumers: Readonly<Record<string, () => Promise<void>>> = {
  version: async () => {
    const app = project("version: 2\n");
    await expect(app).rejects.toMatchObject({ message: expect.stringMatching(/is of version 2/) });
  },
  "agents.coder.kind": async () => {
    await expect(project("agents: { coder: { kind: oracle, run: [x] } }\n")).rejects.toMatchObject({
      code: "settings_invalid",
    });
  },
  "agents.coder.run": async () => {
    const app = await project("agents: { coder: { kind: command, run: [sh, -c, 'echo hello'] } }\n");
    const run = await driven(app, commandPlan("true"));
    expect(run.steps[0]?.state).toMatchObject({ ...passes, proposal: { result: "hello" } });
  },
  "agents.coder.preset": async () => {
    // Started as codex is: its own word comes first, and the prompt last.
    const app = await project(
      "agents: { coder: { kind: subprocess, preset: codex, run: [sh, -c, 'echo \"$0\"; exit 3'] } }\n",
    );
    const run = await driven(app, commandPlan("true", { max_retries: 0 }));
    expect(run.steps[0]?.feedback).toMatchObject({ kind: "interrupted", tail: "exec\n" });
  },
  "agents.coder.provider": async () => {
    vi.stubEnv("ANTHROPIC_API_KEY", "key-of-the-model-0123456789");
    expect((await model({ provider: "anthropic" })).path).toBe("/v1/messages");
    await shop?.dispose();
    expect((await model({})).path).toBe("/v1/chat/completions");
  },
  "agents.coder.model": async () => {
    expect((await model({ model: "large" })).body).toMatchObject({ model: "large" });
  },
  "agents.coder.baseUrl": async () => {
    const server = await modelServer([{ text: "elsewhere" }]);
    const { run } = await model({ baseUrl: `${server.url}/deeper` });
    expect(server.asked[0]?.path).toBe("/v1/deeper/chat/completions");
    expect(run.steps[0]?.state).toMatchObject({ ...passes, proposal: { result: "elsewhere" } });
  },
  "agents.coder.apiKeyEnv": async () => {
    vi.stubEnv("SHOP_MODEL", "key-of-the-model-0123456789");
    const { headers } = await model({ apiKeyEnv: "SHOP_MODEL" });
    expect(headers.authorization).toBe("Bearer key-of-the-model-0123456789");
  },
  "agents.coder.outputTokens": async () => {
    expect((await model({ outputTokens: 77 })).body).toMatchObject({ max_tokens: 77 });
  },
  "agents.coder.contextTokens": async () => {
    // Two results of 3,000 characters behind three more turns: too much for a small model, and nothing for a usual one.
    const look = { calls: [["exec", { command: "printf %3000d 7" }]] } as const;
    const script = [...Array(5).fill(look), { text: "done" }].map((turn) => ({ ...turn, usage: null }));
    const told = async (keys: Readonly<Record<string, unknown>>) =>
      JSON.stringify((await model(keys, script)).last);
    expect(await told({})).not.toContain("Cleared to keep");
    await shop?.dispose();
    expect(await told({ contextTokens: 6_500 })).toContain("Cleared to keep");
  },
  "agents.coder.callTimeout": async () => {
    const { run } = await model({ callTimeout: "500ms" }, [{ silent: "hang" }, { text: "second try" }]);
    expect(run.steps[0]?.state).toMatchObject({ ...passes, proposal: { result: "second try" } });
  },
  "agents.coder.inputPrice": async () => {
    expect(await costAt({ inputPrice: 3, outputPrice: 0 })).toEqual([100 * 3_000]);
  },
  "agents.coder.outputPrice": async () => {
    expect(await costAt({ inputPrice: 0, outputPrice: 15 })).toEqual([10 * 15_000]);
  },
  "agents.coder.cacheReadPrice": async () => {
    const cached = { inputPrice: 1, outputPrice: 0, cacheReadPrice: 0.1 };
    expect(await costAt(cached, { cacheRead: 40 })).toEqual([60 * 1_000 + 40 * 100]);
  },
  "agents.coder.cacheWritePrice": async () => {
    const cached = { inputPrice: 1, outputPrice: 0, cacheWritePrice: 1.25 };
    vi.stubEnv("ANTHROPIC_API_KEY", "key-of-the-model-0123456789");
    expect(await costAt({ ...cached, provider: "anthropic" }, { cacheWrite: 40 })).toEqual([
      // That provider tells of its cache apart from other input.
      100 * 1_000 + 40 * 1_250,
    ]);
  },
  "budget.tokens": async () => {
    expect(await stoppedBy("{ tokens: 5 }")).toMatch(/budget of 5 tokens/);
  },
  "budget.usd": async () => {
    expect(await stoppedBy("{ usd: 0.0001 }")).toMatch(/budget of \$0\.0001/);
  },
  "budget.time": async () => {
    expect(await stoppedBy("{ time: 1ms }")).toMatch(/budget of 1ms/);
  },
  "budget.attempts": async () => {
    expect(await stoppedBy("{ attempts: 1 }", "false")).toMatch(/budget of 1 attempt/);
  },
  "gate.environment": async () => {
    expect(await gateOf("{ environment: production }")).toMatchObject({ failed: 1 });
    await shop?.dispose();
    expect(await gateOf("{}")).toMatchObject({ failed: 0 });
  },
  "gate.policies": async () => {
    expect(await gateOf("{ policies: rules }")).toMatchObject({ policies: [] });
    await shop?.dispose();
    const app = await project("gate: { policies: rules }\n", {
      coder: async ({ workspace }) => {
        await mkdir(join(workspace, "rules"));
        await writeFile(join(workspace, "rules/crm.yaml"), "require_approval: never\n");
        return "done";
      },
    });
    expect((await driven(app, commandPlan("true"))).steps[0]?.state).toMatchObject({
      verdict: { reason: "protected", protectedPaths: ["rules/crm.yaml"] },
    });
  },
  "agents.coder.env": async () => {
    const app = await project(
      "agents: { coder: { kind: command, run: [sh, -c, 'echo \"[$XDG_STATE_HOME]\"'], env: [XDG_STATE_HOME] } }\n",
    );
    const run = await driven(app, commandPlan("true"));
    expect(run.steps[0]?.state).toMatchObject({ proposal: { result: `[${shop?.env.XDG_STATE_HOME}]` } });
  },
  "agents.coder.sandbox": async () => {
    const app = await project(
      "agents: { coder: { kind: command, run: [sh, -c, 'ls /proc | grep -c ^[0-9]'], sandbox: true } }\n",
    );
    const run = driven(app, commandPlan("true"));
    if (NO_SANDBOX) await expect(run).rejects.toMatchObject({ code: "isolation_unmet" });
    else
      expect((await run).steps[0]?.state).toMatchObject({
        proposal: { result: expect.stringMatching(/^[1-9]$/) },
      });
  },
  "agents.coder.network": async () => {
    const server = createServer((_request, response) => response.end("hello")).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const ask = `const [host, port] = process.env.HTTP_PROXY.slice(7).split(":"); require("http").get({ host, port, path: "http://127.0.0.1:${port}/" }, (answer) => answer.pipe(process.stdout))`;
    const app = await project(
      `agents: { coder: { kind: command, run: [node, -e, ${JSON.stringify(ask)}], sandbox: true, network: ["127.0.0.1:${port}"] } }\n`,
    );
    const run = driven(app, commandPlan("true"));
    if (NO_SANDBOX) await expect(run).rejects.toMatchObject({ code: "isolation_unmet" });
    else expect((await run).steps[0]?.state).toMatchObject({ proposal: { result: "hello" } });
  },
  "agents.coder.timeout": async () => {
    const app = await project("agents: { coder: { kind: command, run: [sleep, '600'], timeout: 100ms } }\n");
    const run = await driven(app, commandPlan("true"));
    expect(run.steps[0]?.state).toMatchObject({
      status: "interrupted",
      reason: expect.stringContaining("time limit"),
    });
  },
  maxParallelSteps: async () => {
    let atWork = 0;
    let most = 0;
    const app = await project("maxParallelSteps: 1\n", {
      coder: async () => {
        atWork += 1;
        most = Math.max(most, atWork);
        await new Promise((resolve) => setImmediate(resolve));
        atWork -= 1;
        return "done";
      },
    });
    const [step] = commandPlan("true").steps;
    await driven(app, { goal: "two", steps: [step, { ...step, id: "other" }] });
    expect(most).toBe(1);
  },
  protect: async () => {
    const app = await project("protect: ['src/**']\n", {
      coder: async ({ workspace }) => {
        await writeFile(join(workspace, "src/new.mjs"), "");
        return "done";
      },
    });
    const run = await driven(app, commandPlan("true"));
    expect(run.steps[0]?.state).toMatchObject({
      verdict: { reason: "protected", protectedPaths: ["src/new.mjs"] },
    });
  },
  "workspace.setup": async () => {
    const app = await project("workspace: { setup: [[sh, -c, 'echo made > made.txt']] }\n", done);
    expect((await driven(app, commandPlan("test -f made.txt"))).steps[0]?.state).toMatchObject(passes);
  },
  "workspace.share": async () => {
    const app = await project("workspace: { share: [shared] }\n", done);
    expect((await driven(app, commandPlan("test -f shared/tool.txt"))).steps[0]?.state).toMatchObject(passes);
  },
  "workspace.cache": async () => {
    const settings =
      "workspace: { setup: [[sh, -c, 'mkdir -p shared; echo made > shared/it']], cache: [shared] }\n";
    const app = await project(settings, done);
    await shop?.write({ "package-lock.json": "{}\n" });
    shop?.git("add", "package-lock.json");
    shop?.git("commit", "--quiet", "-m", "lock");
    await rm(join(app.projectDir, "shared"), { recursive: true });
    expect((await driven(app, commandPlan("test -f shared/it"))).steps[0]?.state).toMatchObject({
      ...passes,
      verdict: { provision: [{ what: expect.stringMatching(/ \(from the cache\)$/) }] },
    });
  },
  "workspace.sparse": async () => {
    const app = await project("workspace: { sparse: [src] }\n", done);
    const judge = "test -f package.json && test -f src/sum.mjs && test ! -e test";
    expect((await driven(app, commandPlan(judge))).steps[0]?.state).toMatchObject({
      ...passes,
      verdict: { provision: [{ what: "sparse: only src, and files on the way" }] },
    });
  },
  "workspace.passEnv": async () => {
    const app = await project("workspace: { passEnv: [XDG_STATE_HOME] }\n", done);
    expect((await driven(app, commandPlan('test -n "$XDG_STATE_HOME"'))).steps[0]?.state).toMatchObject(
      passes,
    );
  },
  "isolation.minimum": async () => {
    const app = await project("isolation: { minimum: 2, maximum: 1 }\n", done);
    await expect(driven(app, commandPlan("true"))).rejects.toMatchObject({ code: "isolation_unmet" });
  },
  "isolation.maximum": async () => {
    const app = await project("isolation: { maximum: 1 }\n", done);
    const run = await driven(app, commandPlan("true"));
    expect(run.steps[0]?.state).toMatchObject({ verdict: { outcome: "passed", isolationLevel: 1 } });
  },
  "isolation.visible": async () => {
    const folder = tempFolder();
    await writeFile(join(folder, "data"), "");
    const app = await project(`isolation: { visible: [${folder}] }\n`, done);
    expect((await driven(app, commandPlan(`test -f ${folder}/data`))).steps[0]?.state).toMatchObject(passes);
    if (NO_SANDBOX) return;
    const blind = await project("", done);
    const run = await driven(blind, commandPlan(`test -f ${folder}/data`));
    expect(run.steps[0]?.state).toMatchObject({ verdict: { outcome: "failed" } });
  },
  "isolation.network": async () => {
    const server = createServer((_request, response) => response.end("hello")).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const app = project(`isolation: { network: ["127.0.0.1:${port}"] }\n`, done);
    const ask = `const [host, port] = process.env.HTTP_PROXY.slice(7).split(":");
      require("http").get({ host, port, path: "http://127.0.0.1:${port}/" }, (a) => process.exit(a.statusCode === 200 ? 0 : 1));`;
    const plan = commandPlan(`node -e '${ask}'`);
    if (NO_SANDBOX) {
      await expect(driven(await app, plan)).rejects.toMatchObject({ code: "isolation_unmet" });
      return;
    }
    expect((await driven(await app, plan)).steps[0]?.state).toMatchObject(passes);
  },
  "secrets.names": async () =>
    expect(await toldOf("XDG_STATE_HOME", "names")).toBe("[redacted:XDG_STATE_HOME]"),
  "secrets.except": async () => {
    vi.stubEnv("SHOP_TOKEN", "hunter-22-hunter");
    expect(await toldOf("SHOP_TOKEN", "names")).toBe("[redacted:SHOP_TOKEN]");
    await shop?.dispose();
    expect(await toldOf("SHOP_TOKEN", "except")).toBe("hunter-22-hunter");
  },
  onUnmetCriteria: async () => {
    const app = await project("onUnmetCriteria: pause\n", done);
    const unmet = [{ description: "never", validator: { type: "command_pass", target: "false" } }];
    const run = await driven(app, { ...commandPlan("true"), acceptance_criteria: unmet });
    expect(run.state).toMatchObject({ status: "paused", reason: "unmet_criteria" });
  },
  changeValidator: async () => {
    const app = await project("changeValidator: human\n", done);
    const { runId } = await driven(app, commandPlan("false"));
    const newValidator = { type: "command_pass", target: "true", params: {} } as const;
    const decision = { action: "change_validator", newValidator } as const;
    const command = { type: "apply_policy", stepId: "sum", decision, reason: "easier" } as const;
    await expect(app.ledger.submit(runId, command, orchestrator(app))).rejects.toMatchObject({
      code: "access_denied",
    });
    await app.ledger.submit(runId, command, person(app));
  },
  agentTimeout: async () => {
    const app = await project("agentTimeout: 100ms\n", { coder: () => new Promise<string>(() => undefined) });
    const run = await driven(app, commandPlan("true"));
    expect(run.steps[0]?.state).toMatchObject({
      status: "interrupted",
      reason: expect.stringContaining("longer than 100 ms"),
    });
  },
  leaseTtl: async () => {
    let leftMs = 0;
    const app = await project("leaseTtl: 1h\n", {
      coder: async ({ runId }) => {
        leftMs = ((await app.ledger.store.leaseOf(runId))?.expiresAt ?? 0) - Date.now();
        return "done";
      },
    });
    await driven(app, commandPlan("true"));
    expect(leftMs).toBeGreaterThan(30 * 60_000);
  },
  planner: async () => {
    const lead = { lead: () => JSON.stringify(commandPlan("true")), ...done };
    const app = await project("planner: lead\n", lead);
    const { runId } = await app.planRun(person(app), { goal: "sums", originalRequest: "sums" });
    expect((await app.drive(runId)).run.steps[0]?.spec.ownerAgent).toBe("lead");
  },
  orchestrator: async () => {
    const server = await modelServer([{ text: "no" }, { status: 400 }]);
    const lead = { kind: "llm", provider: "openai-compatible", model: "small", baseUrl: server.url };
    const app = await project(JSON.stringify({ orchestrator: "lead", agents: { lead } }), done);
    const run = await driven(app, commandPlan("false"));
    expect(run.steps[0]?.lastDecision?.reason).toContain('The orchestrator "lead" came to no answer');
    expect(server.asked).toHaveLength(2);
  },
  trustPlans: async () => {
    const lead = { lead: () => JSON.stringify(commandPlan("true")), ...done };
    const app = await project("planner: lead\ntrustPlans: true\n", lead);
    const { runId } = await app.planRun(person(app), { goal: "sums", originalRequest: "sums" });
    expect((await app.drive(runId)).run.state.status).toBe("completed");
  },
  "runLedger.plannerMaxRetries": async () => {
    const server = await modelServer([{ text: "no plan" }]);
    const lead = { kind: "llm", provider: "openai-compatible", model: "small", baseUrl: server.url };
    const runLedger = { plannerMaxRetries: 0 };
    const app = await project(JSON.stringify({ planner: "lead", agents: { lead }, runLedger }));
    const { runId } = await app.planRun(person(app), { goal: "sums", originalRequest: "sums" });
    expect((await app.drive(runId)).run.state).toMatchObject({ status: "paused", reason: "escalated" });
    expect(server.asked).toHaveLength(1);
  },
  "durable.paidAmbiguous": async () => {
    const stop = new AbortController();
    const app = await project("durable: { paidAmbiguous: skip }\n", {
      coder: (_task, effects) =>
        effects.effect("ask model", { class: "guarded", risk: "paid" }, () => {
          stop.abort();
          return new Promise<string>(() => undefined);
        }),
    });
    const { runId } = await app.createRun(person(app), {
      ...{ plan: commandPlan("true"), sessionKey: SESSION, originalRequest: "try" },
    });
    await app.drive(runId, stop.signal);
    const { run } = await app.drive(runId);
    expect(run.state).toMatchObject({ status: "paused", reason: "escalated" });
  },
  "durable.encryption": async () => {
    const app = await project("durable: { encryption: true }\n", done);
    await driven(app, commandPlan("true"));
    expect(await app.list({ limit: 1 })).toMatchObject([{ seal: "open" }]);
  },
  "durable.keyCommand": async () => {
    const keyCommand = `[printf, "%s", ${"5a".repeat(32)}]`;
    const app = await project(`durable: { encryption: true, keyCommand: ${keyCommand} }\n`, done);
    await driven(app, commandPlan("true"));
    expect(await app.keys()).toMatchObject({ root: { from: "command", state: "here" }, runs: { sealed: 1 } });
  },
  "durable.effectsPerAttempt": async () => {
    expect(await stoppedAt("effectsPerAttempt: 2")).toContain("at most 2 effects");
  },
  "durable.eventsPerRun": async () => {
    expect(await stoppedAt("eventsPerRun: 100", 200)).toContain("stop at 100 events");
  },
  "durable.resultSize": async () => {
    expect(await stoppedAt("resultSize: 1KiB")).toContain("1024 are the most");
  },
  "durable.checkpoints": async () => {
    const app = await project("durable: { checkpoints: file }\n", {
      coder: async (_task, effects) => {
        await effects.checkpoint({ workingMemory: {} });
        return "done";
      },
    });
    const { runId } = await driven(app, commandPlan("true"));
    expect((await app.checkpoints(runId)).map(({ keptIn, holds }) => [keptIn, holds])).toEqual([
      ["file", true],
    ]);
    expect(await readdir(join(app.dataDir, "checkpoints", runId))).toHaveLength(1);
  },
  "durable.checkpointEvery": async () => {
    const app = await project("durable: { checkpointEvery: 3 }\n", done);
    const { runId } = await driven(app, commandPlan("true"));
    const taken = (await app.checkpoints(runId)).map(({ reason, eventLogPosition }) => [
      reason,
      eventLogPosition,
    ]);
    expect(taken[0]).toEqual(["policy", 3]);
  },
  "durable.checkpointAt": async () => {
    const reasonsWith = async (settings: string) => {
      const app = await project(settings);
      const runs = app.trackedRuns(person(app));
      const { runId } = await runs.startRun({ agentId: "enricher", intentSummary: "try" });
      const paid = { sideEffectClass: "payment", sideEffectKey: `order-${runId}` } as const;
      await runs.recordEvent({ runId, eventType: "tool_call_finished", ...paid });
      const reasons = (await app.checkpoints(runId)).map(({ reason }) => reason);
      await shop?.dispose();
      shop = undefined;
      return reasons;
    };
    expect(await reasonsWith("durable: { checkpointAt: [risky_boundary] }\n")).toEqual(["risky_boundary"]);
    expect(await reasonsWith("durable: { checkpointAt: [approval_requested] }\n")).toEqual([]);
  },
  "durable.checkpointsKept": async () => {
    const app = await project("durable: { checkpointsKept: 2 }\n", {
      coder: async (_task, effects) => {
        for (let turn = 1; turn <= 21; turn += 1) await effects.checkpoint({ workingMemory: { turn } });
        return "done";
      },
    });
    const { runId } = await driven(app, commandPlan("true"));
    const thinned = (await app.checkpoints(runId)).filter(({ thinned }) => thinned);
    expect(thinned.map(({ turn }) => turn)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  },
  "durable.checkpointBefore": async () => {
    const app = await project("durable: { checkpointBefore: [idempotent] }\n", {
      coder: async (_task, effects) => {
        await effects.effect("look", { class: "pure" }, () => 1);
        await effects.effect("put", { class: "idempotent", key: "k" }, () => 2);
        return "done";
      },
    });
    const { runId } = await driven(app, commandPlan("true"));
    const types = (await app.ledger.events(runId, 0, 100)).map(({ type }) => type);
    const at = types.indexOf("checkpoint_sealed");
    expect(types.slice(at - 1, at + 2)).toEqual(["effect_settled", "checkpoint_sealed", "effect_intended"]);
    expect(types.lastIndexOf("checkpoint_sealed")).toBe(at);
  },
  "schedules.nightly.cron": async () => {
    expect(await dueOf('cron: "30 4 * * *"')).toEqual(["2026-03-01T04:30:00.000Z"]);
  },
  "schedules.nightly.timeZone": async () => {
    expect(await dueOf('cron: "30 4 * * *", timeZone: Asia/Seoul')).toEqual(["2026-02-28T19:30:00.000Z"]);
  },
  "schedules.nightly.plan": async () => {
    expect(await dueOf('cron: "0 4 * * *", plan: none.json')).toEqual([]);
  },
  "schedules.nightly.goal": async () => {
    const app = await scheduled('cron: "0 4 * * *", goal: Tidy up');
    expect(await app.ledger.list({ limit: 2 })).toMatchObject([{ goal: "Tidy up" }]);
  },
  "schedules.nightly.catchUp": async () => {
    expect(await dueOf('cron: "0 4,5 * * *", catchUp: skip')).toEqual([]);
    expect(await dueOf('cron: "0 4,5 * * *", catchUp: once')).toHaveLength(1);
    expect(await dueOf('cron: "0 4,5 * * *", catchUp: all')).toHaveLength(2);
  },
  "schedules.nightly.enabled": async () => {
    expect(await dueOf('cron: "0 4 * * *", enabled: false')).toEqual([]);
  },
  "notify.desk.run": async () => {
    const app = await project("notify: { desk: { run: [sh, -c, 'exit 7'] } }\n");
    expect(await app.testTargets()).toMatchObject([{ error: "it ended with exit code 7" }]);
  },
  "notify.desk.url": async () => {
    const app = await project(`notify: { desk: { url: "https://127.0.0.1:9/", secretEnv: HOME } }\n`);
    expect(await app.testTargets()).toMatchObject([{ error: expect.stringContaining("127.0.0.1") }]);
  },
  "notify.desk.secretEnv": async () => {
    const app = await project('notify: { desk: { url: "https://127.0.0.1:9/", secretEnv: NOT_SET } }\n');
    expect(await app.testTargets()).toMatchObject([{ error: "its secret is not set" }]);
  },
  "notify.desk.env": async () => {
    const program = `[sh, -c, 'exit $STATUS']`;
    vi.stubEnv("STATUS", "9");
    const app = await project(`notify: { desk: { run: ${program}, env: [STATUS] } }\n`);
    expect(await app.testTargets()).toMatchObject([{ error: "it ended with exit code 9" }]);
  },
  "notify.desk.events": async () => {
    const target = `{ run: [sh, -c, "cat > told.json"], events: [run_completed] }`;
    const app = await project(`notify: { desk: ${target} }\n`, done);
    await driven(app, commandPlan("true"));
    await app.close();
    expect(await readdir(app.projectDir)).toContain("told.json");
  },
  "notify.desk.privateNetwork": async () => {
    const target = '{ url: "https://127.0.0.1:9/", secretEnv: HOME, privateNetwork: true }';
    const app = await project(`notify: { desk: ${target} }\n`);
    expect(await app.testTargets()).toMatchObject([{ error: "ECONNREFUSED" }]);
  },
  "notify.desk.timeout": async () => {
    const app = await project("notify: { desk: { run: [sleep, '60'], timeout: 1s } }\n");
    expect(await app.testTargets()).toMatchObject([{ error: "it took too long" }]);
  },
  "runLedger.workspaceIsolation": async () => {
    const app = await project("runLedger: { workspaceIsolation: false }\n", done);
    const run = await driven(app, commandPlan("true"));
    expect(run).toMatchObject({
      base: null,
      head: null,
      steps: [{ state: { verdict: { isolationLevel: 0 } } }],
    });
  },
  "runLedger.staleTtl": async () => {
    const app = await project("runLedger: { staleTtl: 1ms }\n", done);
    const { runId } = await app.createRun(orchestrator(app), {
      plan: commandPlan("true"),
      sessionKey: SESSION,
      originalRequest: "try",
    });
    await app.ledger.submit(runId, { type: "pause_run", reason: "lunch" }, orchestrator(app));
    const { updatedAt } = await app.ledger.load(runId);
    await vi.waitUntil(() => Date.now() - Date.parse(updatedAt) > 1);
    const resume = { type: "resume_run", reason: "", overrideStale: false } as const;
    const resumed = app.ledger.submit(runId, resume, orchestrator(app));
    await expect(resumed).rejects.toMatchObject({ code: "run_stale" });
  },
  "runLedger.validatorTimeout": async () => {
    const app = await project("runLedger: { validatorTimeout: 100ms }\n", done);
    const run = await driven(app, commandPlan("sleep 600"));
    expect(run.steps[0]?.state).toMatchObject({ verdict: { outcome: "failed", reason: "timed_out" } });
  },
  "runLedger.maxRunHistory": async () => {
    const app = await project("runLedger: { maxRunHistory: 2 }\n", done);
    const [old, newer] = [await driven(app, commandPlan("true")), await driven(app, commandPlan("true"))];
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 3_600_000 });
    const later = await shop?.open(done);
    if (later === undefined) throw new Error("no project");
    await driven(later, commandPlan("true"));
    const kept = (await later.ledger.list({ limit: 10 })).map(({ runId }) => runId);
    expect(kept).toContain(newer.runId);
    expect(kept).not.toContain(old.runId);
  },
  "retention.completedFor": async () => {
    const { app, ran } = await finishedRun("retention: { completedFor: 2d }\n", "true");
    expect(await gone(app, ran, 47)).toBe(false);
    expect(await gone(app, ran, 49)).toBe(true);
  },
  "retention.failedFor": async () => {
    const { app, ran } = await finishedRun("retention: { failedFor: 2d }\n", "false");
    await app.ledger.submit(ran, { type: "cancel_run", reason: "no" }, person(app));
    expect(await gone(app, ran, 47)).toBe(false);
    expect(await gone(app, ran, 49)).toBe(true);
  },
  "retention.maxBytes": async () => {
    const { app, ran } = await finishedRun("retention: { maxBytes: 1MiB }\n", "true");
    expect(await gone(app, ran, 2)).toBe(false);
    const note = (count: number) =>
      ({ type: "write_note", key: "big", value: `${count}${"x".repeat(19_000)}` }) as const;
    const { runId } = await app.createRun(person(app), {
      plan: commandPlan("true"),
      sessionKey: SESSION,
      originalRequest: "try",
    });
    for (let count = 0; count < 60; count += 1) await app.ledger.submit(runId, note(count), person(app));
    expect(await gone(app, ran, 2)).toBe(true);
  },
  "retention.every": async () => {
    const { app, ran } = await finishedRun("retention: { completedFor: 1h, every: 1m }\n", "true");
    const ended = Date.now();
    const begun = performance.now();
    const at = (minutes: number): void => {
      vi.useFakeTimers({ toFake: ["Date"], now: ended + minutes * 60_000 });
      vi.spyOn(performance, "now").mockReturnValue(begun + minutes * 60_000);
    };
    at(59);
    const later = await shop?.open();
    if (later === undefined) throw new Error("no project");
    const looked = vi.spyOn(later.ledger.store, "giveBack");
    const stop = new AbortController();
    const working = later.worker({ maxRuns: 1, onTrouble: () => undefined }).run(stop.signal);
    await vi.waitUntil(() => looked.mock.calls.length === 1, 20_000);
    // By default it would look at 119 minutes.
    at(62);
    await vi.waitUntil(async () => (await app.ledger.store.runRow(ran)) === undefined, 20_000);
    stop.abort();
    await working;
  },
  "runLedger.enabled": async () => {
    const { app, create, rollout } = await rolledOut("shadow: true");
    await create();
    expect([rollout.stage, await recorded(app)]).toEqual(["off", 0]);
  },
  "runLedger.shadow": async () => {
    const { app, create, rollout } = await rolledOut("enabled: true, shadow: true");
    await create();
    expect([rollout.stage, await recorded(app)]).toEqual(["shadow", 1]);
  },
  "runLedger.writeThrough": async () => {
    const { app, file, rollout } = await rolledOut("enabled: true, writeThrough: true");
    await writeFile(file, "<!-- runledger:end -->");
    const unnamed = { kind: "workflow", sessionKey: "s", name: "Ours", request: "" } as const;
    expect((await rollout.create(unnamed)).degraded).toMatchObject({ code: "store_unavailable" });
    expect([rollout.stage, await recorded(app)]).toEqual(["write_through", 1]);
  },
  "runLedger.authoritativeRead": async () => {
    const keys = "enabled: true, writeThrough: true, authoritativeRead: true";
    const { create, projection, rollout } = await rolledOut(keys);
    await create();
    await projection.update("task-1", { kind: "run_status", status: "failed", result: "", error: "" });
    expect(await rollout.read("task-1")).toMatchObject({ status: "running" });
  },
  "runLedger.projectionRetired": async () => {
    const keys = "enabled: true, writeThrough: true, authoritativeRead: true, projectionRetired: true";
    const { create, projection, rollout } = await rolledOut(keys);
    await create();
    expect(await projection.list({ limit: 1 })).toEqual([]);
    expect(await rollout.list({ limit: 1 })).toHaveLength(1);
  },
  "limits.memory": async () => {
    const grow = "const held = []; setInterval(() => held.push(Buffer.alloc(8388608, 1)), 20)";
    expect(await ended("memory: 128MiB", `node -e '${grow}'`)).toMatchObject({
      outcome: "errored",
      reason: "out_of_memory",
    });
  },
  "limits.processes": async () => {
    const forks = "for n in 1 2 3 4 5 6 7 8 9 10; do sleep 60 & done; wait";
    expect(await ended("processes: 8", forks)).toMatchObject(limitReached("limits.processes"));
  },
  "limits.disk": async () => {
    const fill = "head -c 64000000 /dev/zero > big; sleep 60";
    expect(await ended("disk: 16MiB", fill)).toMatchObject(limitReached("limits.disk"));
  },
  "limits.files": async () => {
    const make = 'for (let n = 0; n < 20000; n += 1) require("fs").writeFileSync("f" + n, "")';
    const forever = `${make}; setInterval(() => 0, 1000)`;
    expect(await ended("files: 1000", `node -e '${forever}'`)).toMatchObject(limitReached("limits.files"));
  },
  "limits.output": async () => {
    expect(await ended("output: 1MiB", "yes")).toMatchObject(limitReached("limits.output"));
  },
  "rollout.tables": async () => {
    expect(await named("rollout: { tables: host.db }\n")).toMatchObject({
      table: { name: "workflow_tables", file: expect.stringMatching(/repo\/host\.db$/) },
    });
  },
  "rollout.board": async () => {
    expect(await named("rollout: { board: BOARD.md }\n")).toMatchObject({
      table: { name: "markdown_board", file: expect.stringMatching(/repo\/BOARD\.md$/) },
    });
  },
};

describe("every setting changes what happens", () => {
  it.each(Object.entries(consumers))("%s", async (_key, prove) => prove());

  it("and none is without such a proof", async () => {
    const proved = Object.keys(consumers).map((key) => key.replace(/\.(coder|nightly|desk)\./, ".NAME."));
    const known = settingKeys().map(({ key }) => key);
    expect(proved.sort()).toEqual(["version", ...known].sort());
    shop = await makeSample(buggySum);
    await shop.write({
      "runledger.yaml":
        'agents: { coder: { kind: command, run: [x] }, model: { kind: llm, provider: openai, model: m, baseUrl: "http://a", outputTokens: 9, contextTokens: 9000, inputPrice: 1, outputPrice: 2, cacheReadPrice: 3, cacheWritePrice: 4 }, cli: { kind: subprocess, preset: codex } }\nschedules: { nightly: { cron: "@daily", plan: p.json } }\nnotify: { desk: { run: [x] } }\n',
    });
    const { origins } = await loadSettings(shop.repo, shop.env);
    const said = Object.keys(origins).map((key) =>
      key.replace(/\.(coder|model|cli|nightly|desk)\./, ".NAME."),
    );
    expect([...new Set(said)].sort()).toEqual([...known].sort());
  });
});
