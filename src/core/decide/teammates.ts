import type { CommandOf } from "../commands.js";
import { LedgerError } from "../errors.js";
import type { BlockedTeammate, Run } from "../run.js";
import { alreadyDone, type Decided, type Decider, requireLive, requireRole } from "./guards.js";

type BlockedNow = CommandOf<"mirror_teammates">["blocked"][number];

// The host says how things stand, and only what differs from what is known becomes an event: a condition told twice adds
// nothing, and one that was missed is made good by the next.
export const mirrorTeammates: Decider<"mirror_teammates"> = ({ blocked, answered }, run, { caller }) => {
  requireRole(caller, "mirror the host's teammates", "host");
  const now = new Map(blocked.map((one) => [one.grantRequestId, one]));
  if (now.size < blocked.length)
    throw new LedgerError("invalid_input", "A request is blocked once or not at all.", {
      hint: "Give each grantRequestId once.",
    });
  const outcomes = new Map(answered.map(({ grantRequestId, outcome }) => [grantRequestId, outcome]));
  const freed = run.blockedTeammates.filter((known) => isOver(known, now.get(known.grantRequestId)));
  const events: readonly Decided[] = [
    ...freed.map(({ grantRequestId, agent }) => ({
      type: "teammate_approval_unblocked" as const,
      version: 1 as const,
      payload: { grantRequestId, agent, outcome: outcomes.get(grantRequestId) ?? "withdrawn" },
    })),
    ...blocked.flatMap((one) => blockedAgain(one, knownOf(run, one, freed))),
  ];
  if (events.length === 0) return alreadyDone;
  requireLive(run);
  return events;
};

/** Attempts only grow within a cycle; a lower one says that another cycle has begun. */
const isOver = (known: BlockedTeammate, now: BlockedNow | undefined): boolean =>
  now === undefined || (now.attempt !== null && now.attempt < known.attempt);

const knownOf = (
  { blockedTeammates }: Run,
  { grantRequestId }: BlockedNow,
  freed: readonly BlockedTeammate[],
): BlockedTeammate | undefined =>
  blockedTeammates.find((known) => known.grantRequestId === grantRequestId && !freed.includes(known));

const blockedAgain = (now: BlockedNow, known: BlockedTeammate | undefined): readonly Decided[] => {
  const same =
    known !== undefined &&
    known.agent === now.agent &&
    known.tool === now.tool &&
    known.reason === now.reason &&
    (now.attempt ?? known.attempt) === known.attempt;
  if (same) return alreadyDone;
  const attempt = now.attempt ?? (known?.attempt ?? 0) + 1;
  return [{ type: "teammate_approval_blocked", version: 1, payload: { ...now, attempt } }];
};
