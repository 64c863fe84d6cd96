import { open, stat } from "node:fs/promises";
import type { ListedEffect, RunLedger, Verdict, WorkedStep } from "../../../index.js";
import { effectClass, effectWords } from "../../cli/effect-words.js";
import { otherLogs } from "../../cli/judge-logs.js";
import { verdictOf } from "./step-lines.js";
import type { Tab } from "./step-view.js";

/** The end of a log, or the beginning of a patch: more than anybody reads here. `runledger logs` has all of it. */
const BYTES_MAX = 256 * 1024;

/** What a tab shows beside what the run itself knows; null when there is nothing. */
export const textOf = async (
  app: RunLedger,
  runId: string,
  step: WorkedStep,
  tab: Tab,
): Promise<string | null> => {
  if (tab === "agent log") return endOf(app, app.agentLog(runId, step.spec.id, step.attempt, step.candidate));
  if (tab === "judge log") return judgeText(app, runId, verdictOf(step));
  if (tab === "effects") return effectsText(app, runId, step);
  const { state } = step;
  const proposal = "proposal" in state ? state.proposal : null;
  return tab === "diff" ? blobText(app, runId, proposal?.capture.patch ?? null) : null;
};

/** `runledger effects` has all of them, and their results. */
const EFFECTS_MAX = 1_000;

const effectsText = async (app: RunLedger, runId: string, step: WorkedStep): Promise<string> => {
  const { attempt, candidate } = step;
  const of = { stepId: step.spec.id, attempt, ...(candidate === undefined ? {} : { candidate }) };
  const effects = await app.effects(runId, of);
  const more = effects.length > EFFECTS_MAX ? [`… ${effects.length - EFFECTS_MAX} before`] : [];
  return [...more, ...effects.slice(-EFFECTS_MAX).map(effectLine)].join("\n");
};

const effectLine = (effect: ListedEffect): string => {
  const { position, name, status } = effect;
  const said = effectWords(effect);
  const head = `${status.padEnd(7)} ${position} ${name} (${effectClass(effect)})`;
  return said === "" ? head : `${head}: ${said}`;
};

/** The log of the command that decided; below it those of the others, each below its name. */
const judgeText = async (app: RunLedger, runId: string, verdict: Verdict | null): Promise<string | null> => {
  if (verdict === null) return null;
  const texts = [await blobText(app, runId, verdict.log)];
  for (const { name, hash } of otherLogs(verdict))
    texts.push(`— ${name} —\n${(await blobText(app, runId, hash)) ?? "(no log)"}`);
  const printed = texts.filter((text) => text !== null);
  return printed.length === 0 ? null : printed.join("\n");
};

const blobText = async (app: RunLedger, runId: string, hash: string | null): Promise<string | null> => {
  const bytes = hash === null ? undefined : await app.ledger.store.getBlob(hash, runId);
  if (bytes === undefined) return null;
  const text = Buffer.from(bytes.subarray(0, BYTES_MAX)).toString("utf8");
  return bytes.length > BYTES_MAX ? `${text}\n… and ${bytes.length - BYTES_MAX} bytes more` : text;
};

/** No secret that is looked for is longer; one that begins before what is shown is known by what stands there. */
const SECRET_BYTES_MAX = 64 * 1024;

/** Null when there is no such file. */
const endOf = async ({ ledger }: RunLedger, path: string): Promise<string | null> => {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return null;
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - BYTES_MAX);
    const before = Math.min(from, SECRET_BYTES_MAX);
    const bytes = Buffer.alloc(size - from + before);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from - before);
    const stream = ledger.redactor.stream();
    stream.push(bytes.subarray(0, before));
    const shown = [stream.push(bytes.subarray(before, bytesRead)), stream.end()];
    const text = Buffer.concat(shown).toString("utf8");
    return from === 0 ? text : `… ${from} bytes before\n${text}`;
  } finally {
    await file.close();
  }
};

/** Bytes of a log so far; -1 before its first. */
export const logBytes = async (path: string): Promise<number> =>
  (await stat(path).catch(() => undefined))?.size ?? -1;
