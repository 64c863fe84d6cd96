import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Caller } from "../../../src/core/commands.js";
import { createRedactor } from "../../../src/core/redact.js";
import { createCredentials } from "../../../src/ledger/credentials.js";
import { type Ledger, openLedger } from "../../../src/ledger/ledger.js";
import { openStore } from "../../../src/stores/open.js";
import { type Line, PATCH, STORY, STORY_RULES } from "./story.js";

/** What the world saw: a line for each time an effect of the story was done. */
export const EFFECTS_FILE = "effects-done";

export type Teller = {
  /** Answers at once to what it has answered before. */
  readonly tell: (line: Line) => Promise<void>;
  readonly ledger: Ledger;
  readonly close: () => Promise<void>;
};

/** Somebody who tells the story to the ledger of a folder, from wherever it was broken off. */
export const openTeller = async (folder: string): Promise<Teller> => {
  const store = await openStore(join(folder, "ledger"));
  const { credentials, engine, host } = createCredentials();
  let at = "";
  const redactor = createRedactor([]);
  const ledger = openLedger({ store, rules: STORY_RULES, credentials, redactor, now: () => at });
  const issued = new Map<string, Caller>();
  const credentialOf = (caller: Caller): Caller => {
    if (caller.role === "engine") return engine;
    if (caller.role === "host") return host;
    const name = JSON.stringify(caller);
    const known = issued.get(name) ?? ledger.issue(caller);
    issued.set(name, known);
    return known;
  };
  return {
    ledger,
    tell: async (line) => {
      const { runId, command, key, caller } = line;
      if (key === null && ((await store.runRow(runId))?.lastSeq ?? 0) >= line.seq) return;
      at = line.at;
      if (command.type === "propose_step_result" && command.capture.patch !== null)
        await store.putBlob(Buffer.from(PATCH));
      if (command.type === "propose_intent") await store.putBlob(Buffer.from(command.text ?? ""));
      doEffects(folder, line);
      const mirror = command.type === "mirror_run" ? { mirror: mirrorOf(command) } : {};
      const options = key === null ? {} : { idempotencyKey: key };
      await ledger.submit(runId, command, credentialOf(caller), { ...options, ...mirror });
    },
    close: () => store.close(),
  };
};

type Mirroring = Extract<Line["command"], { type: "mirror_run" }>;
const mirrorOf = ({ projection, record }: Mirroring) => ({
  projection,
  hostId: record.id,
  createdAt: record.createdAt,
});

/** Between its intent and its settling; whoever goes on asks the world first whether it was done. */
const doEffects = (folder: string, { command }: Line): void => {
  if (command.type !== "record_effects") return;
  for (const entry of command.entries)
    if (entry.kind === "settled" && !effectsDone(folder).includes(entry.call.name))
      appendFileSync(join(folder, EFFECTS_FILE), `${entry.call.name}\n`);
};

export const effectsDone = (folder: string): readonly string[] => {
  const file = join(folder, EFFECTS_FILE);
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
};

/** From the first line to the last; `acknowledged` hears of each that is on the disk. Opened again after so many lines. */
export const tellStory = async (
  folder: string,
  acknowledged?: (line: number) => void,
  linesPerOpening = STORY.length,
  story = STORY,
): Promise<void> => {
  let teller = await openTeller(folder);
  try {
    for (const [index, line] of story.entries()) {
      if (index > 0 && index % linesPerOpening === 0) {
        await teller.close();
        teller = await openTeller(folder);
      }
      await teller.tell(line);
      acknowledged?.(index);
    }
  } finally {
    await teller.close();
  }
};
