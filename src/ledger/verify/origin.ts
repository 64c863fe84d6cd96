import type { StoredEvent } from "../../core/events.js";
import { isActive, type Run } from "../../core/run.js";
import type { Store } from "../../stores/store.js";
import type { Add } from "./flaws.js";

/** A client's run begins with two events, and is at work from then on. */
const FIRST_OF_TRACKED = 2;

/** Follows where a run may have come to rest while its events stood in one piece: so an import brings it. */
export const withArrival = () => {
  let former: StoredEvent | undefined;
  let isOnePiece = true;
  const rests: number[] = [];
  return {
    rests,
    take: (event: StoredEvent, run: Run): void => {
      isOnePiece &&= former === undefined || event.position === former.position + 1;
      former = event;
      // The first of all and the first behind the beginning are all that anybody asks for.
      const isKnown = rests.some((seq) => seq >= FIRST_OF_TRACKED);
      if (isOnePiece && !isKnown && (!isActive(run) || run.source !== null)) rests.push(event.seq);
    },
  };
};

/**
 * What is checked of a run that was made here, is not of one that came from elsewhere. So nobody may say of a run of ours that it came: one
 * that did arrived in one append, with nobody at work on it, and without an intent that this ledger had decided on.
 */
export const checkOrigin = async (
  store: Pick<Store, "ledgerId" | "originOf">,
  run: Run,
  { rests }: Pick<ReturnType<typeof withArrival>, "rests">,
  add: Add,
): Promise<void> => {
  const { runId, tracked, intents } = run;
  if ((await store.originOf(runId)) === undefined) return;
  const arrived = rests.find((seq) => tracked === null || seq >= FIRST_OF_TRACKED);
  const isOurs = intents.some(({ ledgerId, seq }) => ledgerId === store.ledgerId && seq < (arrived ?? 0));
  if (arrived !== undefined && !isOurs) return;
  add("list", "It is said to have been imported, and was made here.", { runId });
};
