import { uuidv7 } from "uuidv7";
import { LedgerError } from "../core/errors.js";
import * as limit from "../core/limits.js";

export const newRunId = (): string => `run_${uuidv7().replaceAll("-", "")}`;

/** When such an id was made; undefined for any other. */
export const runIdTime = (runId: string): number | undefined => {
  const [, milliseconds] = /^run_([0-9a-f]{12})[0-9a-f]{20}$/.exec(runId) ?? [];
  return milliseconds === undefined ? undefined : Number.parseInt(milliseconds, 16);
};

/** A run id becomes part of folder and branch names. */
const RUN_ID = new RegExp(`^[A-Za-z0-9][A-Za-z0-9_-]{0,${limit.ID_CHARS - 1}}$`);

export const isRunId = (text: string): boolean => RUN_ID.test(text);

export const requireRunId = (runId: string): void => {
  if (isRunId(runId)) return;
  throw new LedgerError("invalid_input", `${JSON.stringify(runId)} is no run id.`, {
    hint: `At most ${limit.ID_CHARS} letters, digits, "-" and "_".`,
  });
};
