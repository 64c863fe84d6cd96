import {
  askedEffectsOf,
  type EffectDecision,
  effectDoubt,
  formatDuration,
  type PolicyAction,
  type Run,
  type RunLedger,
  type Step,
} from "../../../index.js";
import { resultIn } from "../../cli/effect-words.js";
import { type Ask, nothing, reason, withReason } from "./asked.js";
import { settleBegun } from "./begun-action.js";
import { setBudget } from "./budget-action.js";
import type { Values } from "./dialog.js";
import { answerIntent, settleIntent, withdrawIntent } from "./intent-actions.js";
import type { CommandName } from "./keymap.js";
import type { Desk } from "./page.js";
import { perform } from "./perform.js";
import { planQuestion } from "./plan-lines.js";
import { many, quoted } from "./words.js";

// What is approved is what is on the screen: another proposal in its place is refused by the ledger.
const answer =
  (deny: boolean): Ask =>
  ({ runId, view, step, intent }, desk) => {
    if (intent !== undefined) return answerIntent(intent, deny, desk);
    if (step === undefined || step.state.status !== "verify_pending" || !asks(step))
      return nothing(
        step === undefined
          ? "Nothing here waits for approval."
          : `Step "${step.spec.id}" does not wait for approval.`,
      );
    const { proposal } = step.state;
    const stepId = step.spec.id;
    const verb = deny ? "deny" : "approve";
    const twin = ({ reason: why }: Values): string =>
      `runledger ${verb} ${runId} ${quoted(stepId)} --proposal ${proposal.seq}${withReason(why)}`;
    const files = proposal.capture.filesChanged;
    return {
      title: deny ? `Deny "${stepId}"` : `Approve "${stepId}"`,
      text: [
        `Proposal ${proposal.seq} of ${step.spec.ownerAgent}${files === null ? "" : `, ${many(files, "file")} changed`}:`,
        ...((view && planQuestion(view.run, step)) ?? [proposal.result.trim().split("\n").at(-1) ?? ""]),
      ],
      fields: [reason(deny)],
      twin,
      confirm: deny ? "deny it" : "approve it",
      done: (values) => {
        const why = values.reason ?? "";
        const command = deny
          ? ({ type: "reject_step", stepId, reason: why, proposalSeq: proposal.seq } as const)
          : ({ type: "approve_step", stepId, reason: why, proposalSeq: proposal.seq } as const);
        perform(desk, twin(values), submitting(desk, runId, command));
      },
    };
  };

const asks = ({ spec, state }: Step): boolean =>
  spec.validator.type === "orchestrator_approval" &&
  state.status === "verify_pending" &&
  state.approval === null;

type Command = Parameters<RunLedger["ledger"]["submit"]>[1];

const submitting =
  ({ app, caller }: Desk, runId: string, command: Command) =>
  async (): Promise<Run> =>
    (await app.ledger.submit(runId, command, caller)).run;

const policy =
  (action: "retry" | "skip" | "change_agent", title: string, text: string): Ask =>
  ({ runId, view, step }, desk) => {
    const request =
      view === undefined || step === undefined
        ? undefined
        : desk.app.policyRequests(view.run, desk.caller).find(({ stepId }) => stepId === step.spec.id);
    if (step === undefined || request === undefined)
      return nothing(
        step === undefined
          ? "Nothing here was refused."
          : `Step "${step.spec.id}" asks nothing: only a refused, errored or interrupted step can be answered.`,
      );
    const stepId = step.spec.id;
    const { attempt } = step;
    const agents = desk.app.agentNames.filter((name) => name !== step.spec.ownerAgent);
    if (action === "change_agent" && agents.length === 0)
      return nothing("There is no other agent in runledger.yaml.");
    const twin = ({ agent, reason: why }: Values): string =>
      `runledger policy ${runId} ${quoted(stepId)} ${action}${agent === undefined ? "" : ` --agent ${quoted(agent)}`} --attempt ${attempt}${withReason(why)}`;
    const decision = ({ agent = "" }: Values): PolicyAction =>
      action === "retry"
        ? { action, fresh: false }
        : action === "skip"
          ? { action }
          : { action, newAgent: agent };
    return {
      title: `${title} "${stepId}"`,
      text: [text, request.reason],
      fields: [
        ...(action === "change_agent"
          ? [{ name: "agent", label: "Agent", required: true, choices: agents } as const]
          : []),
        reason(true),
      ],
      twin,
      confirm: "do it",
      done: (values) => {
        const command = {
          type: "apply_policy",
          stepId,
          decision: decision(values),
          reason: values.reason ?? "",
          attempt,
        } as const;
        perform(desk, twin(values), submitting(desk, runId, command));
      },
    };
  };

/** What is asked first; the next one when it is answered. */
const decide: Ask = ({ runId, step, intent }, desk) => {
  if (intent !== undefined) return settleIntent(intent, desk);
  if (step === undefined) return settleBegun({ runId }, desk);
  const [asked] = askedEffectsOf(step);
  if (asked === undefined) return nothing("Nobody asks here what became of an effect.");
  const stepId = step.spec.id;
  const { attempt } = step;
  const { position, key } = asked.open.call;
  const { candidate } = asked.step;
  const whose = candidate === undefined ? "" : ` --candidate ${candidate}`;
  const twin = ({ decision = "", result = "", reason: why }: Values): string =>
    `runledger decide ${runId} ${quoted(stepId)} ${position} ${decision}${result === "" ? "" : ` --value ${quoted(result)}`} --attempt ${attempt}${whose}${withReason(why)}`;
  return {
    title: `What became of effect ${position} of "${stepId}"`,
    text: [`Of step "${stepId}", ${effectDoubt(asked)}.`, ...(key === null ? [] : [`Its key is ${key}.`])],
    fields: [
      { name: "decision", label: "What becomes of it", required: true, choices: ["rerun", "skip", "done"] },
      { name: "result", label: "Its result as JSON, of one that is done", required: false },
      reason(true),
    ],
    twin,
    confirm: "say so",
    done: (values) => {
      const { decision, result = "", reason: why = "" } = values;
      perform(desk, twin(values), async () =>
        desk.app.answerEffect(desk.caller, runId, {
          ...{ stepId, position, attempt, reason: why, decision: decision as EffectDecision },
          ...(candidate === undefined ? {} : { candidate }),
          ...(result === "" ? {} : { value: resultIn(result) }),
        }),
      );
    },
  };
};

const resume: Ask = async ({ runId }, desk) => {
  const run = await desk.app.ledger.load(runId);
  const { state } = run;
  const waited =
    state.status === "paused" && state.reason === "requested" ? desk.now() - Date.parse(state.since) : 0;
  const { staleTtlMs } = desk.app.settings.runLedger;
  const stale = waited > staleTtlMs;
  const twin = ({ reason: why }: Values): string =>
    `runledger resume ${runId}${stale ? " --stale" : ""}${withReason(why)}`;
  return {
    title: "Resume and drive",
    text: [
      "Whatever is due is done from here, until the run is over or waits for a person. Leaving the browser stops it gracefully.",
      ...(stale
        ? [
            `It waited for ${formatDuration(waited)}; more than ${formatDuration(staleTtlMs)} is stale. It is resumed all the same.`,
          ]
        : []),
    ],
    fields: state.status === "paused" ? [reason(false)] : [],
    twin,
    confirm: "resume it",
    done: (values) =>
      perform(desk, twin(values), async () => {
        const command = { type: "resume_run", reason: values.reason ?? "", overrideStale: stale } as const;
        const resumed = state.status === "paused" ? await submitting(desk, runId, command)() : run;
        desk.drive(resumed);
        return resumed;
      }),
  };
};

const runCommand =
  (name: "pause" | "cancel", text: string): Ask =>
  ({ runId }, desk) => {
    const twin = ({ reason: why }: Values): string => `runledger ${name} ${runId}${withReason(why)}`;
    const type = name === "pause" ? "pause_run" : "cancel_run";
    return {
      title: name === "pause" ? "Pause the run" : "Cancel the run",
      text: [text],
      fields: [reason(true, `${name} asked for in the browser`)],
      twin,
      confirm: `${name} it`,
      done: (values) =>
        perform(desk, twin(values), submitting(desk, runId, { type, reason: values.reason ?? "" })),
    };
  };

const note: Ask = ({ runId }, desk) => {
  const twin = ({ key = "", value = "" }: Values): string =>
    `runledger note ${runId} ${quoted(key)} ${quoted(value)}`;
  return {
    title: "Write a note",
    text: ["An empty text clears the note of that name."],
    fields: [
      { name: "key", label: "Name", required: true },
      { name: "value", label: "Text", required: false },
    ],
    twin,
    confirm: "write it",
    done: (values) => {
      const { key = "", value = "" } = values;
      perform(desk, twin(values), submitting(desk, runId, { type: "write_note", key, value }));
    },
  };
};

const apply: Ask = ({ runId }, desk) => {
  const twin = (): string => `runledger apply ${runId}`;
  return {
    title: "Apply to your checkout",
    text: [
      "The verified commits of this run come into your checkout (git am, hooks off). What is not committed there stays as it is.",
    ],
    fields: [],
    twin,
    confirm: "apply them",
    done: () =>
      perform(desk, twin(), async () => {
        const { applied, skipped } = await desk.app.apply(runId);
        if (applied.length > 0) return applied.map((name) => name.trim());
        return [
          skipped.length > 0 ? "Your checkout has these commits already." : "There is nothing to apply.",
        ];
      }),
  };
};

/** What each order that changes something asks first. */
export const asking: Partial<Record<CommandName, Ask>> = {
  approve: answer(false),
  deny: answer(true),
  retry: policy("retry", "Try again:", "Its agent goes on in the same workspace, and is told:"),
  skip: policy("skip", "Skip", "The run goes on without it, and says so for ever. It was:"),
  changeAgent: policy("change_agent", "Another agent for", "The other agent is told:"),
  decide,
  resume,
  pause: runCommand("pause", "Nothing new starts until it is resumed."),
  cancel: runCommand("cancel", "The run ends as failed, and its agents are stopped. That cannot be undone."),
  withdraw: withdrawIntent,
  budget: setBudget,
  note,
  apply,
};
