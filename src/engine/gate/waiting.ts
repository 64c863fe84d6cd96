import type { IntentView } from "../../core/gate-calls.js";
import type { Ledger } from "../../ledger/ledger.js";

/**
 * The intent as soon as nobody is asked about it any more, or as it is when the time is over. `look` says who may see it, and writes
 * down what has expired.
 */
export const untilDecided = async (
  ledger: Ledger,
  look: () => Promise<IntentView>,
  waitMs: number,
  interrupted: AbortSignal,
): Promise<IntentView> => {
  const until = performance.now() + waitMs;
  const { runId } = await look();
  for (;;) {
    // What is decided after this is not slept through.
    const { seq } = await ledger.load(runId);
    const intent = await look();
    const leftMs = until - performance.now();
    if (intent.status !== "pending_approval" || leftMs <= 0 || interrupted.aborted) return intent;
    const lastsMs =
      intent.expiresAt === null ? leftMs : Date.parse(intent.expiresAt) - Date.parse(ledger.now());
    await ledger.changed(runId, seq, Math.max(1, Math.min(leftMs, lastsMs)), interrupted);
  }
};
