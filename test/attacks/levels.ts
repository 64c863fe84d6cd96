import type { Level } from "./attack.js";

/** The levels that this machine offers. */
export const levels: readonly Level[] = [1];

/** Settings that make a level the one and only. */
export const settingsOf = (_level: Level): Readonly<Record<string, unknown>> => ({});
