import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import type { Command } from "../../src/core/commands.js";
import { openStore } from "../../src/stores/open.js";
import { create, effectCall, planOf, start, stepSpec } from "../helpers/cast.js";
import { figure } from "../helpers/figures.js";
import { openedOn, temporaryFolder } from "../helpers/ledgers.js";
import { SWEEP_MS, sweepSize, wholeSweeps } from "../helpers/sweep.js";
import { behindTheBack } from "./damaged.js";

/** Calls that an agent made at once. */
const PER_COMMAND = 1_000;
const effects = (from: number, count: number): Command => ({
  type: "record_effects",
  stepId: "a",
  attempt: 1,
  entries: Array.from({ length: count }, (_, index) => ({
    kind: "settled",
    call: {
      ...effectCall,
      class: "pure",
      risk: "none",
      onAmbiguous: null,
      key: null,
      position: from + index,
    },
    outcome: { kind: "done", value: { kind: "inline", json: JSON.stringify("x".repeat(100)) } },
  })),
});

const EVENTS = sweepSize(100_000, 500);
/** What one run is to bear at least, and how soon it is to be read again from its journal alone. */
const [EVENTS_MIN, REPLAY_MS_MAX] = [51_200, 5_000];

it(
  `a run of ${EVENTS} events is read again by a process that knows nothing`,
  async () => {
    const folder = await temporaryFolder();
    const store = await openStore(folder);
    const { tell } = openedOn(store);
    await tell("run_1", create(planOf([stepSpec("a")])));
    let { seq } = (await tell("run_1", start("a"))).run;
    while (seq < EVENTS)
      ({ seq } = (await tell("run_1", effects(seq, Math.min(PER_COMMAND, EVENTS - seq)))).run);
    await store.close();
    behindTheBack(folder, (db) => db.exec("DELETE FROM snapshots"));
    const reader = ["--import", "tsx", join(import.meta.dirname, "replaying.ts"), folder, "run_1"];
    const { stdout } = await promisify(execFile)(process.execPath, reader);
    const read = JSON.parse(stdout) as { seq: number; ms: number };
    expect(read.seq).toBe(EVENTS);
    figure("events", read.seq, 0);
    if (!wholeSweeps) return;
    figure("replay", read.ms, 0);
    expect(read.seq).toBeGreaterThanOrEqual(EVENTS_MIN);
    expect(read.ms).toBeLessThan(REPLAY_MS_MAX);
  },
  SWEEP_MS,
);
