/** Whoever asks for a longer pause is asked again after this one: it may have meant a client that nobody waits for. */
const RETRY_AFTER_MAX_MS = 30_000;

/**
 * Milliseconds for which a server asks to be left alone (RFC 9110, Retry-After: seconds or a date), at most RETRY_AFTER_MAX_MS; 0 when it
 * does not. A date is held against the server's own, so that clocks that differ change nothing.
 */
export const retryAfterIn = (headers: Headers): number => {
  const asked = headers.get("retry-after")?.trim() ?? "";
  const ms = /^\d+$/.test(asked)
    ? Number(asked) * 1_000
    : Date.parse(asked) - Date.parse(headers.get("date") ?? "");
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), RETRY_AFTER_MAX_MS);
};
