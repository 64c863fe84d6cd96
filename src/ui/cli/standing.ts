import type { RunView } from "../../index.js";
import { statusMark } from "./describe.js";
import type { Output } from "./output.js";
import { agoOf } from "./time-cells.js";

export const headline = (output: Output, { run, stateWord }: RunView): string => {
  const waived = run.state.status === "completed" && run.waivers.length > 0 ? " with waivers" : "";
  const reported = run.source === null ? "" : " as reported by its host";
  return `${run.runId}  ${statusMark(output, stateWord)}${waived}${reported}  started ${agoOf(run.createdAt)}`;
};
