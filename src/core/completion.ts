import type { EventBody } from "./events.js";
import { isOpenIntent, isOwnIntent } from "./intents.js";
import type { Run } from "./run.js";

/**
 * Asked after every change, in one place, whoever made it: is the run done? Criteria judge the whole when every step is
 * completed; a failed step that awaits policy never ends a run by itself.
 */
export const completion = (run: Run, onUnmetCriteria: "fail" | "pause"): readonly EventBody[] => {
  // Whether a run that a host drives has ended is the host's to say.
  if (run.source !== null) return [];
  if (run.state.status !== "running" || run.steps.length === 0) return [];
  if (run.steps.some(({ state }) => state.status !== "completed")) return [];
  // What was asked for is answered, and done or not done, before anybody says that all is done.
  if (run.intents.some((intent) => isOwnIntent(run, intent) && isOpenIntent(intent))) return [];
  if (run.criteria.some(({ state }) => state.status === "unchecked")) return [];
  const unmet = run.criteria
    .filter(({ state }) => state.status === "unmet")
    .map(({ spec }) => spec.description);
  if (unmet.length === 0)
    return [
      { type: "run_completed", version: 1, payload: { summary: summaryOf(run), waivers: [...run.waivers] } },
    ];
  const message = `${unmet.length} of ${run.criteria.length} acceptance criteria unmet: ${unmet.join("; ")}`;
  return onUnmetCriteria === "pause"
    ? [{ type: "run_paused", version: 1, payload: { reason: "unmet_criteria", message, stepId: null } }]
    : [{ type: "run_failed", version: 1, payload: { reason: "unmet_criteria", message, unmet } }];
};

const summaryOf = (run: Run): string => {
  const counts = new Map<string, number>();
  for (const { state } of run.steps)
    if (state.status === "completed") counts.set(state.how, (counts.get(state.how) ?? 0) + 1);
  const parts = [...counts].map(([how, count]) => `${counted(count, "step", "steps")} ${how}`);
  if (run.criteria.length > 0) parts.push(`${counted(run.criteria.length, "criterion", "criteria")} met`);
  if (run.waivers.length > 0) parts.push(counted(run.waivers.length, "waiver", "waivers"));
  return parts.join(", ");
};

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;
