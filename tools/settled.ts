import type { Run } from "../src/core/run.js";
import type { ToolHost } from "./tool.js";

/** The run when whatever is due is judged, or as it is when `settleMs` are over; then judging goes on, and run_read tells. */
export const settled = async ({ ledger, pev, settleMs }: ToolHost, runId: string): Promise<Run> => {
  const judging = pev.settle(runId, settleMs);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, settleMs, undefined);
  });
  try {
    return (await Promise.race([judging, late])) ?? (await ledger.load(runId));
  } finally {
    clearTimeout(timer);
    // What it cannot do it says to whoever waits for it next.
    judging.catch(() => undefined);
  }
};
