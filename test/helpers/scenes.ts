import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EffectContext } from "../../src/engine/effects/context.js";
import type { KeyedEffects } from "../../src/engine/effects/keyed.js";
import { openHost } from "../../src/engine/host.js";
import { openMarkdownBoard } from "../../src/index.js";
import { hostRun } from "./cast.js";
import { CAST, type Desk, openDesk, planOf, shop, step, type TypeOptions } from "./cli.js";
import { began } from "./driving.js";
import { person, SESSION } from "./project.js";

/** A desk with runs of every fate, and lines to type at it for every command that prints. */
export type Stage = {
  readonly desk: Desk;
  /** Id of a run, or of an intent, by its name below. */
  readonly run: (name: string) => string;
  readonly place: (file: string) => string;
  /** Of the promise that the run "waits" waits for. */
  readonly token: string;
};

/** One that decides, with a case that it decides otherwise, and one that nobody can read. */
const policies = {
  "gate-policies/crm.yaml":
    "description: imports\nauto_approve_under: 10\nenvironments: { production: { require_approval: always } }\n",
  "gate-policies/crm.cases.yaml": `cases:
  - { name: few, intent: { destination: crm.import, record_count: 10 }, expect: approved }
  - { name: many, intent: { destination: crm.import, record_count: 11 }, expect: { outcome: blocked, approvals: 0 } }
`,
  "gate-policies/asks.yaml": "require_approval: always\n",
  "gate-policies/broken.yaml": "auto_approve_under: -1\n",
};

export const openStage = async (): Promise<Stage> => {
  // A host's table lies beside the repository, with a run that the ledger does not know yet.
  const settings = `${CAST}rollout: { board: ../BOARD.md }\n`;
  const host = await openHost(fresh, ["true"]);
  const desk = await openDesk({ ...shop, ...policies, "runledger.yaml": settings }, host.environment);
  await openMarkdownBoard({ file: join(desk.place, "BOARD.md") }).save(hostRun({ id: "task-1" }));
  const runs: Record<string, string> = {};
  const criterion = {
    description: "it is there",
    validator: { type: "command_pass", target: "cat out/a.txt" },
  };
  const approval = { validator: { type: "orchestrator_approval" } };
  const plans: Record<string, readonly [steps: readonly object[], more?: object]> = {
    done: [[step("a", "maker")], { acceptance_criteria: [criterion] }],
    stuck: [[step("a", "liar")]],
    broken: [[step("a", "breaker")]],
    asked: [[step("a", "maker", approval)]],
    denied: [[step("a", "maker", approval)]],
    loud: [[step("a", "maker", { validator: { type: "command_pass", target: "echo seen; exit 3" } })]],
    fresh: [[step("a", "maker")]],
  };
  for (const [name, [steps, more = {}]] of Object.entries(plans)) {
    const words = name === "fresh" ? ["--no-drive"] : [];
    const plan = await planOf(desk, `${name}.json`, steps, { ...more });
    runs[name] = (await desk.type("run", plan, ...words)).out.trim();
  }
  // One after the other, so that what happens in a race always happens in the same order.
  await desk.write({ "runledger.yaml": `${settings}maxParallelSteps: 1\n` });
  const race = step("a", "maker", { candidates: ["maker", "liar"], pick: "smallest" });
  runs.raced = (await desk.type("run", await planOf(desk, "raced.json", [race]))).out.trim();
  await desk.write({ "runledger.yaml": `${settings}durable: { encryption: true }\n` });
  runs.sealed = (await desk.type("run", await planOf(desk, "sealed.json", [step("a", "maker")]))).out.trim();
  await desk.write({ "runledger.yaml": settings });
  runs.doubtful = await doubtfulRun(desk);
  runs.tracked = await trackedRun(desk);
  Object.assign(runs, await intentsOf(desk));
  const { runId, token } = await waiting(desk);
  runs.waits = runId;
  runs.planned = await plannedRun(desk);
  runs.unplanned = (await desk.type("run", "make out/a.txt", "--planner", "maker", "--no-drive")).out.trim();
  await desk.type("note", runs.done ?? "", "reviewed", "by ada");
  const { out: receipt } = await desk.type("receipt", "show", runs.done ?? "");
  await writeFile(join(desk.place, "receipt.json"), receipt);
  const dispose = async (): Promise<void> => {
    await host.close();
    await desk.dispose();
  };
  return {
    desk: { ...desk, dispose },
    token,
    run: (name) => runs[name] ?? "",
    place: (file) => join(desk.place, file),
  };
};

/** Of a step whose effects have never happened. */
const fresh: KeyedEffects = {
  begin: async ({ key }) => ({
    key,
    done: async (value) => ({ status: "done", value }),
    failed: async () => undefined,
    lost: () => undefined,
  }),
};

/** Its agent looked, then paid; its worker was lost while it did, and now the run asks what became of that. */
const doubtfulRun = async (desk: Desk): Promise<string> => {
  const stop = new AbortController();
  const app = await desk.open({
    payer: async (_task, effects) => {
      await effects.effect("look", { class: "pure" }, () => ({ due: 7 }));
      await effects.effect(
        "pay",
        { class: "guarded", risk: "money", onAmbiguous: "fail", key: "order-7" },
        () => {
          stop.abort();
          return new Promise(() => undefined);
        },
      );
      return "paid";
    },
  });
  const plan = { goal: "The plan doubtful.json", steps: [step("a", "payer")] };
  const runId = await began(app, plan);
  await app.drive(runId, stop.signal);
  await app.drive(runId);
  return runId;
};

/** Its client has paid, begun to import, and handed the rest over. */
const trackedRun = async (desk: Desk): Promise<string> => {
  const app = await desk.open();
  const runs = app.trackedRuns(person(app));
  const { runId } = await runs.startRun({
    agentId: "enricher",
    intentSummary: "Enrich leads",
    runtime: "node",
  });
  const event = { runId, actorId: "enricher", stepName: "sync" } as const;
  await runs.recordEvent({ ...event, eventType: "plan_locked", payload: { steps: ["fetch", "sync"] } });
  const paid = { sideEffectClass: "payment", sideEffectKey: "order-1" } as const;
  await runs.recordEvent({ ...event, eventType: "tool_call_finished", ...paid });
  await runs.recordEvent({ ...event, eventType: "tool_call_finished", ...paid });
  const begun = { sideEffectClass: "external_mutation", sideEffectKey: "salesforce.import:batch-1" } as const;
  await runs.recordEvent({ ...event, eventType: "tool_call_started", ...begun });
  await runs.recordArtifact({ runId, artifactType: "csv", uri: "leads.csv", content: "bmFtZQo=" });
  await runs.handoff({ runId, toActor: "Ada", summary: "look at it", handoffType: "approval" });
  return runId;
};

/** What an agent asks for: three that wait for a person, and one of which it cannot say whether it happened. */
const intentsOf = async (desk: Desk): Promise<Readonly<Record<string, string>>> => {
  const app = await desk.open();
  const gate = app.gate(app.issue({ name: "importer", role: "executor", sessionKey: SESSION }));
  const propose = (over: object) =>
    gate.propose({ destination: "crm.import", policy: "asks", payload: { text: "Ada\n" }, ...over });
  const lost = await propose({ policy: "crm", recordCount: 5 });
  const { runId } = lost;
  const { executionToken } = await gate.execute({ intentId: lost.intentId });
  const token = executionToken === null ? {} : { executionToken };
  await gate.report({ intentId: lost.intentId, ...token, status: "unknown", error: "the line went dead" });
  const terms = { runId, recordCount: 40, valueUsd: 2.5, tags: ["leads"], metadata: { list: "spring" } };
  const [wanted, unwanted, dropped] = [
    await propose(terms),
    await propose({ runId }),
    await propose({ runId }),
  ];
  return {
    ...{ gated: runId, lost: lost.intentId, wanted: wanted.intentId, wantedHash: wanted.contentHash },
    ...{ unwanted: unwanted.intentId, dropped: dropped.intentId },
  };
};

/** Its planner has made a plan, which nobody has approved. */
const plannedRun = async (desk: Desk): Promise<string> => {
  const plan = { goal: "another goal", steps: [step("a", "maker")] };
  const app = await desk.open({ lead: () => JSON.stringify(plan) });
  const { runId } = await app.planRun(person(app), {
    ...{ goal: "The goal planned", planner: "lead", sessionKey: SESSION, originalRequest: "please" },
  });
  await app.drive(runId);
  return runId;
};

const waiter = {
  version: "1",
  work: async (_task: unknown, effects: EffectContext): Promise<string> => {
    await effects.checkpoint({ workingMemory: { asks: "for a signature" } });
    return effects.promise("sign-off");
  },
};

/** A run whose agent has ended a turn, and waits for an answer from outside. */
const waiting = async (desk: Desk): Promise<{ readonly runId: string; readonly token: string }> => {
  const app = await desk.open({ waiter });
  const { runId } = await app.createRun(person(app), {
    plan: { goal: "The plan waits", steps: [step("a", "waiter")] },
    sessionKey: SESSION,
    originalRequest: "please",
  });
  await app.drive(runId);
  return { runId, token: await app.promiseToken(person(app), runId, "a/1/0") };
};

type Scene = {
  /** In this order, since some change what others see. */
  readonly lines: readonly ((stage: Stage) => readonly string[])[];
  /** What it says is a matter of the machine: compare names and kinds of fields, not values. */
  readonly ofMachine?: true;
  /** It goes on until it is interrupted, and is so from its beginning. */
  readonly endless?: true;
};

/** Of a command that would not end by itself. */
export const endOf = (path: string): TypeOptions =>
  scenes[path]?.endless === true ? { interrupted: AbortSignal.abort() } : {};

/** By the path of the command, in an order in which they can be carried out. */
export const scenes: Readonly<Record<string, Scene>> = {
  init: { lines: [() => []] },
  list: { lines: [() => ["--limit", "50"], () => ["--status", "failed"]] },
  show: {
    lines: [
      "done",
      "stuck",
      "broken",
      "asked",
      "fresh",
      "raced",
      "doubtful",
      "waits",
      "tracked",
      "gated",
    ].map((name) => ({ run }: Stage) => [run(name)]),
  },
  why: {
    lines: ["done", "stuck", "asked", "fresh", "doubtful", "waits"].map((name) => ({ run }: Stage) => [
      run(name),
    ]),
  },
  journal: {
    lines: ["done", "stuck", "broken", "raced", "doubtful", "waits"].map((name) => ({ run }: Stage) => [
      run(name),
    ]),
  },
  logs: {
    lines: [
      ({ run }) => [run("loud"), "a"],
      ({ run }) => [run("broken"), "a"],
      ({ run }) => [run("raced"), "a"],
      ({ run }) => [run("raced"), "a", "--candidate", "2"],
    ],
  },
  effects: {
    lines: [
      ({ run }) => [run("doubtful")],
      ({ run }) => [run("doubtful"), "a", "0"],
      ({ run }) => [run("doubtful"), "--open"],
      ({ run }) => [run("done")],
    ],
  },
  status: { lines: [() => []] },
  patch: {
    lines: [
      ({ run }) => [run("done")],
      ({ run, place }) => [run("done"), "-o", place("patches")],
      ({ run }) => [run("stuck")],
    ],
  },
  run: {
    lines: [
      ({ place }) => [place("done.json")],
      ({ place }) => [place("stuck.json")],
      ({ place }) => [place("done.json"), "--no-drive"],
    ],
  },
  selftest: {
    lines: [({ place }) => [place("loud.json")], ({ place }) => [place("done.json"), "--step", "a"]],
    // How long a judge took decides how wide its column is.
    ofMachine: true,
  },
  resume: { lines: [({ run }) => [run("fresh")], ({ run }) => [run("waits")]] },
  checkpoints: { lines: [({ run }) => [run("waits")], ({ run }) => [run("done")]] },
  checkpoint: { lines: [({ run }) => [run("waits")], ({ run }) => [run("asked")]] },
  "runs inspect": { lines: [({ run }) => [run("tracked")]] },
  "runs events": { lines: [({ run }) => [run("tracked")], ({ run }) => [run("tracked"), "--limit", "1"]] },
  "runs verify": { lines: [({ run }) => [run("tracked")]] },
  "runs checkpoint": { lines: [({ run }) => [run("tracked"), "--reason", "interruption", "--next", "look"]] },
  "runs answer": {
    lines: [
      ({ run }) => [
        run("tracked"),
        "salesforce.import:batch-1",
        "not-happened",
        "--reason",
        "it is not there",
      ],
    ],
  },
  "runs resume": { lines: [({ run }) => [run("tracked")]] },
  effect: {
    lines: [
      () => ["--key", "order-1", "--risk", "money", "--json", "--", "echo", "receipt 7"],
      () => ["--key", "order-2", "--json", "--", "sh", "-c", "exit 3"],
    ],
  },
  "plan show": {
    lines: [({ run }) => [run("planned")], ({ run }) => [run("done")], ({ place }) => [place("done.json")]],
  },
  "plan edit": { lines: [({ run, place }) => [run("unplanned"), "--file", place("fresh.json")]] },
  approve: { lines: [({ run }) => [run("asked")]] },
  deny: { lines: [({ run }) => [run("denied"), "--reason", "no"]] },
  policy: {
    lines: [
      ({ run }) => [run("stuck"), "a", "change_agent", "--agent", "maker", "--reason", "let maker try"],
      ({ run }) => [run("broken"), "a", "skip", "--reason", "not needed"],
    ],
  },
  decide: {
    lines: [
      ({ run }) => [run("doubtful"), "a", "1", "done", "--value", "7", "--reason", "the bank shows it"],
    ],
  },
  budget: {
    lines: [
      ({ run }) => [run("stuck")],
      ({ run }) => [run("stuck"), "--tokens", "1000000", "--usd", "2.5", "--attempts", "20"],
    ],
  },
  note: {
    lines: [
      ({ run }) => [run("done"), "reviewed"],
      ({ run }) => [run("done"), "none"],
      ({ run }) => [run("done"), "n", "v"],
    ],
  },
  promises: { lines: [({ run }) => [run("waits")], ({ run }) => [run("waits"), "--reveal"]] },
  "mcp install": {
    lines: [
      () => ["--client", "claude", "--print"],
      () => ["--client", "cursor", "--role", "executor", "--agent", "maker"],
      () => ["--client", "cursor", "--role", "executor", "--agent", "maker"],
    ],
  },
  credential: {
    lines: [
      ({ run }) => ["--agent", "waiter", "--run", run("waits"), "--step", "a"],
      () => ["--role", "orchestrator"],
    ],
    ofMachine: true,
  },
  "sdk-key create": {
    lines: [
      () => ["importer", "--destination", "crm.*", "--policy", "low-risk", "--expires", "90d"],
      () => ["desk", "--kind", "approver"],
    ],
    ofMachine: true,
  },
  "mandate delegate": { lines: [() => ["bob", "--for", "7d", "--destination", "bank.*"]], ofMachine: true },
  "mandate approve": {
    lines: [() => ["importer", "--for", "7d", "--max-usd", "100", "--per-day", "5"]],
    ofMachine: true,
  },
  "mandate list": { lines: [() => []], ofMachine: true },
  "mandate revoke": { lines: [() => ["bob"]], ofMachine: true },
  "intents list": { lines: [() => [], ({ run }) => ["--run", run("gated"), "--all"]] },
  "intents show": { lines: [({ run }) => [run("wanted"), "--payload"], ({ run }) => [run("lost")]] },
  "intents propose": {
    lines: [() => ["crm.import", "--policy", "asks", "--text", "Bob", "--key", "batch-9"]],
  },
  "intents approve": {
    lines: [({ run }) => [run("wanted"), "--hash", run("wantedHash"), "--reason", "ticket 7"]],
  },
  "intents deny": { lines: [({ run }) => [run("unwanted"), "--reason", "not these"]] },
  "intents cancel": { lines: [({ run }) => [run("dropped")]] },
  "intents execute": { lines: [({ run }) => [run("wanted")]] },
  "intents report": {
    lines: [({ run }) => [run("lost"), "succeeded", "--result", '{"imported":5}']],
  },
  "sdk-key list": { lines: [() => []], ofMachine: true },
  "sdk-key revoke": { lines: [() => ["importer"]], ofMachine: true },
  schedules: { lines: [() => []] },
  "notify list": { lines: [() => []] },
  "notify test": { lines: [() => []] },
  metrics: { lines: [() => []], ofMachine: true },
  children: { lines: [({ run }) => [run("done")]] },
  "promise resolve": {
    lines: [({ run, token }) => [run("waits"), "a/1/0", "--value", "true", "--token", token]],
  },
  pause: { lines: [({ run }) => [run("stuck")]] },
  cancel: { lines: [({ run }) => [run("stuck")]] },
  fork: { lines: [({ run }) => [run("done")]] },
  worker: { lines: [() => ["--once", "--runs", "1"]] },
  serve: { lines: [() => ["--port", "0"]], ofMachine: true, endless: true },
  apply: { lines: [({ run }) => [run("done")], ({ run }) => [run("done")]] },
  "gate-policy list": { lines: [() => []] },
  "gate-policy show": { lines: [() => ["crm"]] },
  "gate-policy check": { lines: [() => []] },
  "gate-policy test": { lines: [() => []] },
  "gate-policy schema": { lines: [() => []], ofMachine: true },
  "config get": { lines: [() => ["maxParallelSteps"], () => ["protect"]] },
  "config set": { lines: [() => ["maxParallelSteps", "3"]] },
  "config unset": { lines: [() => ["maxParallelSteps"]], ofMachine: true },
  "config migrate": { lines: [() => ["--dry-run"], () => []] },
  "config schema": { lines: [() => []], ofMachine: true },
  settings: { lines: [() => []] },
  tui: { lines: [() => []] },
  "config list": { lines: [() => []], ofMachine: true },
  doctor: { lines: [() => []], ofMachine: true },
  verify: { lines: [({ run }) => [run("done")]] },
  export: { lines: [({ run, place }) => [run("done"), "-o", place("run.jsonl")]] },
  import: { lines: [({ place }) => [place("run.jsonl")]] },
  prune: {
    lines: [() => ["--dry-run", "--keep", "0"], () => ["--older-than", "30d", "--max-bytes", "1GiB"]],
  },
  "receipt show": { lines: [({ run }) => [run("done")]], ofMachine: true },
  "receipt verify": { lines: [({ place }) => [place("receipt.json")]], ofMachine: true },
  "receipt keys": { lines: [() => []], ofMachine: true },
  "receipt rotate": { lines: [() => []], ofMachine: true },
  "keys show": { lines: [() => []], ofMachine: true },
  "keys rotate": { lines: [() => []], ofMachine: true },
  erase: { lines: [({ run }) => [run("sealed"), "--dry-run"], ({ run }) => [run("sealed"), "--yes"]] },
  gc: { lines: [() => ["--dry-run"], () => [], () => ["--vacuum"]], ofMachine: true },
  completion: { lines: [() => ["fish"]], ofMachine: true },
  "rollout status": { lines: [() => []] },
  "rollout advance": { lines: [() => []] },
  "rollout drift": { lines: [() => []] },
  "rollout explain": { lines: [() => ["task-1", "--reason", "it was there before"]] },
  "rollout replay": { lines: [() => []] },
  "rollout retreat": { lines: [() => []] },
  demo: { lines: [() => []] },
  help: { lines: [() => [], () => ["run"], () => ["files"], () => ["--man"]] },
};
