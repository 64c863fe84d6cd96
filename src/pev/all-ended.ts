// Waits for every one of them, also when one fails: nobody may clean up around a process that is still at work.
export const allEnded = async <T extends readonly unknown[]>(
  works: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> => {
  await Promise.allSettled(works);
  return Promise.all(works) as Promise<unknown> as Promise<T>;
};
