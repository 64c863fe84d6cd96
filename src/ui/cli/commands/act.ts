import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  aboutFile,
  awaitsApproval,
  type Caller,
  type Command,
  LedgerError,
  type PolicyActionType,
  type Run,
  type RunLedger,
  readTextFile,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import type { Keyed } from "../groups/run.js";
import { type Output, printJson, printLine, safe, say } from "../output.js";
import type { Bench } from "../program.js";

/** Submits one command of a person and says where the run stands then. */
export const act = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
  command: Command,
  { idempotencyKey }: Keyed,
): Promise<number> => {
  const key = idempotencyKey === undefined ? {} : { idempotencyKey };
  const { run } = await app.ledger.submit(runId, command, caller, key);
  return standing(app, output, run);
};

/** Where a run stands after what was just said. */
export const standing = async (app: RunLedger, output: Output, run: Run): Promise<number> => {
  const { waiting, stateWord } = await app.view(run.runId);
  if (output.json) printJson(output, { runId: run.runId, status: run.state.status, ...waiting });
  else {
    printLine(output, `${run.runId} ${stateWord}`);
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
  options: Keyed & { stepId: string | undefined; deny: boolean; reason: string; proposal?: number },
): Promise<number> => {
  const stepId = options.stepId ?? (await onlyWaiting(app, runId, options.deny ? "deny" : "approve"));
  const { reason, proposal } = options;
  const seen = proposal === undefined ? {} : { proposalSeq: proposal };
  const command = options.deny
    ? ({ type: "reject_step", stepId, reason: reason || "denied", ...seen } as const)
    : ({ type: "approve_step", stepId, reason, ...seen } as const);
  return act(app, output, caller, runId, command, options);
};

const onlyWaiting = async (app: RunLedger, runId: string, verb: string): Promise<string> => {
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
        waiting.length === 0
          ? `What it waits for: runledger why ${runId}`
          : `Name one: runledger ${verb} ${runId} STEP`,
    },
  );
};

export type PolicyOptions = Keyed & {
  readonly reason: string;
  readonly agent?: string;
  /** A file with a JSON array of steps. */
  readonly steps?: string;
  /** A file with a validator, or the JSON object itself. */
  readonly validator?: string;
  readonly fresh?: boolean;
  /** The attempt that was looked at. */
  readonly attempt?: number;
};

export const applyPolicy = async (
  app: RunLedger,
  { output, directory }: Bench,
  caller: Caller,
  target: { runId: string; stepId: string; action: PolicyActionType },
  options: PolicyOptions,
): Promise<number> => {
  const { runId, stepId, action } = target;
  const { agent, steps, validator, fresh, reason, attempt } = options;
  const seen = attempt === undefined ? {} : { attempt };
  requireItsOption(action, options);
  const input = {
    action,
    ...(agent === undefined ? {} : { new_agent: agent }),
    ...(steps === undefined
      ? {}
      : { new_steps_json: await readTextFile(resolve(directory, steps), "steps") }),
    ...(validator === undefined ? {} : { new_validator_json: await validatorText(validator, directory) }),
    ...(fresh === undefined ? {} : { fresh }),
  };
  const decision = await aboutFile(steps ?? "--validator", () => app.readDecision(runId, stepId, input));
  const command = { type: "apply_policy", stepId, decision, reason, ...seen } as const;
  return act(app, output, caller, runId, command, options);
};

/** What an action needs besides its reason. */
const ITS_OPTION = {
  change_agent: "agent",
  decompose: "steps",
  change_validator: "validator",
  retry: "fresh",
} as const;

// Refused in the words of the command line, before the ledger would refuse it in those of its tools.
const requireItsOption = (action: PolicyActionType, options: PolicyOptions): void => {
  for (const [owner, option] of Object.entries(ITS_OPTION)) {
    const given = options[option] !== undefined;
    if (given && owner !== action)
      throw new LedgerError("invalid_input", `--${option} belongs to "${owner}", not to "${action}".`, {
        hint: "runledger policy --help explains it.",
      });
    if (!given && owner === action && option !== "fresh")
      throw new LedgerError("invalid_input", `"${action}" needs --${option}.`, {
        hint: "runledger policy --help explains it.",
      });
  }
};

const validatorText = (given: string, directory: string): Promise<string> | string =>
  given.trimStart().startsWith("{") ? given : readTextFile(resolve(directory, given), "validator");

export const readOrWriteNote = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  note: { runId: string; key: string; value: string | undefined },
  { idempotencyKey }: Keyed,
): Promise<number> => {
  const { runId, key, value } = note;
  const once = idempotencyKey === undefined ? {} : { idempotencyKey };
  const run =
    value === undefined
      ? await app.ledger.load(runId)
      : (await app.ledger.submit(runId, { type: "write_note", key, value }, caller, once)).run;
  // A note cannot be unwritten, so an empty one is none; and every object seems to have a "constructor".
  const found = (Object.hasOwn(run.notes, key) && run.notes[key]) || null;
  if (output.json) printJson(output, { runId, key, value: found });
  else if (found !== null) printLine(output, safe(found));
  else if (value === undefined) say(output, `Run "${runId}" has no note "${safe(key)}".`);
  return found === null && value === undefined ? EXIT.notFound : EXIT.done;
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
  if (patches.length === 0) say(output, `Run "${runId}" has no verified commits yet.`);
  if (folder === undefined && !output.json) {
    for (const { bytes } of patches) output.out.write(bytes);
    return EXIT.done;
  }
  const written: string[] = [];
  if (folder !== undefined) {
    await mkdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      throw new LedgerError("invalid_input", `"${folder}" cannot be made (${error.code}).`, {
        hint: "Name a new folder, or one that is there, below a folder you may write to.",
      });
    });
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
