/** Where the table of keys holds what a run that is gone has left to those who go on from it: keys, and the run before it. */
export const leftKeysScope = (runId: string): string => `left:${runId}`;
export const leftFromScope = (runId: string): string => `left_from:${runId}`;
/** And which ledger it had come from, for the day it comes back. */
export const leftOriginScope = (runId: string): string => `left_origin:${runId}`;
