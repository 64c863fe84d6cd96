import type { Step } from "./run.js";

/** What a step was at last that asks for an answer: refused is only what a judge has seen. */
export const attemptEnd = ({ state }: Step): "refused" | "interrupted" | "not judged" => {
  switch (state.status) {
    case "interrupted":
      return "interrupted";
    // Each judge that tried could not run.
    case "verify_pending":
    case "racing":
      return "not judged";
    default:
      return "refused";
  }
};
