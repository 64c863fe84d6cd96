import type { Caller } from "../core/commands.js";
import type { Intent } from "../core/intents.js";
import { countedUses, covers, type Standing } from "../core/mandates.js";
import type { Run } from "../core/run.js";
import type { Ledger } from "./ledger.js";
import { changeMandates, readMandates } from "./mandates.js";

/**
 * What was approved beforehand is approved now. The use is noted first, so that a crash counts one too many and never one too few;
 * noted for this very intent, it counts once however often it is tried.
 */
export const approvedBeforehand = async (
  ledger: Ledger,
  engine: Caller,
  runId: string,
  intent: Intent,
): Promise<Run | undefined> => {
  const { intentId, contentHash, status } = intent;
  if (status !== "pending_approval") return undefined;
  let run: Run | undefined;
  for (const { id } of (await readMandates(ledger.store)).filter(({ kind }) => kind === "standing")) {
    if (!(await noted(ledger, id, intent))) continue;
    const command = { type: "apply_standing", intentId, contentHash, mandateId: id } as const;
    ({ run } = await ledger.submit(runId, command, engine));
    if (run.intents.find((one) => one.intentId === intentId)?.status !== "pending_approval") return run;
  }
  return run;
};

const noted = async ({ store, now }: Ledger, id: string, intent: Intent): Promise<boolean> => {
  const { intentId, content } = intent;
  let isCovered = false;
  await changeMandates(store, (all) => {
    const at = now();
    const one = all.find((each): each is Standing => each.id === id && each.kind === "standing");
    isCovered = one !== undefined && covers(one, intent, at);
    if (one === undefined || !isCovered) return undefined;
    const uses = countedUses(one, at);
    if (uses.some((use) => use.intentId === intentId)) return undefined;
    const use = { intentId, at, valueUsd: content.valueUsd ?? 0 };
    return all.map((each) => (each === one ? { ...one, uses: [...uses, use] } : each));
  });
  return isCovered;
};
