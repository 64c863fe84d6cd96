import { randomUUID } from "node:crypto";
import type { Room } from "../room.js";
import { REPORT_BYTES_MAX } from "./command.js";

export type ReportFile = {
  /** Absolute; nothing lies there yet. */
  readonly path: string;
  /** Undefined when nothing was written, or too much. */
  readonly read: () => Promise<string | undefined>;
};

/** Of one run alone, under a name that nobody could guess before it: the report of another run is never taken for its. */
export const newReportFile = (room: Room, ending: string): ReportFile => {
  const name = `${randomUUID()}${ending}`;
  return { path: `${room.scratch}/${name}`, read: () => room.readScratch(name, REPORT_BYTES_MAX) };
};
