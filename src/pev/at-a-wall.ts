import type { Judgement } from "../core/verdict.js";
import { type ReachedWall, wallSentence } from "../core/walls.js";
import type { Found } from "./walls/walls.js";

/**
 * What was ended at a wall has not passed, whatever the judge made of it: a test that is expected to fail "fails" when it
 * is killed. And what failed on a full disk has not failed.
 */
export const heldByWalls = <J extends Judgement>(judgement: J, { wall, noSpace }: Found): J => {
  if (wall !== null) return endedAt(wall, judgement);
  return noSpace && judgement.outcome !== "passed" ? withoutSpace(judgement) : judgement;
};

/**
 * Too little memory is the machine's shortage as likely as the work's fault, so nobody pays for it with an attempt; who
 * prints, forks or writes without end is told so as a failure. What was errored before (at the base, say) stays errored.
 */
const endedAt = <J extends Judgement>(reached: ReachedWall, judgement: J): J => {
  const { wall } = reached;
  const outcome = wall === "memory" || judgement.outcome === "errored" ? "errored" : "failed";
  const errored = wall === "memory" ? "out_of_memory" : judgement.reason;
  const program = judgement.command?.[0] ?? "What the judge started";
  const raise = `raise limits.${wall} in runledger.yaml`;
  return {
    ...judgement,
    outcome,
    reason: outcome === "errored" ? errored : "limit_reached",
    message: `"${program}" was ended, for it ${wallSentence(reached)}.`,
    hint:
      outcome === "errored"
        ? `Make it need less, or ${raise}; then resume the run.`
        : `If the work really needs so much, ${raise}.`,
  };
};

const withoutSpace = <J extends Judgement>(judgement: J): J => ({
  ...judgement,
  outcome: "errored",
  reason: "no_space",
  message: `The disk was full while the work was judged: ${judgement.message}`,
  hint: FREE_SPACE,
});

export const FREE_SPACE = "Free disk space, then resume the run.";
