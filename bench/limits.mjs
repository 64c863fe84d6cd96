/** Walls that nothing here comes near. */
export const LIMITS = {
  memoryBytes: 8 * 1024 ** 3,
  processes: 4_096,
  diskBytes: 20 * 1024 ** 3,
  files: 1_000_000,
  outputBytes: 4 * 1024 ** 3,
};
