import { readFile } from "node:fs/promises";
import {
  type Caller,
  candidateWords,
  formatDuration,
  heldKeys,
  isLedgerError,
  isSpending,
  type ListedRun,
  type Run,
  type RunLedger,
  type RunStatus,
  type RunView,
  type Step,
  stepWord,
  type Usage,
  usageOfRun,
  usageOfStep,
  type Verdict,
  type WorkedStep,
  workedStep,
  workedSteps,
} from "../../../index.js";
import { compactionsOf, compactionWords } from "../compactions.js";
import {
  agentWords,
  isolationTold,
  lastWord,
  statusCell,
  testsTold,
  verdictLine,
  violationsTold,
} from "../describe.js";
import { heldKeyLines } from "../effect-words.js";
import { blockedWords } from "../event-words.js";
import { EXIT } from "../exit-codes.js";
import { logText, otherLogs } from "../judge-logs.js";
import { brief, type Output, paint, printJson, printLine, safe } from "../output.js";
import { receiptWords } from "../receipt-words.js";
import { headline } from "../standing.js";
import { type Cell, printTable } from "../table.js";
import { agoCell, agoOf } from "../time-cells.js";
import { trackedWords } from "../tracked-words.js";
import { budgetWords, usageWords } from "../usage-words.js";
import { brokenCheckpoints, passedOverLines } from "./checkpoints.js";

export const listRuns = async (
  app: RunLedger,
  output: Output,
  options: { status?: RunStatus; session?: string; limit: number; after?: string },
): Promise<number> => {
  const rows = await app.list({
    limit: options.limit,
    ...(options.status === undefined ? {} : { statuses: [options.status] }),
    ...(options.session === undefined ? {} : { sessionKey: options.session }),
    ...(options.after === undefined ? {} : { afterRunId: options.after }),
  });
  if (output.json) {
    const runs: (ListedRun & { readonly usage: Usage | null })[] = [];
    // One after another: a run that is loaded may be large, and nothing of it is kept but its usage.
    for (const row of rows) runs.push({ ...row, usage: await usageIn(app, row) });
    return done(() => printJson(output, { runs }));
  }
  await printTable(output, {
    head: ["RUN", "STATUS", "STEPS", "UPDATED", "GOAL"],
    rows: rows.map((row) => [
      { text: row.runId, id: true },
      statusCell(row.stateWord),
      `${row.stepsCompleted}/${row.stepsTotal}`,
      agoCell(row.updatedAt),
      // Of a run that cannot be opened here both are the same word.
      [...new Set([row.goal, row.blocker ?? awaited(row) ?? setAside(row)])].filter(Boolean).join(" — "),
    ]),
    empty: emptyList(options),
  });
  return EXIT.done;
};

/** Null of a run that cannot be read here. */
const usageIn = async (app: RunLedger, { runId, quarantine, seal }: ListedRun): Promise<Usage | null> => {
  if (quarantine !== null || seal === "locked" || seal === "erased") return null;
  try {
    return usageOfRun(await app.ledger.load(runId));
  } catch (error) {
    // It was spoilt, sealed or pruned since it was listed; the others are listed all the same.
    if (!isLedgerError(error)) throw error;
    return null;
  }
};

const awaited = ({ waiting }: ListedRun): string | null =>
  waiting?.for === "agent" ? waiting.sentence : null;

const setAside = ({ quarantine }: ListedRun): string | null =>
  quarantine && `event ${quarantine.seq} cannot be read (${quarantine.code})`;

const emptyList = ({
  status,
  session,
  after,
}: {
  status?: string;
  session?: string;
  after?: string;
}): string =>
  [status, session, after].every((filter) => filter === undefined)
    ? "No runs yet. Start one: runledger run plan.yaml"
    : "No more runs like that.";

const done = (write: () => void): number => {
  write();
  return EXIT.done;
};

export const showRun = async (
  app: RunLedger,
  output: Output,
  runId: string,
  caller: Caller,
): Promise<number> => {
  const view = await app.view(runId);
  const broken = await brokenCheckpoints(app, runId);
  const held = heldKeys(view.run);
  const compactions = await compactionsOf(app, view.run);
  if (output.json) {
    const policyRequests = app.policyRequests(view.run, caller);
    return done(() =>
      printJson(output, { ...view, policyRequests, compactions, brokenCheckpoints: broken, heldKeys: held }),
    );
  }
  const { run, waiting } = view;
  printLine(
    output,
    `${paint(output, "bold", brief(run.goal, output.columns ?? Number.POSITIVE_INFINITY))}\n${headline(output, view)}`,
  );
  printLine(output, safe(waiting.sentence));
  if (waiting.hint !== null) printLine(output, `  ${waiting.hint}`);
  printLine(output, "");
  await printTable(output, {
    head: ["STEP", "STATUS", "AGENT", "JUDGE", "ATTEMPTS", "LAST WORD"],
    rows: run.steps.map((step) => [
      step.spec.id,
      statusCell(stepWord(step, view)),
      agentWords(step),
      step.report === null ? step.spec.validator.type : "none: reported",
      step.attempt === 0 ? "-" : String(step.attempt),
      lastWord(step),
    ]),
    empty:
      run.tracked === null ? "It has no steps yet." : "It has no steps: its client records what it does.",
  });
  const passedOver = passedOverLines(broken).map((words) => ["checkpoint", words]);
  const left = heldKeyLines(runId, held).map((words) => ["open effect", safe(words)]);
  const compacted = compactions.map((one) => ["compacted", compactionWords(one)]);
  const facts = [...factsOf(view), ...compacted, ...passedOver, ...left, ...(await blockedRows(app, run))];
  if (facts.length === 0) return EXIT.done;
  printLine(output, "");
  await printTable(output, { rows: facts, empty: "" });
  return EXIT.done;
};

/** What a fork's past, and the run it comes from, have done under business keys. */
const blockedRows = async (app: RunLedger, run: Run): Promise<readonly (readonly Cell[])[]> => {
  if (run.forkedFrom === null) return [];
  const keys = await app.blockedSideEffectKeys(run.runId);
  return keys.size === 0 ? [] : [["blocked keys", [...keys].join(", ")]];
};

/** A run's evidence is as good as its least safe room: the verdict of that; undefined before the first one. */
const leastSafe = ({ steps, criteria }: Run): Verdict | undefined => {
  const verdicts = [...steps, ...criteria].flatMap(({ state }) =>
    "verdict" in state && state.verdict !== null ? [state.verdict] : [],
  );
  return verdicts.sort((a, b) => a.isolationLevel - b.isolationLevel)[0];
};

const isolationRow = (run: Run): readonly (readonly Cell[])[] => {
  const least = leastSafe(run);
  return least === undefined ? [] : [["isolation", isolationTold(least)]];
};

/** What a run holds beside its steps, each thing by its kind. */
const factsOf = (view: RunView): readonly (readonly Cell[])[] => [
  ...view.run.steps.filter(({ attempt }) => attempt > 0).flatMap((step) => candidateRows(step, view)),
  ...recordedFacts(view),
  ...receiptRow(view),
  ...trackedWords(view.run).map(([kind, words]) => [kind, words]),
];

const receiptRow = (view: RunView): readonly (readonly Cell[])[] => {
  const words = receiptWords(view);
  return words === null ? [] : [["receipt", words]];
};

const recordedFacts = ({ run, origin, usage, budget }: RunView): readonly (readonly Cell[])[] => [
  ...isolationRow(run),
  ...run.criteria.map(({ spec, state }) => ["criterion", statusCell(state.status, spec.description)]),
  ...run.waivers.map(({ stepId, kind, reason, by }) => [
    "waiver",
    `${stepId} ${kind} by ${by.name}: ${reason}`,
  ]),
  ...run.steps.flatMap(workedSteps).flatMap(effectRows),
  ...usageRows(run, usage),
  ...(budget.length === 0 ? [] : [["budget", budgetWords(budget)]]),
  ...(run.refusals.count === 0 ? [] : [["refused", refusalsWords(run.refusals.count)]]),
  ...run.blockedTeammates.map((one) => ["blocked", "teammate", blockedWords(one)]),
  ...Object.entries(run.notes)
    .filter(([, value]) => value !== "")
    .map(([key, value]) => ["note", `${key} = ${value}`]),
  ...(run.degraded === null
    ? []
    : [["mirror", `${run.source?.projection ?? ""} is behind: ${run.degraded}`]]),
  ...(run.parent === null
    ? []
    : [["started", `by ${run.parent.runId}, step ${run.parent.stepId}, attempt ${run.parent.attempt}`]]),
  ...(run.forkedFrom === null
    ? []
    : [["forked", `from ${run.forkedFrom.runId}, event ${run.forkedFrom.seq}`]]),
  ...(origin === null ? [] : [["imported", `from ledger ${origin.ledgerId}, ${agoOf(origin.importedAt)}`]]),
  ...(run.head === null ? [] : [["head", run.head]]),
];

/** Of the last attempt, as far as the run itself knows; `effects` has all of them. */
const effectRows = ({ spec, candidate, effects }: WorkedStep): readonly (readonly Cell[])[] => {
  const { recorded, open } = effects;
  if (recorded === 0) return [];
  const whose = candidate === undefined ? spec.id : `${spec.id} ${candidate}`;
  const asked = open.filter(({ decision }) => decision === "fail").length;
  const told = [`${open.length - asked} open`, `${asked} asked`].filter((words) => !words.startsWith("0"));
  return [["effects", `${whose}: ${[`${recorded} recorded`, ...told].join(", ")}`]];
};

/** Of the whole run, and of each step where several have a part in it. */
const usageRows = (run: Run, usage: Usage): readonly (readonly Cell[])[] => {
  if (!isSpending(usage)) return [];
  const parts = run.steps
    .map(({ spec }) => ({ id: spec.id, usage: usageOfStep(run, spec.id) }))
    .filter((part) => isSpending(part.usage));
  return [
    ["usage", usageWords(usage)],
    ...(parts.length < 2 ? [] : parts.map((part) => ["usage", `${part.id}: ${usageWords(part.usage)}`])),
  ];
};

const refusalsWords = (count: number): string =>
  `${count} ${count === 1 ? "call of a tool" : "calls of tools"} by whoever may not: journal --type access_refused`;

const candidateRows = (step: Step, view: RunView): readonly (readonly Cell[])[] =>
  step.candidates.map((one) => [
    "candidate",
    statusCell(stepWord(workedStep(step, one.candidate), view), `${step.spec.id} ${one.candidate}`),
    `${one.agent}: ${candidateWords(one)}`,
  ]);

export const whyRunWaits = async (app: RunLedger, output: Output, runId: string): Promise<number> => {
  const { run, waiting } = await app.view(runId);
  const least = leastSafe(run);
  const isolationLevel = least?.isolationLevel ?? null;
  const broken = await brokenCheckpoints(app, runId);
  const held = heldKeys(run);
  if (output.json) {
    const { status } = run.state;
    const told = { runId, status, ...waiting, isolationLevel, brokenCheckpoints: broken, heldKeys: held };
    return done(() => printJson(output, told));
  }
  printLine(output, safe(waiting.sentence));
  if (waiting.hint !== null) printLine(output, `  ${waiting.hint}`);
  if (least !== undefined) printLine(output, `  judged at ${isolationTold(least)}`);
  for (const words of passedOverLines(broken)) printLine(output, `  ${words}`);
  for (const words of heldKeyLines(runId, held)) printLine(output, `  ${safe(words)}`);
  return EXIT.done;
};

/** Fifty names of tests are read with --json, or in the browser. */
const TESTS_TOLD_CHARS = 300;

export const printLogs = async (
  app: RunLedger,
  output: Output,
  runId: string,
  stepId: string,
  options: { attempt?: number; candidate?: number; judge: boolean },
): Promise<number> => {
  const logs = await app.logs(runId, stepId, options.attempt, options.candidate);
  const { agentLog, attempt, candidate, verdict } = logs;
  const agent = agentLog === null ? null : await readFile(agentLog, "utf8");
  const judge = await logText(app, runId, verdict?.log);
  if (output.json) {
    const runs = await Promise.all((verdict?.tests?.runs ?? []).map(({ log }) => logText(app, runId, log)));
    const heldOut = await logText(app, runId, verdict?.tests?.heldOut?.log);
    return done(() =>
      printJson(output, { runId, stepId, attempt, candidate, agent, judge, runs, heldOut, verdict }),
    );
  }
  if (!options.judge) {
    const who = candidate === null ? "" : `, candidate ${candidate}`;
    printLine(output, paint(output, "grey", `— agent, attempt ${attempt}${who} —`));
    printLine(output, agent === null ? "(no log)" : safe(agent).trimEnd());
  }
  if (verdict === null) return EXIT.done;
  printLine(
    output,
    paint(
      output,
      "grey",
      `— judge, ${verdictLine(verdict)} (${formatDuration(verdict.durationMs)}, ${isolationTold(verdict)}) —`,
    ),
  );
  for (const [name, words] of verdict.tests === undefined ? [] : testsTold(verdict.tests))
    printLine(output, paint(output, "grey", `  ${name}: ${brief(words, TESTS_TOLD_CHARS)}`));
  for (const words of violationsTold(verdict)) printLine(output, `  ${brief(words, TESTS_TOLD_CHARS)}`);
  if (judge !== null) printLine(output, safe(judge).trimEnd());
  for (const { name, hash } of otherLogs(verdict)) {
    printLine(output, paint(output, "grey", `— ${name} —`));
    printLine(output, safe((await logText(app, runId, hash)) ?? "(no log)").trimEnd());
  }
  return EXIT.done;
};
