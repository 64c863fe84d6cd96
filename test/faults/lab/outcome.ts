import { existsSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../../src/core/canonical.js";
import type { Flaw } from "../../../src/ledger/verify/flaws.js";
import { lookAtStore } from "../../../src/stores/open.js";
import type { EventRow, Store } from "../../../src/stores/store.js";
import { verified } from "../damaged.js";
import { STORY } from "./story.js";
import { effectsDone, tellStory } from "./telling.js";

/** Every event of a ledger that somebody told the story to, in the order of writing. */
export const journalOf = async (place: string): Promise<readonly string[]> => {
  if (!existsSync(join(place, "ledger", "ledger.db"))) return [];
  const store = await lookAtStore(join(place, "ledger"));
  if (store === undefined) return [];
  try {
    return await journalLines(store);
  } finally {
    await store.close();
  }
};

/** Which ledger it was told to is drawn anew for each; `verified` holds the rows to their hashes. */
export const journalLines = async ({
  feed,
  ledgerId,
}: Pick<Store, "feed" | "ledgerId">): Promise<readonly string[]> => {
  const told = (row: EventRow): string =>
    sha256(JSON.stringify({ ...row, prevHash: "", hash: "" }).replaceAll(ledgerId, "LEDGER"));
  const rows = await feed(0, 10_000);
  return rows.map((row) => `${row.position} ${row.runId} ${row.seq} ${row.type} ${told(row)}`);
};

/** What must be there already, and what must come of it when somebody goes on. */
export type Expected = {
  /** The journal of whoever was never disturbed. */
  readonly journal: readonly string[];
  readonly effects: readonly string[];
  /** What `verify` finds in the end, and nothing else: mostly nothing. */
  readonly flaws: readonly string[];
};

/** What is wrong with the ledger of version 2: its store took a run out by itself, and no version of `prune` did that without an archive. */
export const TAKEN_OUT_BARE = "It was taken out without an archive, and was not erased.";

export const expectedOf = async (place: string, flaws: readonly string[] = []): Promise<Expected> => ({
  journal: await journalOf(place),
  effects: effectsDone(place),
  flaws,
});

/** Right after it, before anybody goes on: nothing that was acknowledged is lost, and no effect is without its intent. */
export const lostIn = async (place: string, acknowledged: readonly number[]): Promise<readonly string[]> => {
  const journal = (await journalOf(place)).join("\n");
  const has = (runId: string, seq: number): boolean => journal.includes(` ${runId} ${seq} `);
  const lost = acknowledged.flatMap((index) => {
    const { runId, seq } = STORY[index] ?? { runId: "none", seq: 0 };
    return has(runId, seq) ? [] : [`line ${index} was acknowledged, and event ${seq} of "${runId}" is lost`];
  });
  const unintended = effectsDone(place).flatMap((name) =>
    journal.includes(" effect_intended ") ? [] : [`${name} was done without an intent`],
  );
  return [...lost, ...unintended];
};

/** What `verify` finds; the signature of the story's checkpoint is nobody's. */
export const flawsIn = async (place: string): Promise<readonly Flaw[]> =>
  (await verified(join(place, "ledger"))).flaws.filter(({ kind }) => kind !== "checkpoint");

/** Somebody goes on to the end: it is the very same journal, each effect was done once, and all of it can be verified. */
export const wrongAfterwards = async (place: string, expected: Expected): Promise<readonly string[]> => {
  await tellStory(place);
  const now = await expectedOf(place);
  const first = expected.journal.findIndex((event, at) => now.journal[at] !== event);
  const flaws = (await flawsIn(place)).map(({ message }) => message);
  return [
    ...(first === -1 ? [] : [`instead of ${expected.journal[first]} there is ${now.journal[first]}`]),
    ...now.journal.slice(expected.journal.length).map((event) => `${event} is too many`),
    ...(now.effects.join() === expected.effects.join() ? [] : [`effects: ${now.effects.join()}`]),
    ...(flaws.join() === expected.flaws.join() ? [] : [`verify: ${flaws.join(" ")}`]),
  ];
};
