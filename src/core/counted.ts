/** "1 run", "2 runs": how many of a word that takes an s. */
export const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;

/** How often: "once", "3 times". */
export const times = (count: number): string => (count === 1 ? "once" : `${count} times`);
