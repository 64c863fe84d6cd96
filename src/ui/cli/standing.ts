import type { ListedRun, RunView } from "../../index.js";
import { statusMark } from "./describe.js";
import type { Output } from "./output.js";
import { agoOf } from "./time-cells.js";

/** A status, or the word for why nobody is at work on what is due. */
export const standingWord = (status: string, { interrupted, waiting }: Undriven): string => {
  if (interrupted) return "interrupted";
  return waiting?.for === "agent" ? "awaits agent" : status;
};
type Undriven = Pick<ListedRun, "interrupted" | "waiting">;

export const headline = (output: Output, view: RunView): string => {
  const { run } = view;
  const waived = run.state.status === "completed" && run.waivers.length > 0 ? " with waivers" : "";
  const reported = run.source === null ? "" : " as reported by its host";
  return `${run.runId}  ${statusMark(output, standingWord(run.state.status, view))}${waived}${reported}  started ${agoOf(run.createdAt)}`;
};
