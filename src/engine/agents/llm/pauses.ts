/** The pause that a provider asks for: milliseconds, seconds, or a date to come. Nothing, where it names none of them. */
export const pauseAsked = (headers: Readonly<Record<string, string>>, nowMs: number): number | undefined => {
  const exact = numberIn(headers["retry-after-ms"]);
  if (exact !== undefined) return exact;
  const header = headers["retry-after"] ?? "";
  const seconds = numberIn(header);
  if (seconds !== undefined) return seconds * 1_000;
  const left = Date.parse(header) - nowMs;
  return left > 0 ? left : undefined;
};

const numberIn = (header: string | undefined): number | undefined =>
  header !== undefined && /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) : undefined;
