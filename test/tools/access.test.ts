import { describe, expect, it } from "vitest";
import type { Caller } from "../../src/core/commands.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { signedCredentials } from "../../src/ledger/signed.js";
import { allTools } from "../../tools/index.js";
import { credentialUse } from "../../tools/mcp.js";
import { type Bench, openBench, planOfSteps, stepBy } from "../helpers/bench.js";
import { SESSION } from "../helpers/project.js";

/**
 * Every credential × every tool × every state of a run: what happens is said here by rules of its own, in the words of the
 * design, and compared with what the tools do. The plan: step "a" and step "b", both of the agent "coder".
 */

const states = [
  "pending",
  "in progress",
  "waits for approval",
  "refused",
  "interrupted",
  "step completed",
  "paused",
  "paused at work",
  "run completed",
  "run cancelled",
] as const;
type State = (typeof states)[number];

const bearers = [
  "orchestrator",
  "orchestrator elsewhere",
  "orchestrator of this run",
  "orchestrator of another run",
  "person",
  "person elsewhere",
  "coder",
  "coder elsewhere",
  "coder of this run",
  "coder of another run",
  "coder of this attempt",
  "coder of another step",
  "coder of the attempt before",
  "coder whose time is over",
  "another agent",
] as const;
type Bearer = (typeof bearers)[number];

type Expected = "ok" | ErrorCode;

// --- What the design says, in the order in which it asks -------------------------------------------------------------

const isOver = (state: State): boolean => state === "run completed" || state === "run cancelled";
const isEnded = (state: State): boolean =>
  isOver(state) || state === "refused" || state === "interrupted" || state === "step completed";
const isElsewhere = (bearer: Bearer): boolean => bearer.endsWith("elsewhere");
const isCoder = (bearer: Bearer): boolean => bearer.startsWith("coder");
const mayLead = (bearer: Bearer): boolean => bearer.startsWith("orchestrator") || bearer.startsWith("person");

const expectedOf = (bearer: Bearer, tool: string, state: State): Expected =>
  ofCredential(bearer, tool, state) ??
  ofRole(bearer, tool) ??
  ofRun(bearer, tool) ??
  ofStep(bearer, tool, state);

/** What nothing can come of is open to whoever worked on an attempt when that is over. */
const reading = ["run_read", "run_active", "intent_status"];

const ofCredential = (bearer: Bearer, tool: string, state: State): ErrorCode | undefined => {
  if (bearer === "coder whose time is over") return "credential_expired";
  if (reading.includes(tool)) return undefined;
  if (bearer === "coder of the attempt before") return "credential_ended";
  if (bearer === "coder of this attempt" && isEnded(state)) return "credential_ended";
  return bearer === "coder of another step" && isOver(state) ? "credential_ended" : undefined;
};

const leading = ["run_create", "run_apply_policy", "run_approve_step", "run_pause", "run_resume"];
const working = ["run_start_step", "run_propose_step_result"];
/** Of a run, whatever step its caller works on. */
const asking = ["intent_propose", "intent_status"];

const ofRole = (bearer: Bearer, tool: string): ErrorCode | undefined => {
  if (leading.includes(tool) && !mayLead(bearer)) return "access_denied";
  return [...working, ...asking].includes(tool) && mayLead(bearer) ? "access_denied" : undefined;
};

const ofRun = (bearer: Bearer, tool: string): ErrorCode | undefined => {
  // A new run belongs to the session of whoever makes it, a person's too.
  if (tool === "run_create") {
    if (isElsewhere(bearer)) return "session_mismatch";
    return bearer.endsWith("run") ? "access_denied" : undefined;
  }
  // That one is of a run of its own.
  if (bearer.endsWith("of another run") || bearer === "coder of the attempt before") return "access_denied";
  return isElsewhere(bearer) && bearer !== "person elsewhere" ? "session_mismatch" : undefined;
};

const ofStep = (bearer: Bearer, tool: string, state: State): Expected => {
  if (tool === "run_create" || tool === "run_read" || tool === "run_active") return "ok";
  // Nobody has proposed any.
  if (tool === "intent_status") return "intent_not_found";
  if (working.includes(tool) && bearer === "coder of another step") return "access_denied";
  // People may still say something of a run that is over.
  if (tool === "run_note" && bearer.startsWith("person")) return "ok";
  if (tool === "run_approve_step" && !approved.includes(state)) return "access_denied";
  if (isOver(state)) return "run_terminal";
  if (working.includes(tool) && !isCoder(bearer)) return "step_not_yours";
  return fits[tool]?.[state] ?? elseRefused[tool] ?? "ok";
};

/** Where step "a" is one that somebody must approve; nobody approves a step that a program judges. */
const approved: readonly State[] = [
  "pending",
  "in progress",
  "waits for approval",
  "paused",
  "run cancelled",
];

const elseRefused: Readonly<Record<string, ErrorCode>> = {
  run_start_step: "step_not_pending",
  run_propose_step_result: "step_not_in_progress",
  run_apply_policy: "no_policy_request",
  run_approve_step: "step_not_waiting",
  run_resume: "run_not_paused",
};

const fits: Readonly<Record<string, Partial<Record<State, Expected>>>> = {
  run_start_step: {
    pending: "ok",
    "in progress": "ok",
    paused: "run_not_running",
    "paused at work": "run_not_running",
  },
  // What an agent is doing may still be proposed while the run is paused; the same proposal again changes nothing.
  run_propose_step_result: { "in progress": "ok", "waits for approval": "ok", "paused at work": "ok" },
  run_apply_policy: { refused: "ok", interrupted: "ok" },
  run_approve_step: { "waits for approval": "ok" },
  run_resume: { paused: "ok", "paused at work": "ok" },
};

// --- The real thing ---------------------------------------------------------------------------------------------------

let bench: Bench;
let elsewhere: string;

type Scene = {
  readonly runId: string;
  readonly callers: Readonly<Record<Bearer, Opens>>;
  /** The run of "coder of the attempt before". */
  readonly formerRunId: string;
};
/** The caller, as it is opened for a tool. */
type Opens = (tool: string, input: object) => Promise<Caller>;

const leader = () => bench.issue("orchestrator", { role: "orchestrator" });
const coder = () => bench.issue("coder");
const approval = { validator: { type: "orchestrator_approval" } };

const judgedBy = (state: State): object => {
  if (approved.includes(state)) return { ...stepBy("a", ""), ...approval };
  return stepBy("a", state === "refused" ? "exit 7" : "true");
};

/** A run in that state, and before it the credentials that its callers will use. */
const sceneOf = async (state: State): Promise<Scene> => {
  const b = state === "run completed" ? [] : [stepBy("b", "true")];
  const { runId } = await bench.create(planOfSteps(judgedBy(state), ...b));
  const { runId: formerRunId, opens } = await attemptBefore();
  const callers = { ...(await callersOf(runId, b.length > 0)), "coder of the attempt before": opens };
  const call = (caller: Caller, tool: string, more: object = {}) =>
    bench.call(caller, tool, inputOf(tool, runId, more));
  const started = ["pending", "paused", "run cancelled"].includes(state)
    ? null
    : await call(coder(), "run_start_step");
  if (["waits for approval", "refused", "step completed", "run completed"].includes(state))
    await call(coder(), "run_propose_step_result");
  if (state === "interrupted")
    await bench.ledger.submit(
      runId,
      { type: "interrupt_step", stepId: "a", attempt: 1, reason: "it failed", tail: "" },
      bench.engine,
    );
  if (state.startsWith("paused")) await call(leader(), "run_pause");
  if (state === "run cancelled")
    await bench.ledger.submit(runId, { type: "cancel_run", reason: "enough" }, leader());
  expect(started === null || started.attempt === 1).toBe(true);
  return { runId, callers, formerRunId };
};

const LATER_MS = 3_600_000;

const callersOf = async (
  runId: string,
  hasB: boolean,
): Promise<Omit<Scene["callers"], "coder of the attempt before">> => {
  const signed = signedCredentials(bench.ledger, () => Buffer.alloc(32, 7), bench.host.noteRefusal);
  const made = async (over: object): Promise<Opens> => {
    const asked = { name: "coder", role: "executor", lifetimeMs: 9 * LATER_MS, ...over } as const;
    const { credential } = await signed.signCredential(asked);
    return (tool, input) => signed.openCredential(credential, credentialUse(tool, input));
  };
  const elsewhereKey = { sessionKey: "elsewhere" };
  const orchestrator = { name: "orchestrator", role: "orchestrator" } as const;
  const person = (sessionKey: string) => async () => bench.issue("ada", { role: "human", sessionKey });
  const short = signedCredentials({ ...bench.ledger, now: () => "2020-01-01T00:00:00.000Z" }, () =>
    Buffer.alloc(32, 7),
  );
  const old = await short.signCredential({ name: "coder", role: "executor", runId, lifetimeMs: 1 });
  return {
    orchestrator: await made({ ...orchestrator, sessionKey: SESSION }),
    "orchestrator elsewhere": await made({ ...orchestrator, ...elsewhereKey }),
    "orchestrator of this run": await made({ ...orchestrator, runId }),
    "orchestrator of another run": await made({ ...orchestrator, runId: elsewhere }),
    person: person(SESSION),
    "person elsewhere": person("elsewhere"),
    coder: await made({ sessionKey: SESSION }),
    "coder elsewhere": await made(elsewhereKey),
    "coder of this run": await made({ runId }),
    "coder of another run": await made({ runId: elsewhere }),
    "coder of this attempt": await made({ runId, stepId: "a" }),
    "coder of another step": hasB ? await made({ runId, stepId: "b" }) : await made({ runId, stepId: "a" }),
    "coder whose time is over": (tool, input) =>
      signed.openCredential(old.credential, credentialUse(tool, input)),
    "another agent": await made({ name: "reviewer", sessionKey: SESSION }),
  };
};

/** Of a run of its own whose step has gone on to its second attempt. */
const attemptBefore = async (): Promise<{ readonly runId: string; readonly opens: Opens }> => {
  const { runId } = await bench.create(planOfSteps(stepBy("a", "exit 7")));
  const signed = signedCredentials(bench.ledger, () => Buffer.alloc(32, 7), bench.host.noteRefusal);
  const asked = { name: "coder", role: "executor", runId, stepId: "a", lifetimeMs: 9 * LATER_MS } as const;
  const { credential } = await signed.signCredential(asked);
  const interrupt = {
    type: "interrupt_step",
    stepId: "a",
    attempt: 1,
    reason: "it failed",
    tail: "",
  } as const;
  await bench.call(coder(), "run_start_step", { run_id: runId, step_id: "a" });
  await bench.ledger.submit(runId, interrupt, bench.engine);
  await bench.call(leader(), "run_apply_policy", inputOf("run_apply_policy", runId));
  return { runId, opens: (tool, input) => signed.openCredential(credential, credentialUse(tool, input)) };
};

const inputOf = (tool: string, runId: string, more: object = {}): object => {
  const step = { run_id: runId, step_id: "a", ...more };
  switch (tool) {
    case "run_create":
      return {
        plan_json: JSON.stringify(planOfSteps(stepBy("a", "true"))),
        session_key: SESSION,
        original_request: "please",
      };
    case "run_apply_policy":
      return { ...step, action: "retry", reason: "again" };
    case "run_propose_step_result":
      return { ...step, result: "done" };
    case "run_note":
      return { run_id: runId, key: "k", value: "v", ...more };
    case "intent_propose":
      return { run_id: runId, destination: "mail", policy: "p", payload: "hello", idempotency_key: "k" };
    case "intent_status":
      return { run_id: runId, intent_id: `${runId}.1` };
    case "run_start_step":
    case "run_approve_step":
      return step;
    default:
      return { run_id: runId };
  }
};

/** After one of these the run is in another state. */
const moving = [
  "run_start_step",
  "run_propose_step_result",
  "run_apply_policy",
  "run_approve_step",
  "run_pause",
  "run_resume",
];

const cells = states.flatMap((state) =>
  bearers.flatMap((bearer) => allTools.map(({ name }) => ({ state, bearer, tool: name }))),
);

describe("credential × tool × state", () => {
  it(`has ${cells.length} cells`, () => {
    expect(cells.length).toBeGreaterThanOrEqual(300);
  });

  it.each(states)("%s", async (state) => {
    bench = await openBench({ isolated: false });
    elsewhere = (await bench.create(planOfSteps(stepBy("a", "true")))).runId;
    const shared = await sceneOf(state);
    const wrong: string[] = [];
    for (const cell of cells.filter((one) => one.state === state)) {
      const expected = expectedOf(cell.bearer, cell.tool, state);
      const found = await tried(
        cell,
        expected === "ok" && moving.includes(cell.tool) ? await sceneOf(state) : shared,
      );
      if (found !== expected) wrong.push(`${cell.bearer}, ${cell.tool}: ${found}, not ${expected}`);
    }
    expect(wrong).toEqual([]);
  });
});

/** What came of it; when it was refused, nothing else did, but that a run that is known tells whom it refused what. */
const tried = async (
  { bearer, tool }: (typeof cells)[number],
  { runId, callers, formerRunId }: Scene,
): Promise<Expected> => {
  const position = async () => (await bench.ledger.feed(0, 10_000)).length;
  const before = await position();
  const input = inputOf(tool, runId, tool === "run_note" ? { value: bearer } : {});
  try {
    await bench.call(await callers[bearer](tool, input), tool, input);
    return "ok";
  } catch (error) {
    const { code } = error as { code: ErrorCode };
    const told = (await bench.ledger.feed(0, 10_000)).slice(before);
    const known = "run_id" in input ? runId : boundTo[bearer]?.(runId, formerRunId);
    expect(told.map(({ runId: of, type, payload }) => ({ of, type, payload }))).toEqual(
      isNotYou.includes(code) && known !== undefined
        ? [{ of: known, type: "access_refused", payload: { tool, code, by: expect.anything(), last: null } }]
        : [],
    );
    expect(told[0]?.payload ?? { by: nameOf(bearer) }).toMatchObject({ by: nameOf(bearer) });
    // No minute is full of them.
    bench.clock.aheadMs += MOMENT_MS;
    return code;
  }
};

const MOMENT_MS = 2_000;
const isNotYou: readonly Expected[] = [
  ...(["access_denied", "session_mismatch", "step_not_yours"] as const),
  ...(["credential_expired", "credential_ended"] as const),
];

/** Where a call names no run, that of the credential is known. */
const boundTo: Partial<Record<Bearer, (runId: string, formerRunId: string) => string>> = {
  "orchestrator of this run": (runId) => runId,
  "orchestrator of another run": () => elsewhere,
  "coder of this run": (runId) => runId,
  "coder of another run": () => elsewhere,
  "coder of this attempt": (runId) => runId,
  "coder of another step": (runId) => runId,
  "coder of the attempt before": (_, formerRunId) => formerRunId,
  "coder whose time is over": (runId) => runId,
};

const nameOf = (bearer: Bearer): object => {
  if (bearer.startsWith("orchestrator")) return { name: "orchestrator", role: "orchestrator" };
  if (bearer.startsWith("person")) return { name: "ada", role: "human" };
  return { name: isCoder(bearer) ? "coder" : "reviewer", role: "executor" };
};
