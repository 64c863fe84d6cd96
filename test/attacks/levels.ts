import { probeIsolation } from "../../src/pev/isolation/probe.js";
import { probeGroups } from "../../src/pev/walls/probe.js";
import type { Level } from "./attack.js";

/** More than enough for the one small program that it is tried with. */
const ROOMY = { memoryBytes: 2 ** 30, processes: 64, diskBytes: 2 ** 30, files: 1_000, outputBytes: 2 ** 20 };

const { bubblewrap } = await probeIsolation(process.env.PATH ?? "");
const groups = await probeGroups(ROOMY);

/** The levels that this machine offers, found out by the same probes that the ledger asks. */
export const levels: readonly Level[] = [
  1,
  ...(typeof groups === "string" ? [] : [2 as const]),
  ...(bubblewrap === null ? [] : [3 as const]),
];

/** Settings that make a level the one and only. */
export const settingsOf = (level: Level): Readonly<Record<string, unknown>> => ({
  isolation: { minimum: level, maximum: level },
});
