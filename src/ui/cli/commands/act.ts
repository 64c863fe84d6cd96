import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  awaitsApproval,
  type Caller,
  type Command,
  LedgerError,
  type PolicyActionType,
  type Run,
  type RunLedger,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson, printLine, safe, say } from "../output.js";

/** Submits one command of a person and says where the run stands then. */
export const act = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
  command: Command,
  options: { idempotencyKey?: string } = {},
): Promise<number> => {
  const { run } = await app.ledger.submit(runId, command, caller, options);
  return standing(app, output, run);
};

const standing = async (app: RunLedger, output: Output, run: Run): Promise<number> => {
  const { waiting } = await app.view(run.runId);
  if (output.json) printJson(output, { runId: run.runId, status: run.state.status, ...waiting });
  else {
    printLine(output, `${run.runId} ${run.state.status}`);
    say(output, safe(waiting.sentence));
    if (waiting.hint !== null) say(output, `  ${waiting.hint}`);
  }
  return EXIT.done;
};

export const approveOrDeny = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
  options: { stepId: string | undefined; deny: boolean; reason: string },
): Promise<number> => {
  const stepId = options.stepId ?? (await onlyWaiting(app, runId));
  const { reason } = options;
  const command = options.deny
    ? ({ type: "reject_step", stepId, reason: reason || "denied" } as const)
    : ({ type: "approve_step", stepId, reason } as const);
  return act(app, output, caller, runId, command);
};

const onlyWaiting = async (app: RunLedger, runId: string): Promise<string> => {
  const run = await app.ledger.load(runId);
  const waiting = run.steps.filter(awaitsApproval).map(({ spec }) => spec.id);
  const [only] = waiting;
  if (only !== undefined && waiting.length === 1) return only;
  throw new LedgerError(
    waiting.length === 0 ? "step_not_waiting" : "invalid_input",
    waiting.length === 0
      ? `No step of run "${runId}" waits for approval.`
      : `${waiting.length} steps wait for approval: ${waiting.join(", ")}.`,
    {
      hint:
        waiting.length === 0 ? `See: runledger show ${runId}` : `Name one: runledger approve ${runId} STEP`,
    },
  );
};

export type PolicyOptions = {
  readonly reason: string;
  readonly agent?: string;
  /** A file with the JSON array of new steps. */
  readonly steps?: string;
  /** A file with a validator, or the JSON object itself. */
  readonly validator?: string;
  readonly fresh?: boolean;
};

export const applyPolicy = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  target: { runId: string; stepId: string; action: PolicyActionType },
  options: PolicyOptions,
): Promise<number> => {
  const { runId, stepId, action } = target;
  const decision = await app.readDecision(runId, stepId, {
    action,
    ...(options.agent === undefined ? {} : { new_agent: options.agent }),
    ...(options.steps === undefined ? {} : { new_steps_json: await readFile(options.steps, "utf8") }),
    ...(options.validator === undefined ? {} : { new_validator_json: await jsonOf(options.validator) }),
    ...(options.fresh === undefined ? {} : { fresh: options.fresh }),
  });
  return act(app, output, caller, runId, { type: "apply_policy", stepId, decision, reason: options.reason });
};

const jsonOf = async (given: string): Promise<string> =>
  given.trimStart().startsWith("{") ? given : readFile(given, "utf8");

export const readOrWriteNote = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  note: { runId: string; key: string; value: string | undefined },
): Promise<number> => {
  const { runId, key, value } = note;
  const run =
    value === undefined
      ? await app.ledger.load(runId)
      : (await app.ledger.submit(runId, { type: "write_note", key, value }, caller)).run;
  const found = run.notes[key] ?? null;
  if (output.json) printJson(output, { runId, key, value: found });
  else if (found !== null) printLine(output, safe(found));
  return found === null ? EXIT.notFound : EXIT.done;
};

export const applyRun = async (app: RunLedger, output: Output, runId: string): Promise<number> => {
  const { applied, skipped } = await app.apply(runId);
  if (output.json) printJson(output, { runId, applied, skipped });
  else if (applied.length > 0) for (const name of applied) printLine(output, name);
  else
    say(
      output,
      skipped.length > 0 ? "Your checkout has these commits already." : "There is nothing to apply.",
    );
  return EXIT.done;
};

export const writePatches = async (
  app: RunLedger,
  output: Output,
  runId: string,
  folder: string | undefined,
): Promise<number> => {
  const patches = await app.patch(runId);
  if (folder === undefined && !output.json) {
    for (const { bytes } of patches) output.out.write(bytes);
    return EXIT.done;
  }
  const written: string[] = [];
  if (folder !== undefined) {
    await mkdir(folder, { recursive: true });
    for (const { name, bytes } of patches) {
      await writeFile(join(folder, name), bytes);
      written.push(join(folder, name));
    }
  }
  if (output.json)
    printJson(output, {
      runId,
      patches: patches.map(({ name, bytes }) => ({ name, text: bytes.toString("utf8") })),
      written,
    });
  else for (const file of written) printLine(output, file);
  return EXIT.done;
};
