/** Where the table of keys holds what a run that is gone has left to those who go on from it: keys, and the run before it. */
export const leftKeysScope = (runId: string): string => `left:${runId}`;
export const leftFromScope = (runId: string): string => `left_from:${runId}`;
