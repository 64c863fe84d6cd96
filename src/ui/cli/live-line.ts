import type { Run } from "../../index.js";
import { brief, type Output, paint, say } from "./output.js";

/** Fast enough to look alive, slow enough to cost nothing. */
const FRAME_MS = 120;
const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const CLEAR = "\r\u001b[2K";
/** A line that wraps cannot be cleared; the narrowest usual terminal has 80 columns. */
const ACTIVITY_CHARS = 66;

export interface LiveLine {
  /** A line that stays, above the live one. */
  above(text: string): void;
  show(run: Run): void;
  end(): void;
}

// One line at the bottom that says what goes on now; only where a person looks at a terminal.
export const liveLine = (output: Output, interrupted: AbortSignal): LiveLine => {
  if (!output.live || output.quiet || output.json)
    return { above: (text) => say(output, text), show: () => undefined, end: () => undefined };
  let now = "";
  let frame = 0;
  const since = performance.now();
  const draw = (): void => {
    frame += 1;
    const seconds = Math.round((performance.now() - since) / 1_000);
    if (now !== "")
      output.err.write(
        `${CLEAR}${paint(output, "blue", FRAMES[frame % FRAMES.length] ?? "")} ${now} ${paint(output, "grey", `${seconds}s`)}`,
      );
  };
  const timer = setInterval(draw, FRAME_MS);
  timer.unref();
  const stopping = (): void => {
    clearInterval(timer);
    output.err.write(`${CLEAR}Stopping; the run stays resumable. Ctrl-C once more kills.\n`);
  };
  interrupted.addEventListener("abort", stopping, { once: true });
  return {
    above: (text) => void output.err.write(`${CLEAR}${output.redact(text)}\n`),
    show: (run) => {
      now = activityOf(run);
    },
    end: () => {
      interrupted.removeEventListener("abort", stopping);
      clearInterval(timer);
      output.err.write(CLEAR);
    },
  };
};

const activityOf = (run: Run): string => {
  const ids = (status: string): string =>
    run.steps
      .filter(({ state }) => state.status === status)
      .map(({ spec }) => spec.id)
      .slice(0, 3)
      .join(", ");
  const done = run.steps.filter(({ state }) => state.status === "completed").length;
  const parts = [`${done}/${run.steps.length}`];
  if (ids("in_progress") !== "") parts.push(`working: ${ids("in_progress")}`);
  if (ids("racing") !== "") parts.push(`racing: ${racing(run).join(", ")}`);
  if (ids("verify_pending") !== "") parts.push(`verifying: ${ids("verify_pending")}`);
  return brief(parts.join(" · "), ACTIVITY_CHARS);
};

/** Of each raced step how many of its candidates are at work. */
const racing = ({ steps }: Run): readonly string[] =>
  steps.flatMap(({ spec, state, candidates }) => {
    if (state.status !== "racing") return [];
    const working = candidates.filter((one) => one.state.status === "in_progress").length;
    return [`${spec.id} ${working}/${candidates.length}`];
  });
