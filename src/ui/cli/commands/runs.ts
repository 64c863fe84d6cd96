import {
  type Caller,
  counted,
  type Integrity,
  type ResumeContext,
  type RunLedger,
  type RunTold,
  type TrackedReason,
  verifiedRun,
  verifyAt,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { brief, type Output, paint, printJson, printLine, say } from "../output.js";
import type { Bench } from "../program.js";
import { printTable } from "../table.js";
import { agoOf } from "../time-cells.js";

/** `Name: value`, as seed 000 prints them. */
const printFields = (output: Output, fields: readonly (readonly [name: string, value: string])[]): void => {
  for (const [name, value] of fields) printLine(output, `${name}: ${brief(value, VALUE_CHARS)}`);
};

/** A line of a wide terminal. */
const VALUE_CHARS = 200;

const NONE = "–";

export const inspectRun = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
): Promise<number> => {
  const told = await app.trackedRuns(caller).getRun({ runId });
  if (output.json) printJson(output, told);
  else printFields(output, inspected(told));
  return EXIT.done;
};

const inspected = (told: RunTold): readonly (readonly [string, string])[] => {
  const { run, checkpoints, resumableCheckpoints, openHandoffs, unresolvedApprovals } = told;
  return [
    ["Run", run.runId],
    ["Status", run.status],
    ...(run.interrupted === null ? [] : ([["Interrupted", run.interrupted]] as const)),
    ["Intent", run.intentSummary],
    ["Current Step", run.currentStep ?? NONE],
    ["Agent", run.agentId],
    ["Runtime", run.runtime ?? NONE],
    ["Parent", run.parentRunId ?? NONE],
    ["Events", String(run.events)],
    ["Checkpoints", String(checkpoints.length)],
    ["Artifacts", String(run.artifacts)],
    ["Intents", String(run.intents)],
    ["Open Handoffs", String(openHandoffs.length)],
    ["Unresolved Approvals", String(unresolvedApprovals.length)],
    ["Blocked Side Effects", String(run.blockedSideEffects)],
    ["Begun Side Effects", run.begunSideEffects.join(", ") || NONE],
    ["Last Safe Event", run.lastSafeSeq === null ? NONE : String(run.lastSafeSeq)],
    ["Latest Checkpoint", resumableCheckpoints.at(-1) ?? NONE],
    ["Resumable", run.resumable ? "Yes" : "No"],
    ["Created", `${run.createdAt} (${agoOf(run.createdAt)})`],
    ["Updated", `${run.updatedAt} (${agoOf(run.updatedAt)})`],
  ];
};

export const listEvents = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
  { since, limit }: { readonly since: number; readonly limit?: number },
): Promise<number> => {
  const page = limit === undefined ? {} : { limit };
  const listed = await app.trackedRuns(caller).getRunEvents({ runId, after: since, ...page });
  if (output.json) {
    printJson(output, listed);
    return EXIT.done;
  }
  await printTable(output, {
    head: ["SEQ", "EVENT TYPE", "ACTOR", "STEP", "STATUS", "SIDE EFFECT"],
    rows: listed.events.map(
      ({ seq, eventType, actorId, stepName, status, sideEffectClass, sideEffectKey }) => [
        { text: String(seq), right: true },
        eventType,
        actorId,
        stepName ?? "",
        status === "skipped" ? { text: status, style: "yellow" } : status,
        sideEffectClass === "none"
          ? ""
          : `${sideEffectClass}${sideEffectKey === null ? "" : ` ${sideEffectKey}`}`,
      ],
    ),
    empty: `No event of run "${runId}" lies behind ${since}.`,
  });
  if (listed.next !== null) say(output, `More: --since ${listed.next}`);
  return EXIT.done;
};

/** Opens no ledger: one that is spoilt is what this command is for. */
export const verifyTracked = async ({ directory, terminal, output }: Bench, id: string): Promise<number> => {
  const { env, interrupted: signal } = terminal;
  const found = verifiedRun(await verifyAt({ projectDir: directory, env, signal, run: id }));
  if (output.json) printJson(output, found);
  else {
    printSide(output, "Ledger Integrity", found.ledgerIntegrity);
    printSide(output, "Checkpoint Integrity", found.checkpointIntegrity);
    printSide(output, "Lineage Continuity", found.lineageContinuity);
    say(output, `${counted(found.events, "event")}, ${counted(found.checkpoints, "checkpoint")}.`);
  }
  return found.valid ? EXIT.done : EXIT.failed;
};

const printSide = (output: Output, name: string, { valid, flaws }: Integrity): void => {
  printLine(output, `${name}: ${valid ? paint(output, "green", "Valid") : paint(output, "red", "Invalid")}`);
  for (const { seq, message } of flaws)
    printLine(output, `  ${seq === null ? "" : `event ${seq}: `}${brief(message, VALUE_CHARS)}`);
};

export const signCheckpoint = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
  { reason, next }: { readonly reason: TrackedReason; readonly next?: string },
): Promise<number> => {
  const suggested = next === undefined ? {} : { suggestedNextAction: next };
  const signed = await app.trackedRuns(caller).createCheckpoint({ runId, reason, ...suggested });
  if (output.json) printJson(output, { runId, ...signed });
  else
    printFields(output, [
      ["Signed checkpoint", signed.checkpointId],
      ["Sealed Hash", signed.sealedHash],
      ["Resumable", signed.isResumable ? "Yes" : "No"],
      ["Reason", signed.reason],
    ]);
  return EXIT.done;
};

/** The rules refuse a key under which nothing is begun. */
export const answerBegun = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
  { key, happened, reason }: { readonly key: string; readonly happened: boolean; readonly reason: string },
): Promise<number> => {
  const { tracked } = await app.ledger.load(runId);
  const begun = tracked?.begun.find((one) => one.key === key);
  const recorded = await app.trackedRuns(caller).recordEvent({
    runId,
    eventType: "tool_call_finished",
    actorId: caller.name,
    sideEffectKey: key,
    ...(begun === undefined ? {} : { sideEffectClass: begun.class }),
    payload: { reason },
    happened,
  });
  if (output.json) printJson(output, { runId, key, happened, ...recorded });
  else
    say(output, happened ? `${key} happened, and stays blocked.` : `${key} did not happen: its key is free.`);
  return EXIT.done;
};

export const resumeTracked = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
  from: string | undefined,
): Promise<number> => {
  const asked = from === undefined ? {} : { fromCheckpointId: from };
  const context = await app.trackedRuns(caller).resumeRun({ runId, ...asked });
  if (output.json)
    printJson(output, { ...context, blockedSideEffectKeys: [...context.blockedSideEffectKeys] });
  else printContext(output, context);
  return EXIT.done;
};

const printContext = (output: Output, context: ResumeContext): void => {
  const { checkpointId, broken, blockedSideEffectKeys, begun } = context;
  for (const { id, why } of broken) say(output, `Checkpoint ${id} ${why}.`);
  printLine(output, checkpointId === null ? "Loaded the journal alone" : `Loaded checkpoint ${checkpointId}`);
  printFields(output, [
    ["Current Step", context.currentStep ?? NONE],
    ["Receipts", String(context.receiptsInAll)],
    ["Artifacts", String(context.artifactsInAll)],
    ["Unresolved approvals", String(context.unresolvedApprovals.length)],
    ["Open executions", String(context.openExecutions.length)],
    ["Blocked side effects", String(blockedSideEffectKeys.size)],
  ]);
  for (const key of blockedSideEffectKeys) printLine(output, `  ${brief(key, VALUE_CHARS)}`);
  for (const { key, seq } of begun)
    printLine(
      output,
      `  ${brief(key, VALUE_CHARS)}: begun at event ${seq}, and nobody said that it was done`,
    );
  printFields(output, [["Suggested next", context.suggestedNextAction]]);
  printLine(output, "Resume context built");
};
