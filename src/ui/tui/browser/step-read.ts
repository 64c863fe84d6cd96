import { open, stat } from "node:fs/promises";
import type { RunLedger, WorkedStep } from "../../../index.js";
import { verdictOf } from "./step-lines.js";
import type { Tab } from "./step-view.js";

/** The end of a log, or the beginning of a patch: more than anybody reads here. `runledger logs` has all of it. */
const BYTES_MAX = 256 * 1024;

/** What a tab shows beside what the run itself knows; null when there is nothing. */
export const textOf = (app: RunLedger, runId: string, step: WorkedStep, tab: Tab): Promise<string | null> => {
  if (tab === "agent log") return endOf(app.agentLog(runId, step.spec.id, step.attempt, step.candidate));
  return blobText(app, blobOf(step, tab));
};

const blobOf = (step: WorkedStep, tab: Tab): string | null => {
  if (tab === "judge log") return verdictOf(step)?.log ?? null;
  const { state } = step;
  return tab === "diff" && "proposal" in state ? (state.proposal?.capture.patch ?? null) : null;
};

const blobText = async (app: RunLedger, hash: string | null): Promise<string | null> => {
  const bytes = hash === null ? undefined : await app.ledger.store.getBlob(hash);
  if (bytes === undefined) return null;
  const text = Buffer.from(bytes.subarray(0, BYTES_MAX)).toString("utf8");
  return bytes.length > BYTES_MAX ? `${text}\n… and ${bytes.length - BYTES_MAX} bytes more` : text;
};

/** Null when there is no such file. */
const endOf = async (path: string): Promise<string | null> => {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return null;
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - BYTES_MAX);
    const bytes = Buffer.alloc(Math.min(size, BYTES_MAX));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
    const text = bytes.subarray(0, bytesRead).toString("utf8");
    return from === 0 ? text : `… ${from} bytes before\n${text}`;
  } finally {
    await file.close();
  }
};

/** Bytes of a log so far; -1 before its first. */
export const logBytes = async (path: string): Promise<number> =>
  (await stat(path).catch(() => undefined))?.size ?? -1;
