import type { Store } from "../../stores/store.js";

type Parts = {
  readonly store: Pick<Store, "markedSchedules" | "scheduleMark" | "markSchedule">;
  readonly nowMs: () => number;
};

/**
 * A schedule that is off, or not in the settings at all, is new when it is there again: what was not there was not due, and
 * nobody wants it begun afterwards.
 */
export const forgetOthers = async (
  { store, nowMs }: Parts,
  enabled: readonly { readonly name: string }[],
): Promise<void> => {
  const here = new Set(enabled.map(({ name }) => name));
  for (const name of await store.markedSchedules()) {
    if (here.has(name) || (await store.scheduleMark(name))?.timing === NO_TIMING) continue;
    await store.markSchedule(name, { timing: NO_TIMING, sinceMs: nowMs() });
  }
};

/** What no schedule is due by. */
const NO_TIMING = "";
