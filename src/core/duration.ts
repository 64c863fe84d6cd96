const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof UNIT_MS;

const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;

/** What `parseDuration` reads, as a pattern for other programs. */
export const DURATION_PATTERN = `^\\s*${WHOLE.source.slice(1, -1)}\\s*$`;

/** Milliseconds of `90s`, `2m`, `1h30m`, `250ms`; undefined when the text is no duration. */
export const parseDuration = (text: string): number | undefined => {
  const trimmed = text.trim();
  if (!WHOLE.test(trimmed)) return undefined;
  let total = 0;
  for (const [, amount, unit] of trimmed.matchAll(PART)) total += Number(amount) * UNIT_MS[unit as Unit];
  return Math.round(total);
};

/** The shortest honest spelling: `0ms`, `850ms`, `12s`, `2m`, `1h30m`. */
export const formatDuration = (ms: number): string => {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 10_000) return `${Math.round(ms / 100) / 10}s`;
  const seconds = Math.round(ms / 1_000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .slice(0, 2)
    .map(([count, unit]) => `${count}${unit}`)
    .join("");
};

/** Like `formatDuration`, but never shortened: what `parseDuration` reads back is the same to the millisecond. */
export const exactDuration = (ms: number): string => {
  const text = formatDuration(ms);
  return parseDuration(text) === ms ? text : `${ms}ms`;
};
