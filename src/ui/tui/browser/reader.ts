/** Called often; what it reads is read one after the other, and not more often than can be. */
export interface Reader {
  refresh(): void;
  readonly reading: boolean;
}

/** What takes longer than this to read is drawn without it. */
const PATIENCE_MS = 100;

// Keys come quicker than a slow disk reads: whatever is asked for while something is read is read after it, once.
export const openReader = (read: () => Promise<void>, drawn: () => void): Reader => {
  let reading = false;
  let again = false;
  const readOn = async (): Promise<void> => {
    while (again) {
      again = false;
      await read();
    }
  };
  return {
    get reading() {
      return reading;
    },
    refresh: () => {
      again = true;
      if (reading) return;
      reading = true;
      const impatient = setTimeout(drawn, PATIENCE_MS);
      void readOn().finally(() => {
        clearTimeout(impatient);
        reading = false;
        drawn();
      });
    },
  };
};
