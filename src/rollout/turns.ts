/** Work on one run waits for the work on it before: what is said later must be done later. */
export const turns = () => {
  const last = new Map<string, Promise<unknown>>();
  return async <T>(id: string, work: () => Promise<T>): Promise<T> => {
    const former = last.get(id);
    const mine = former === undefined ? work() : former.then(work, work);
    last.set(id, mine);
    try {
      return await mine;
    } finally {
      if (last.get(id) === mine) last.delete(id);
    }
  };
};
