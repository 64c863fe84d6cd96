import { andMore } from "./and-more.js";
import { attemptEnd } from "./attempt-end.js";
import type { Rules } from "./decide/guards.js";
import { quoted } from "./defects.js";
import { type AskedEffect, askedEffects, effectDoubt } from "./effect-questions.js";
import { intentWait } from "./intent-waits.js";
import { type Action, isCutOff, isSuspended, nextActions, nextWake, openWaits } from "./next.js";
import { isPlanning } from "./planning.js";
import { refusalWords, workedSteps } from "./race.js";
import type { Source } from "./reported.js";
import { awaitsApproval, hasPolicyRequest, isActive, type Run, type Step, type WorkedStep } from "./run.js";
import type { Tracked } from "./tracked.js";
import { type Child, promiseId } from "./waits.js";

export type Waiting = {
  /**
   * nothing: it is done. work: it can go on by itself. person: somebody must answer. time: nothing is to be done before a
   * moment. child: for a run that it started. agent: for one that comes by itself, as clients do. worker: nobody drives it.
   */
  readonly for: "nothing" | "work" | "person" | "time" | "child" | "agent" | "worker";
  /** One sentence. */
  readonly sentence: string;
  /** What to type, when something must be typed. */
  readonly hint: string | null;
  readonly stepId: string | null;
};

type Who = Pick<Rules, "agents" | "toolAgents">;

// The question people ask most of an orchestrator: what does this run wait for?
export const whyRun = (
  run: Run,
  hasWorker: boolean,
  /** Who can work here; null when the host does not say. */
  who: Who = { agents: null },
): Waiting => {
  const { state, source } = run;
  if (source !== null) return mirroredWhy(run, source);
  if (run.tracked !== null) return trackedWhy(run, run.tracked);
  switch (state.status) {
    case "planning":
      if (isActive(run)) break;
      return intentWhy(run) ?? person("It waits for a plan.", null);
    case "completed":
      return nothing(`It is completed: ${state.summary}.`);
    case "failed":
      return nothing(`It failed (${state.reason}): ${state.message}`);
    case "paused":
      return withApproval(run, pausedWhy(run, state.message, state.reason, state.stepId));
    case "running":
      break;
  }
  const actions = nextActions(run);
  const [action] = actions;
  if (isHeldUp(run, actions)) return heldUpWhy(run);
  if (action === undefined) return blockedWhy(run);
  if (!hasWorker) return unattendedWhy(run, actions, who);
  return {
    for: "work",
    sentence: workSentence(run),
    hint: null,
    stepId: "stepId" in action ? action.stepId : null,
  };
};

/** All that could go on is with teammates that wait for a grant; what somebody can answer here comes first. */
const isHeldUp = (run: Run, actions: readonly Action[]): boolean =>
  !(actions.length === 0 && run.steps.some(awaitsApproval)) &&
  areHeldUp(
    run,
    actions.map((due) => (due.kind === "work" ? due.agent : null)),
  );

const areHeldUp = ({ blockedTeammates }: Run, goingOn: readonly (string | null)[]): boolean =>
  blockedTeammates.length > 0 &&
  goingOn.every((name) => blockedTeammates.some(({ agent }) => agent === name));

const heldUpWhy = ({ blockedTeammates }: Run): Waiting => {
  const told = blockedTeammates
    .slice(0, NAMES_SHOWN)
    .map(({ agent, tool, grantRequestId }) => `"${agent}" (${tool ?? "a grant"}, request ${grantRequestId})`);
  return person(
    `It waits until ${andMore(told, blockedTeammates.length)} may go on.`,
    "Grant or deny it where the host asks for it; the ledger only mirrors it.",
  );
};

// Its client drives it; nobody here can tell whether that one is still there.
const trackedWhy = (run: Run, tracked: Tracked): Waiting => {
  const { runId, state } = run;
  const { agentId, handoffs, begun, currentStep } = tracked;
  switch (state.status) {
    case "completed":
      return nothing(`It is completed: ${state.summary}`);
    case "failed":
      return nothing(`It failed (${state.reason}): ${state.message}`);
    case "paused": {
      const doubt =
        begun.length === 0 ? "" : ` ${begun.length} side effects are begun and not said to be done.`;
      return person(`It is interrupted: ${state.message}${doubt}`, `runledger runs resume ${runId}`);
    }
    case "planning":
    case "running": {
      const [handoff] = handoffs;
      if (handoff !== undefined)
        return person(
          `It waits for ${quoted(handoff.to)}: ${handoff.summary}`,
          `runledger runs inspect ${runId}`,
        );
      const intent = intentWhy(run);
      // Whoever executes it is a client too.
      if (intent !== undefined) return intent.for === "person" ? intent : { ...intent, for: "work" };
      if (isLeftOpen(run, tracked)) {
        const sentence = `Nothing is open in it. It stays for what its client ${quoted(agentId)} proposes next, until that one ends it.`;
        return { for: "agent", sentence, hint: null, stepId: null };
      }
      const at = currentStep === null ? "" : ` at ${quoted(currentStep)}`;
      const sentence = `Its client ${quoted(agentId)} works on it${at}, and records what it does.`;
      return { for: "work", sentence, hint: null, stepId: null };
    }
  }
};

/** It was begun for an intent, and its client has recorded nothing in it. */
const isLeftOpen = ({ intents }: Run, { recorded, handoffsInAll, resumes }: Tracked): boolean =>
  intents.length > 0 && recorded + handoffsInAll + resumes === 0;

// Whoever drives it is somewhere else; what is known here is what its host said.
const mirroredWhy = (run: Run, { kind, hostId, projection }: Source): Waiting => {
  const { state } = run;
  const host = `its host (${kind} ${quoted(hostId)} of ${quoted(projection)})`;
  switch (state.status) {
    case "completed":
      return nothing(`It is completed, as ${host} reported; nothing was verified here${told(state.summary)}`);
    case "failed":
      return nothing(
        `It ${state.reason === "cancelled" ? "was cancelled" : "failed"}, as ${host} reported${told(state.message)}`,
      );
    case "paused":
      return person(`It is paused by ${host}, which alone can resume it${told(state.message)}`, null);
    case "planning":
    case "running": {
      const open = run.steps.filter((step) => step.state.status === "in_progress");
      const agents = open.map(({ spec }) => spec.ownerAgent);
      if (areHeldUp(run, agents)) return heldUpWhy(run);
      const steps = open.length === 0 ? "." : `; at work: ${someOf(open)}.`;
      const begun = state.status === "planning" ? ", and has not begun" : "";
      const sentence = `It is driven by ${host}${begun}${steps}`;
      return { for: "work", sentence, hint: null, stepId: open[0]?.spec.id ?? null };
    }
  }
};

const told = (text: string): string => (text === "" ? "." : `: ${text}`);

const unattendedWhy = (run: Run, actions: readonly Action[], { agents, toolAgents = [] }: Who): Waiting => {
  const [action] = actions;
  const stepId = action !== undefined && "stepId" in action ? action.stepId : null;
  const owners = actions.map((due) => (due.kind === "work" ? due.agent : undefined));
  const [owner] = owners;
  if (owner !== undefined && owners.every((one) => one !== undefined && toolAgents.includes(one)))
    return clientWhy(run, owner, stepId);
  if (
    agents !== null &&
    owner !== undefined &&
    owners.every((one) => one !== undefined && !agents.includes(one))
  )
    return person(
      `Step "${stepId}" waits for agent "${owner}", which is not there.`,
      `Name it in runledger.yaml, then: runledger resume ${run.runId}`,
      stepId,
    );
  const due = `${actions.length} ${actions.length === 1 ? "action is" : "actions are"} due and no worker drives it.`;
  return {
    for: "worker",
    sentence: isCutOff(run, toolAgents) ? `It is interrupted: ${due}` : `It is undriven: ${due}`,
    hint: `runledger resume ${run.runId}`,
    stepId,
  };
};

// It is started by nobody here and holds no lease: its absence is no interruption.
const clientWhy = (run: Run, agent: string, stepId: string | null): Waiting => {
  const step = run.steps.find(({ spec }) => spec.id === stepId);
  return {
    for: "agent",
    sentence:
      step?.state.status === "in_progress"
        ? `Step "${stepId}" is with agent "${agent}", which works through its tools; it waits for what that one proposes.`
        : `It waits for agent "${agent}", which comes by itself and works through its tools, to take step "${stepId}".`,
    hint: `runledger mcp --role executor --agent ${agent}`,
    stepId,
  };
};

const nothing = (sentence: string): Waiting => ({ for: "nothing", sentence, hint: null, stepId: null });

const person = (sentence: string, hint: string | null, stepId: string | null = null): Waiting => ({
  for: "person",
  sentence,
  hint,
  stepId,
});

const pausedWhy = (run: Run, message: string, reason: string, stepId: string | null): Waiting => {
  const resume = `runledger resume ${run.runId}`;
  const asking = run.steps.filter(hasPolicyRequest);
  const first = asking.find(({ spec }) => spec.id === stepId) ?? asking[0];
  if (reason === "budget")
    return person(
      `It is paused: ${message}`,
      `runledger budget ${run.runId} --tokens N|--usd N|--time 2h|--attempts N, then: ${resume}`,
      stepId,
    );
  if (reason !== "escalated") return person(`It is paused (${reason}): ${message}`, resume, stepId);
  // Whatever else is answered, it would stop at this one again.
  const [effect] = askedEffects(run);
  if (effect !== undefined) return doubtWhy(run, effect);
  if (first === undefined) return person("It is paused; every request is answered.", resume);
  const others = asking.length > 1 ? `, and ${asking.length - 1} more` : "";
  return person(
    `It is paused because step "${first.spec.id}" was ${attemptEnd(first)} in attempt ${first.attempt} (${lastWord(first)})${others}, and waits for a person.`,
    `runledger policy ${run.runId} ${first.spec.id} retry|skip|change_agent|abort --reason "…", then: ${resume}`,
    first.spec.id,
  );
};

const doubtWhy = ({ runId }: Run, effect: AskedEffect): Waiting => {
  const { step, open } = effect;
  const candidate = step.candidate === undefined ? "" : ` --candidate ${step.candidate}`;
  const { id } = step.spec;
  return person(
    `It is paused because of step "${id}": ${effectDoubt(effect)}.`,
    `runledger decide ${runId} ${id} ${open.call.position} rerun|skip|done${candidate} [--value JSON] --reason "…", then: runledger resume ${runId}`,
    id,
  );
};

const blockedWhy = (run: Run): Waiting => {
  const waiting = run.steps.find(awaitsApproval);
  if (waiting !== undefined)
    return person(waitsForApproval(waiting), approvalHint(run, waiting), waiting.spec.id);
  return (
    intentWhy(run) ??
    suspendedWhy(run) ?? { for: "work", sentence: "Nothing is due.", hint: null, stepId: null }
  );
};

const approvalHint = ({ runId }: Run, step: Step): string =>
  `${isPlanning(step) ? `runledger plan show ${runId}, then: ` : ""}runledger approve ${runId} ${step.spec.id}${proposalOf(step)}`;

/** Whatever a run stopped for, the work of others in it may be there to be looked at. */
const withApproval = (run: Run, waiting: Waiting): Waiting => {
  const asking = run.steps.find(awaitsApproval);
  if (asking === undefined) return waiting;
  const { sentence } = waiting;
  const then = waiting.hint === null ? "" : `, then: ${waiting.hint}`;
  return {
    ...waiting,
    sentence: `${sentence}${sentence.endsWith(".") ? "" : "."} ${waitsForApproval(asking)}`,
    hint: `${approvalHint(run, asking)}${then}`,
  };
};

const intentWhy = (run: Run): Waiting | undefined => {
  const wait = intentWait(run);
  return wait && { ...wait, stepId: null };
};

// Whoever may answer is somebody outside; what comes by itself is only told beside it.
const suspendedWhy = (run: Run): Waiting | undefined => {
  const waits = openWaits(run);
  const asked = waits.flatMap(({ step, wait }) => (wait.kind === "promise" ? [{ step, wait }] : []));
  const [first] = asked;
  const wake = nextWake(run);
  const until = wake === null ? "" : untilWords(wake);
  if (first !== undefined) {
    const { spec, attempt, candidate } = first.step;
    const id = promiseId({ stepId: spec.id, attempt, candidate, position: first.wait.position });
    const names = asked.slice(0, NAMES_SHOWN).map(({ wait }) => `"${wait.name}"`);
    return person(
      `It waits for ${andMore(names, asked.length)}, which somebody outside resolves${until === "" ? "" : `, or ${until}`}.`,
      `runledger promise resolve ${run.runId} ${id} --value JSON --token TOKEN`,
      spec.id,
    );
  }
  const [child, ...others] = waits.flatMap(({ step, wait }) =>
    wait.kind === "child" ? [{ step, wait }] : [],
  );
  if (child !== undefined) return childWhy(child, others.length, until);
  if (wake === null) return undefined;
  const stepId = waits.find(({ wait }) => wait.kind === "timer" && wait.dueAt === wake)?.step.spec.id ?? null;
  const sentence = `It waits ${until}; nobody is at work until then.`;
  return { for: "time", sentence, hint: `A worker goes on with it: runledger worker`, stepId };
};

const childWhy = (
  { step, wait }: { step: WorkedStep; wait: Child },
  others: number,
  until: string,
): Waiting => {
  const more = others === 0 ? "" : ` and ${others} more`;
  const { childId, name } = wait;
  return {
    for: "child",
    sentence: `It waits for run ${childId} ("${name}")${more}, which it started${until === "" ? "" : `, or ${until}`}.`,
    hint: `What that one waits for: runledger why ${childId}`,
    stepId: step.spec.id,
  };
};

const untilWords = (at: string): string => `until ${at.replace("T", " ")}`;

/** A person is asked also while others are still at work. */
export const questionIn = (run: Run): string | null => {
  if (!isActive(run) || run.source !== null) return null;
  const waiting = run.steps.find(awaitsApproval);
  if (waiting !== undefined) return waitsForApproval(waiting);
  const promised = openWaits(run).find(({ wait }) => wait.kind === "promise");
  const intent = intentWait(run);
  if (intent?.for === "person") return intent.sentence;
  return promised === undefined
    ? null
    : `Step "${promised.step.spec.id}" waits for "${promised.wait.name}" from outside.`;
};

const waitsForApproval = (step: Step): string =>
  isPlanning(step)
    ? "Its plan waits for approval: nothing of it is carried out before."
    : `Step "${step.spec.id}" waits for approval.`;

/** What is approved is what was looked at. */
const proposalOf = ({ state }: Step): string =>
  state.status === "verify_pending" ? ` --proposal ${state.proposal.seq}` : "";

const workSentence = (run: Run): string => {
  const parts = [
    ["agents work on", run.steps.filter((step) => isWorkedOn(step))],
    ["waiting:", run.steps.filter((step) => workedSteps(step).some(isSuspended))],
    ["candidates race for", run.steps.filter(({ state }) => state.status === "racing")],
    ["being verified:", run.steps.filter((step) => isJudged(step))],
    ["waiting for approval:", run.steps.filter(awaitsApproval)],
    ["waiting for a policy decision:", run.steps.filter(isRefused)],
  ] as const;
  const told = parts
    .filter(([, steps]) => steps.length > 0)
    .map(([what, steps]) => `${what} ${someOf(steps)}`);
  const grantees = [...new Set(run.blockedTeammates.map(({ agent }) => agent))];
  if (grantees.length > 0)
    told.push(`waiting for a grant: ${andMore(grantees.slice(0, NAMES_SHOWN), grantees.length)}`);
  if (told.length > 0) return `It is at work: ${told.join("; ")}.`;
  const done = run.steps.filter(({ state }) => state.status === "completed").length;
  return `It is at work: ${done} of ${run.steps.length} steps are completed.`;
};

const isWorkedOn = (step: Step): boolean => step.state.status === "in_progress" && !isSuspended(step);

const isJudged = (step: Step): boolean => step.state.status === "verify_pending" && !awaitsApproval(step);

const isRefused = ({ state }: Step): boolean => state.status === "failed" || state.status === "interrupted";

const NAMES_SHOWN = 5;

const someOf = (steps: readonly Step[]): string => {
  const names = steps.slice(0, NAMES_SHOWN).map(({ spec }) => spec.id);
  return andMore(names, steps.length);
};

const lastWord = (step: Step): string => {
  const { state, feedback } = step;
  const said = refusalWords(step);
  if (said !== "") return said;
  if (state.status === "verify_pending" && state.lastError !== null) return state.lastError.message;
  return feedback?.kind === "verdict" ? feedback.verdict.message : "no verdict";
};
