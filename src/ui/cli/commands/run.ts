import { stat } from "node:fs/promises";
import { isAbsolute, relative, resolve } from "node:path";
import {
  aboutFile,
  type Caller,
  type Driven,
  type Forking,
  LedgerError,
  type Run,
  type RunLedger,
  workedSteps,
} from "../../../index.js";
import { progressLine } from "../describe.js";
import { EXIT, exitOfRun } from "../exit-codes.js";
import { type LiveLine, liveLine } from "../live-line.js";
import { brief, type Output, paint, printJson, printLine, safe, say } from "../output.js";
import { nameOf, PIPED, readGivenPlan } from "../piped.js";
import type { Bench } from "../program.js";
import { resumeLines } from "./checkpoints.js";

export type RunOptions = {
  readonly goal?: string;
  readonly planner?: string;
  readonly request?: string;
  readonly includeUncommitted: boolean;
  readonly idempotencyKey?: string;
  /** False: only create it; a worker or `resume` drives it. */
  readonly drive: boolean;
};

export const startRun = async (
  app: RunLedger,
  { output, directory, terminal: { interrupted, input } }: Bench,
  caller: Caller,
  given: string | undefined,
  options: RunOptions,
): Promise<number> => {
  const wanted = await wantedOf(given, options, directory);
  const create =
    "goal" in wanted
      ? () => planGoal(app, caller, wanted.goal, options)
      : createFrom(
          app,
          caller,
          { file: wanted.file, plan: await readGivenPlan(wanted.file, input) },
          options,
        );
  const driven = await watched(app, output, interrupted, async () => {
    const run = await create();
    return options.drive ? app.drive(run.runId, interrupted) : run;
  });
  return "end" in driven ? report(app, output, driven) : finish(output, driven, EXIT.done);
};

/** A file that is there is a plan, whatever it is called; else words with a blank between them are a goal. */
const wantedOf = async (
  given: string | undefined,
  { goal, planner }: RunOptions,
  directory: string,
): Promise<{ readonly goal: string } | { readonly file: string }> => {
  if ((given === undefined) === (goal === undefined))
    throw new LedgerError("invalid_input", "A run needs a plan file or a goal, and one of the two.", {
      hint: 'runledger run plan.yaml, or runledger run "goal in plain words"',
    });
  if (given === undefined) return { goal: goal ?? "" };
  const file = given === PIPED ? PIPED : resolve(directory, given);
  if (/\s/.test(given) && !(await stat(file).catch(() => undefined))?.isFile()) {
    if (!PLAN_NAME.test(given)) return { goal: given };
    throw new LedgerError("file_not_found", `There is no plan file ${file}.`, {
      hint: "Words that are a goal, and end as the name of a file does, are given with --goal.",
    });
  }
  if (planner !== undefined)
    throw new LedgerError("invalid_input", "--planner belongs to a goal, not to a plan file.", {
      hint: "Leave it out, or say the goal with --goal.",
    });
  return { file };
};

/** Who mistypes the name of a plan asks for no other plan to be made. */
const PLAN_NAME = /\.(ya?ml|json)$/i;

const planGoal = (app: RunLedger, caller: Caller, goal: string, options: RunOptions): Promise<Run> =>
  app.planRun(caller, {
    goal,
    originalRequest: options.request ?? goal,
    ...(options.planner === undefined ? {} : { planner: options.planner }),
    ...begunBy(caller, options),
  });

type Given = { readonly file: string; readonly plan: unknown };

const createFrom =
  (app: RunLedger, caller: Caller, { file, plan }: Given, options: RunOptions) =>
  () =>
    aboutFile(nameOf(file), () =>
      app.createRun(caller, {
        plan,
        // At the terminal nobody else could work on a step, so an unknown owner is a defect of the plan.
        agents: app.agentNames,
        originalRequest: options.request ?? `runledger run ${file}`,
        allowDirty: file === PIPED ? [] : inProject(app.projectDir, file),
        ...begunBy(caller, options),
      }),
    );

const begunBy = ({ sessionKey }: Caller, { includeUncommitted, idempotencyKey }: RunOptions) => ({
  sessionKey,
  includeUncommitted,
  ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
});

export const resumeRun = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
  options: { stale: boolean; anew: boolean; reason: string; idempotencyKey?: string },
  interrupted: AbortSignal,
): Promise<number> => {
  const driven = await watched(app, output, interrupted, async (line) => {
    const { reason, stale: overrideStale, anew, idempotencyKey } = options;
    const { state } = await app.ledger.load(runId);
    // One decision for a paused run: where it is not resumed, nobody forgets anything.
    if (anew && state.status !== "paused") await forgetMemory(app, caller, runId, reason);
    const command = { type: "resume_run", reason, overrideStale, ...(anew ? { anew } : {}) } as const;
    const key = idempotencyKey === undefined ? {} : { idempotencyKey };
    const resume = () => app.ledger.submit(runId, command, caller, key);
    if (anew && state.status === "paused") await resume();
    await tellWhatGoesOn(app, output, line, await app.ledger.load(runId));
    if (!anew && state.status === "paused") await resume();
    return app.drive(runId, interrupted);
  });
  return report(app, output, driven);
};

export const forkRun = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  forking: Forking,
): Promise<number> => {
  const run = await app.fork(caller, forking);
  if (output.json) printJson(output, { ...summaryOf(run), forkedFrom: run.forkedFrom });
  else printLine(output, run.runId);
  say(output, `  Go on with it: runledger resume ${run.runId}`);
  return EXIT.done;
};

/** Attempts that go on are in the journal already, so no event will tell of them. */
const tellWhatGoesOn = async (app: RunLedger, output: Output, line: LiveLine, run: Run): Promise<void> => {
  line.show(run);
  const points = await app.resumePoints(run.runId);
  for (const point of points)
    if (output.json) printJson(output, { type: "resumes", runId: run.runId, ...point });
  if (output.json) return;
  for (const step of run.steps.flatMap(workedSteps))
    if (step.state.status === "in_progress") {
      const { spec, attempt, candidate } = step;
      const who = candidate === undefined ? "" : ` (candidate ${candidate})`;
      line.above(
        `${paint(output, "blue", "▶")} ${spec.id}${who}: ${spec.ownerAgent} goes on with attempt ${attempt}`,
      );
    }
  for (const point of points) for (const text of resumeLines(output, point)) line.above(text);
};

/** Attempts under way begin at their first line; what they did is read back. */
const forgetMemory = async (app: RunLedger, caller: Caller, runId: string, reason: string): Promise<void> => {
  const { run, waiting } = await app.view(runId);
  const isAtWork = run.steps.flatMap(workedSteps).some(({ state }) => state.status === "in_progress");
  if (waiting.for === "work" && isAtWork)
    throw new LedgerError(
      "lease_held",
      `Run "${runId}" is driven by another worker: its agents are at work.`,
      {
        hint: `Stop that worker first, or: runledger pause ${runId}`,
      },
    );
  const why = reason === "" ? "Resumed anew." : reason;
  await app.ledger.submit(runId, { type: "discard_checkpoints", reason: why }, caller);
};

const report = async (app: RunLedger, output: Output, { run, end }: Driven): Promise<number> => {
  const { runId } = run;
  if (end === "lease_lost")
    throw new LedgerError("lease_lost", `Another worker took over run "${runId}".`, {
      hint: `Watch it: runledger show ${runId}`,
    });
  if (end === "stopped") {
    say(output, `Interrupted; nothing is lost. Go on with: runledger resume ${runId}`);
    return finish(output, run, EXIT.interrupted);
  }
  return finish(output, run, exitOfRun(run), app);
};

// The journal's events are the progress: JSON Lines for programs, sentences for people.
const watched = async <T>(
  app: RunLedger,
  output: Output,
  interrupted: AbortSignal,
  work: (line: LiveLine) => Promise<T>,
): Promise<T> => {
  const line = liveLine(output, interrupted);
  const stop = app.ledger.observe((events, run) => {
    for (const event of events) {
      if (output.json) printJson(output, event);
      else {
        const text = progressLine(output, event);
        if (text !== null) line.above(text);
      }
    }
    line.show(run);
  });
  try {
    return await work(line);
  } finally {
    stop();
    line.end();
  }
};

const finish = async (output: Output, run: Run, code: number, app?: RunLedger): Promise<number> => {
  if (output.json) {
    printJson(output, summaryOf(run));
    return code;
  }
  printLine(output, run.runId);
  if (app === undefined) return code;
  const { waiting } = await app.view(run.runId);
  say(output, safe(waiting.sentence));
  if (waiting.hint !== null) say(output, `  ${waiting.hint}`);
  if (run.state.status === "completed" && run.head !== run.base)
    say(output, `  Bring the verified commits into your checkout: runledger apply ${run.runId}`);
  return code;
};

/** The last line of `run --json` and `resume --json`. */
export const summaryOf = (run: Run) => ({
  type: "summary",
  runId: run.runId,
  goal: brief(run.goal, 200),
  status: run.state.status,
  steps: run.steps.map(({ spec, state, attempt }) => ({
    id: spec.id,
    status: state.status,
    how: state.status === "completed" ? state.how : null,
    attempts: attempt,
  })),
  head: run.head,
  waivers: run.waivers,
});

const inProject = (projectDir: string, file: string): readonly string[] => {
  const path = relative(projectDir, resolve(file));
  return path.startsWith("..") || isAbsolute(path) ? [] : [path];
};
