/** Calls back again and again until what it answers is called. */
export const everyMs = (ms: number, beat: () => void): (() => void) => {
  const timer = setInterval(beat, ms);
  return () => clearInterval(timer);
};
