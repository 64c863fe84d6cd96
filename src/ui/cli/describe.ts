import {
  counted,
  isOver,
  isRaced,
  protectedAs,
  refusalWords,
  type Step,
  type StoredEvent,
  type TestsFound,
  type Verdict,
} from "../../index.js";
import {
  budgetTold,
  type EventTold,
  isOfClient,
  pauseTold,
  refusalTold,
  type TrackedEvent,
  teammateTold,
  trackedTold,
} from "./event-words.js";
import { type IntentEvent, intentTold, isOfIntent } from "./intent-words.js";
import { brief, type Output, paint, type Style } from "./output.js";
import type { Cell } from "./table.js";

const STYLES: Readonly<Record<string, Style>> = {
  completed: "green",
  verified: "green",
  approved: "green",
  succeeded: "green",
  met: "green",
  failed: "red",
  unmet: "red",
  interrupted: "red",
  undriven: "yellow",
  "awaits agent": "blue",
  "asks you": "yellow",
  working: "blue",
  verifying: "blue",
  begun: "yellow",
  quarantined: "red",
  blocked: "red",
  denied: "red",
  paused: "yellow",
  pending_approval: "yellow",
  unknown: "yellow",
  skipped: "yellow",
  decomposed: "yellow",
  reported: "yellow",
  running: "blue",
  ordered: "blue",
  open: "blue",
  asked: "yellow",
  done: "green",
  racing: "blue",
  cancelled: "grey",
  planning: "grey",
  pending: "grey",
  unchecked: "grey",
};

/** A status in its colour, and what has it. */
export const statusCell = (status: string, of?: string): Cell => {
  const style = STYLES[status] ?? "grey";
  return of === undefined ? { text: status, style, whole: true } : { text: `${status}: ${of}`, style };
};

export const statusMark = (output: Output, status: string): string =>
  paint(output, STYLES[status] ?? "grey", status);

/** The one form of a moment: as recorded, UTC. */
export const timeOf = (iso: string): string => iso.replace("T", " ");

export const verdictLine = ({ outcome, reason, message }: Verdict): string =>
  `${outcome}${outcome === "passed" ? "" : ` [${reason}]`}: ${message}`;

const ROOMS: Readonly<Record<Verdict["isolationLevel"], string>> = {
  0: "no isolation",
  1: "clean room",
  2: "walls of the kernel",
  3: "sandbox",
};

/** How safe the room of a verdict was. */
export const isolationTold = ({ isolationLevel }: Verdict): string =>
  `level ${isolationLevel}, ${ROOMS[isolationLevel]}`;

/** What a verdict found out about its tests, beyond their counts: pairs of a name and words, not made harmless yet. */
export const testsTold = (found: TestsFound): readonly (readonly [string, string])[] => {
  const { runs, turnedGreen, retried, canary, heldOut } = found;
  return [
    ...(runs.length < 2 ? [] : [["runs", `${runs.length}: ${runs.map(endOf).join(", ")}`] as const]),
    ...(retried.count === 0 ? [] : [["retried", namesOf(retried)] as const]),
    ...(turnedGreen === null ? [] : [["green", greenTold(turnedGreen)] as const]),
    ...(canary === null ? [] : [["canary", canary] as const]),
    ...(heldOut === null ? [] : [["held out", heldOutTold(heldOut)] as const]),
  ];
};

/** What a proposal changed that is protected, and why it is; verdicts of older versions know no reasons. */
export const violationsTold = ({ protectedPaths, violations }: Verdict): readonly string[] =>
  violations?.map((one) => `${one.change} ${one.path}: ${protectedAs(one)}`) ?? protectedPaths;

const endOf = ({ exitCode }: TestsFound["runs"][number]): string =>
  exitCode === 0 ? "ok" : exitCode === null ? "stopped" : `exit ${exitCode}`;

const greenTold = (turned: NamedTests): string =>
  turned.count === 0 ? "nothing that was red at the base" : `${turned.count} turned: ${namesOf(turned)}`;

const heldOutTold = ({
  folder,
  digest,
  files,
  counts,
  wrong,
}: NonNullable<TestsFound["heldOut"]>): string => {
  const passed = counts === null ? "no report" : `${counts.passed} passed`;
  const names = wrong.count === 0 ? "" : `, ${wrong.count} did not: ${namesOf(wrong)}`;
  return `${passed}${names} (${files} files of ${folder}, ${digest.slice(0, 12)})`;
};

const namesOf = ({ count, names }: NamedTests): string =>
  names.join(", ") + (count > names.length ? ` and ${count - names.length} more` : "");

type NamedTests = TestsFound["retried"];

/** One line a person reads while a run goes on; null for events that say nothing new. */
export const progressLine = (output: Output, event: StoredEvent): string | null => {
  // The pause that follows an escalation says the same.
  if (event.type === "policy_decision_applied" && event.payload.decision.action === "escalate") return null;
  if (event.type === "plan_attached") return null;
  const { style, mark, text } = eventTold(event);
  return `${paint(output, style, mark)} ${brief(text, output.live ? PROGRESS_CHARS : Number.POSITIVE_INFINITY)}`;
};

/** Two lines of a usual terminal. Where nobody watches nothing is cut: a command in a line may be what is looked for. */
const PROGRESS_CHARS = 160;

const line = (style: EventTold["style"], mark: string, text: string): EventTold => ({ style, mark, text });

/** What happened, in words; not made harmless yet. */
export const eventTold = (event: StoredEvent): EventTold => {
  if (isOfClient(event)) return trackedTold(event);
  return isOfIntent(event) ? intentTold(event) : drivenTold(event);
};

const drivenTold = (event: Exclude<StoredEvent, TrackedEvent | IntentEvent>): EventTold => {
  switch (event.type) {
    case "run_created":
      return line("bold", "▸", `${event.runId}: ${event.payload.goal}`);
    case "plan_requested":
    case "plan_attached":
      return line("grey", "·", planTold(event));
    case "step_started":
      return line("blue", "▶", `${subject(event)}: ${event.payload.agent} starts attempt ${event.attempt}`);
    case "step_result_proposed":
      return line("blue", "?", `${subject(event)}: proposed: ${lastLine(event.payload.result)}`);
    case "step_validation_passed":
      return line("green", "✔", `${subject(event)}: ${verdictLine(event.payload.verdict)}`);
    case "step_validation_failed":
      return line("red", "✘", `${subject(event)}: refused: ${verdictLine(event.payload.verdict)}`);
    case "step_validation_errored":
      return line("yellow", "!", `${subject(event)}: ${verdictLine(event.payload.verdict)}`);
    case "step_interrupted":
      return line("red", "✘", `${subject(event)}: interrupted: ${event.payload.reason}`);
    case "effect_intended":
    case "effect_settled":
    case "effect_decided":
      return effectTold(event);
    case "timer_armed":
    case "timer_fired":
    case "promise_created":
    case "promise_resolved":
    case "child_started":
    case "child_finished":
    case "step_suspended":
      return waitTold(event);
    case "checkpoint_sealed":
    case "checkpoint_discarded":
    case "checkpoints_thinned":
    case "checkpoints_passed_over":
      return checkpointTold(event);
    case "parent_told":
      return line("grey", "·", `${event.payload.parentId}, which started it, knows that it has ended`);
    case "candidate_cancelled":
      return line("grey", "–", `${subject(event)}: cancelled: ${event.payload.reason}`);
    case "policy_decision_applied":
      return line("yellow", "↻", policyTold(event.payload));
    case "approval_received":
      return line("green", "✔", `${event.payload.stepId}: ${event.payload.decision} by ${event.actor.name}`);
    case "criterion_met":
    case "criterion_unmet":
      return criterionTold(event);
    case "run_paused":
    case "run_resumed":
      return pauseTold(event);
    case "budget_set":
    case "budget_warned":
      return budgetTold(event);
    case "run_completed":
      return line("green", "■", `completed: ${event.payload.summary}`);
    case "run_failed":
      return line("red", "■", `failed: ${event.payload.message}`);
    case "run_reported":
    case "step_reported":
    case "projection_synced":
      return hostTold(event);
    case "worker_lost":
      return line("yellow", "!", `taken over from a lost worker (${event.payload.owner})`);
    case "teammate_approval_blocked":
    case "teammate_approval_unblocked":
      return teammateTold(event);
    case "access_refused":
      return refusalTold(event);
    case "note_written":
      return line("grey", "·", `note ${event.payload.key} = ${event.payload.value}`);
  }
};

const policyTold = ({ stepId, decision, reason }: OfEvent<"policy_decision_applied">): string =>
  `${stepId}: ${decision.action} (${reason})`;

type OfEvent<T extends StoredEvent["type"]> = Extract<StoredEvent, { type: T }>["payload"];

const planTold = (event: Extract<StoredEvent, { type: "plan_requested" | "plan_attached" }>): string =>
  event.type === "plan_requested"
    ? `${event.payload.step.ownerAgent} is to make the plan`
    : `a plan of ${counted(event.payload.plan.steps.length, "step")}`;

type OfStep = { readonly payload: { readonly stepId: string; readonly candidate?: number | undefined } };

const effectTold = (
  event: Extract<StoredEvent, { type: "effect_intended" | "effect_settled" | "effect_decided" }>,
): EventTold => {
  const of = `${subject(event)}: effect`;
  if (event.type === "effect_intended") {
    const { position, name, class: kind } = event.payload.call;
    return { style: "grey", mark: "·", text: `${of} ${position} begins: ${name} (${kind})` };
  }
  const { position } = event.payload;
  if (event.type === "effect_settled")
    return { style: "grey", mark: "·", text: `${of} ${position}: ${event.payload.outcome.kind}` };
  const { decision, reason } = event.payload;
  return { style: "yellow", mark: "!", text: `${of} ${position}: ${decision} (${reason})` };
};

const criterionTold = (
  event: Extract<StoredEvent, { type: "criterion_met" | "criterion_unmet" }>,
): EventTold => {
  const { description, verdict } = event.payload;
  return event.type === "criterion_met"
    ? { style: "green", mark: "✔", text: `criterion met: ${description}` }
    : { style: "red", mark: "✘", text: `criterion unmet: ${description}: ${verdict.message}` };
};

type OfHost = "run_reported" | "step_reported" | "projection_synced";

const hostTold = (event: Extract<StoredEvent, { type: OfHost }>): EventTold => {
  const { status, error } = event.payload;
  if (event.type === "projection_synced") {
    const style = status === "synced" ? "green" : "yellow";
    const text = `${event.payload.target}: ${status}${after({ result: "", error })}`;
    return { style, mark: "≡", text };
  }
  const of = event.type === "step_reported" ? `${event.payload.stepId}: ` : "";
  return { style: "blue", mark: "≡", text: `${of}reported ${status}${after(event.payload)}` };
};

type OfWait =
  | ("timer_armed" | "timer_fired" | "promise_created" | "promise_resolved")
  | ("child_started" | "child_finished" | "step_suspended");

const waitTold = (event: Extract<StoredEvent, { type: OfWait }>): EventTold => {
  const line = (style: EventTold["style"], mark: string, text: string): EventTold => ({
    style,
    mark,
    text: `${subject(event)}: ${text}`,
  });
  switch (event.type) {
    case "timer_armed":
      return line("grey", "·", `timer ${event.payload.position} is due ${timeOf(event.payload.dueAt)}`);
    case "timer_fired":
      return line("blue", "▶", `timer ${event.payload.position} fired`);
    case "promise_created":
      return line("yellow", "?", `promise ${event.payload.position}: ${event.payload.name}`);
    case "promise_resolved": {
      const { position, outcome } = event.payload;
      const words = outcome.kind === "done" ? "resolved" : `rejected: ${outcome.error}`;
      return line("green", "✔", `promise ${position}: ${words} by ${event.actor.name}`);
    }
    case "child_started":
      return line("blue", "▶", `run ${event.payload.childId}: ${event.payload.name}`);
    case "child_finished": {
      const { childId, outcome } = event.payload;
      if (outcome.kind !== "ended") return line("grey", "–", `run ${childId} is not waited for here`);
      const isDone = outcome.status === "completed";
      return line(
        isDone ? "green" : "red",
        isDone ? "✔" : "✘",
        `run ${childId} ${outcome.status}: ${outcome.message}`,
      );
    }
    case "step_suspended":
      return line("grey", "‖", "waits, and holds nothing");
  }
};

const checkpointTold = (
  event: Extract<
    StoredEvent,
    {
      type: "checkpoint_sealed" | "checkpoint_discarded" | "checkpoints_thinned" | "checkpoints_passed_over";
    }
  >,
): EventTold => {
  if (event.type === "checkpoint_discarded")
    return line("yellow", "!", `${subject(event)}: its memory is set aside: ${event.payload.reason}`);
  if (event.type === "checkpoints_passed_over") {
    const { broken, from } = event.payload;
    const told = broken.map(({ id, why }) => `checkpoint ${id} ${why}`).join("; ");
    return line("red", "✘", `${subject(event)}: ${told}; it goes on from ${from ?? "the journal alone"}`);
  }
  if (event.type === "checkpoints_thinned") {
    const { length } = event.payload.ids;
    return line("grey", "–", `${length} older checkpoint${length === 1 ? " is" : "s are"} thinned out`);
  }
  const { id, of, turn, reason } = event.payload;
  const what = of === null ? "the run" : `${subject({ payload: of })}: turn ${turn}`;
  return line("grey", "●", `${what}: checkpoint ${id} (${reason})`);
};

/** The step, and of a race who it is about. */
const subject = ({ payload: { stepId, candidate } }: OfStep): string =>
  candidate === undefined ? stepId : `${stepId} (candidate ${candidate})`;

const after = ({ result, error }: { readonly result: string; readonly error: string }): string =>
  error || result ? `: ${error || result}` : "";

/** Programs say last what matters. */
const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";

/** Who works on a step; of a raced one each agent, and as how many candidates. */
export const agentWords = ({ spec }: Step): string => {
  const agents = spec.race?.agents ?? [spec.ownerAgent];
  return [...new Set(agents)]
    .map((agent) => {
      const times = agents.filter((one) => one === agent).length;
      return times === 1 ? agent : `${agent} ×${times}`;
    })
    .join(", ");
};

/** Where the candidates of a raced step stand, counted; "" for one that is not raced. */
const raceCounts = ({ candidates }: Step): string => {
  const counts = new Map<string, number>();
  for (const { state } of candidates) counts.set(state.status, (counts.get(state.status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} ${CANDIDATE_WORDS[status] ?? status}`).join(", ");
};

const CANDIDATE_WORDS: Readonly<Record<string, string>> = {
  pending: "waiting",
  in_progress: "at work",
  verify_pending: "proposed",
  completed: "verified",
};

/** What an attempt that nobody works on waits for; "" for any other. */
const waitsTold = ({ state, effects }: Step): string =>
  state.status === "in_progress" && effects.suspended
    ? effects.waits
        .flatMap((wait) => {
          if (isOver(wait)) return [];
          if (wait.kind === "timer") return [`waits until ${timeOf(wait.dueAt)}`];
          return [`waits for "${wait.name}"${wait.kind === "child" ? ` (${wait.childId})` : ""}`];
        })
        .join("; ")
    : "";

/** What a step's last judgement said, or its agent when it gave up, or the host that reports it. */
export const lastWord = (step: Step): string => {
  const { state, feedback, report, candidates } = step;
  if (report !== null) return report.error || report.result;
  if (state.status === "racing") return raceCounts(step);
  const waited = waitsTold(step);
  if (waited !== "") return waited;
  if (state.status === "failed") return isRaced(step) ? refusalWords(step) : (state.verdict?.message ?? "");
  if (state.status === "interrupted") return state.reason;
  if (state.status === "completed") {
    const won = candidates.find((one) => one.state.status === "completed");
    const who = won === undefined ? "" : `candidate ${won.candidate} of ${candidates.length}: `;
    return `${who}${state.verdict?.message ?? ""}`;
  }
  if (state.status === "verify_pending" && state.lastError !== null) return state.lastError.message;
  if (feedback === null) return "";
  return feedback.kind === "verdict" ? feedback.verdict.message : feedback.reason;
};
