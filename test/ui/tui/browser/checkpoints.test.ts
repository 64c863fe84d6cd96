import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RunLedger } from "../../../../src/index.js";
import { look } from "../../../helpers/browsing.js";
import type { Sample } from "../../../helpers/project.js";
import { checkpointsIn, flipped, inLedger, lifeOf, shopOf, spoil } from "../../../helpers/turns.js";

const TURNS = 13;

/** An agent has ended so many turns, of which the first ten are thinned out, and the newest checkpoint is spoilt. */
const worked = async (): Promise<Sample> => {
  const shop = await shopOf("durable: { checkpointsKept: 1 }\n");
  await lifeOf(shop, async (effects) => {
    for (let turn = 1; turn <= TURNS; turn += 1) await effects.checkpoint({ workingMemory: { turn } });
    return undefined;
  });
  const newest = (await checkpointsIn(shop)).at(-1);
  if (newest !== undefined) await spoil(shop, newest, flipped);
  return shop;
};

const looked = async (
  size: { readonly columns: number; readonly rows: number },
  see: (screen: Awaited<ReturnType<typeof look>>, app: RunLedger, runId: string) => Promise<void>,
): Promise<void> => {
  await inLedger(shop, {}, async (app, runId) => {
    const screen = await look({ app }, size, { runId, now: Date.now });
    await screen.shows(/coder/);
    await screen.press("C");
    await see(screen, app, runId);
    await screen.press("ctrl+c");
  });
};

let shop: Sample;
beforeEach(async () => {
  shop = await worked();
});
afterEach(() => shop.dispose());

describe("the checkpoints of a run", () => {
  it("are a list, the newest first: when, why, whose, how large, whole or not, and whether each is good", async () => {
    await looked({ columns: 80, rows: 24 }, async (screen) => {
      await screen.shows(/14 checkpoints {2}[\d.]+ K?i?B, 1 broken, 10 thinned/);
      await screen.shows(/✘ +14 +\d+s +interruption +a\/1 +turn 13 +[\d.]+ K?i?B delta {2}is not/);
      await screen.shows(/✔ +13 +\d+s +turn +a\/1 +turn 13 +[\d.]+ K?i?B delta {2}good/);
      await screen.shows(/✔ +11 +\d+s +turn +a\/1 +turn 11 +[\d.]+ K?i?B full {3}good/);
      await screen.shows(/– +10 +\d+s +turn +a\/1 +turn 10 +delta {2}thinned/);
      for (const line of (await screen.text()).split("\n")) expect([...line].length).toBeLessThanOrEqual(80);
      await screen.press("G", "e");
      await screen.shows(/checkpoints_thinned +10 older/);
    });
  });

  it("tell all of the chosen one beside the list, where there is room", async () => {
    await looked({ columns: 200, rows: 60 }, async (screen, app, runId) => {
      const all = await app.checkpoints(runId);
      await screen.shows(/✘ Checkpoint 14/);
      await screen.press("j");
      await screen.shows(/✔ Checkpoint 13/);
      const [one] = all.slice(-2);
      await screen.shows(one?.id ?? "");
      await screen.shows(new RegExp(`stored +as a difference from that of event ${one?.former}, in sqlite`));
      await screen.shows(/agent +sha256:/);
      await screen.shows(/state +holds/);
      // What is spoilt meanwhile is seen by who looks again.
      if (one !== undefined) await spoil(shop, one, null);
      await screen.press("r");
      await screen.shows(/✘ Checkpoint 13/);
      await screen.shows(/state +is gone/);
    });
  });
});
