import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  aboutFile,
  type Caller,
  isLedgerError,
  LedgerError,
  planWire,
  type RunLedger,
  readPlan,
  requirePlanWanted,
  type ShownPlan,
  shownPlan,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import type { Keyed } from "../groups/run.js";
import { printJson, say } from "../output.js";
import { nameOf, PIPED, readGivenPlan } from "../piped.js";
import { planJson, printPlan } from "../plan-text.js";
import type { Bench } from "../program.js";
import { standing } from "./act.js";

/** Of a file with every defect, as `run` would refuse it; of a run as it waits for approval, or as it stands now. */
export const showPlan = async (app: RunLedger, b: Bench, given: string): Promise<number> => {
  const file = given === PIPED ? PIPED : resolve(b.directory, given);
  const runId = (await isPlan(app, given, file)) ? null : await app.findRun(given);
  const shown = runId === null ? await planIn(app, b, file) : await planOfRun(app, runId);
  if (b.output.json) printJson(b.output, { runId, ...planJson(shown) });
  else printPlan(b.output, shown);
  if (shown.state === "proposed")
    say(
      b.output,
      `  Approve it: runledger approve ${runId} --proposal ${shown.proposalSeq}. Another one: runledger deny ${runId} --reason "…". Change it: runledger plan edit ${runId}`,
    );
  return EXIT.done;
};

/** Whether a file is meant that is there. So is a folder that bears no run's name: it is refused as one. */
const isPlan = async (app: RunLedger, given: string, file: string): Promise<boolean> => {
  if (file === PIPED) return true;
  const facts = await stat(file).catch(() => undefined);
  if (facts === undefined || facts.isFile()) return facts !== undefined;
  return app.findRun(given).then(
    () => false,
    (error: unknown) => {
      if (isLedgerError(error, "run_not_found")) return true;
      throw error;
    },
  );
};

const planIn = async (app: RunLedger, { terminal }: Bench, file: string): Promise<ShownPlan> => {
  const value = await readGivenPlan(file, terminal.input);
  const plan = await aboutFile(nameOf(file), async () => readPlan(value, { agents: app.agentNames }));
  return { state: "attached", proposalSeq: null, plan };
};

const planOfRun = async (app: RunLedger, runId: string): Promise<ShownPlan> => {
  const shown = shownPlan(await app.ledger.load(runId), app.ledger.rules.agents);
  if (shown !== undefined) return shown;
  throw new LedgerError("run_not_planning", `Run "${runId}" has no plan yet.`, {
    hint: `What it waits for: runledger why ${runId}`,
  });
};

/** Checked whole before anything is recorded; a text with defects stays where it is. */
export const editPlan = async (
  app: RunLedger,
  b: Bench,
  caller: Caller,
  runId: string,
  { file, idempotencyKey }: Keyed & { readonly file?: string },
): Promise<number> => {
  const attach = async (from: string): Promise<number> => {
    const value = await readGivenPlan(from, b.terminal.input);
    const key = idempotencyKey === undefined ? {} : { idempotencyKey };
    const input = { plan: value, agents: app.agentNames, ...key };
    const run = await aboutFile(nameOf(from), () => app.attachPlan(caller, runId, input));
    return standing(app, b.output, run);
  };
  if (file !== undefined) return attach(file === PIPED ? PIPED : resolve(b.directory, file));
  return inEditor(app, b, runId, attach);
};

const inEditor = async (
  app: RunLedger,
  { output, terminal }: Bench,
  runId: string,
  attach: (file: string) => Promise<number>,
): Promise<number> => {
  const editor = terminal.env.VISUAL || terminal.env.EDITOR;
  if (editor === undefined || editor === "" || terminal.tty?.() === undefined)
    throw new LedgerError("invalid_input", "There is no editor to open, or no terminal to open it in.", {
      hint: "Set EDITOR, or give the plan as --file FILE.",
    });
  const before = await textBefore(app, runId);
  // Private: a plan may speak of what others on the machine have no business with.
  const folder = await mkdtemp(join(tmpdir(), "runledger-plan-"));
  const file = join(folder, "plan.json");
  await writeFile(file, before);
  const [code] = await once(spawn("sh", ["-c", `${editor} "$1"`, "sh", file], { stdio: "inherit" }), "exit");
  if ((await readFile(file, "utf8")) === before) {
    await rm(folder, { recursive: true });
    say(output, "The plan was not changed; nothing was recorded.");
    return EXIT.done;
  }
  const kept = `What you wrote is in ${file}; take it with: runledger plan edit ${runId} --file ${file}`;
  if (code !== 0) {
    say(output, `The editor ended with ${code ?? "a signal"}; nothing was recorded. ${kept}`);
    return EXIT.done;
  }
  try {
    const ended = await attach(file);
    await rm(folder, { recursive: true });
    return ended;
  } catch (error) {
    say(output, kept);
    throw error;
  }
};

/** Refused before the editor opens, and not after the work in it. */
const textBefore = async (app: RunLedger, runId: string): Promise<string> => {
  const run = await app.ledger.load(runId);
  requirePlanWanted(run);
  const shown = shownPlan(run, app.ledger.rules.agents);
  const plan = shown === undefined ? { goal: run.goal, steps: [] } : planWire(shown.plan);
  return `${JSON.stringify(plan, null, 2)}\n`;
};
