import { randomUUID } from "node:crypto";
import { readLinesReport } from "../reports/lines.js";
import type { TestReport } from "../reports/report.js";
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

/** A report that a reporter of ours writes. */
export type KeyedReport = {
  readonly path: string;
  /** Tells the reporter where its key is, and the path. */
  readonly env: Readonly<Record<string, string>>;
  readonly read: () => Promise<TestReport | undefined>;
};

/**
 * Every row of it bears a key. The reporter reads and removes the key's file before any test is loaded, so a process that
 * tests start can find the report and not write in it. Code inside the reporter's own process still could.
 */
export const newKeyedReport = async (room: Room): Promise<KeyedReport> => {
  const { path, read } = newReportFile(room, ".jsonl");
  const [name, key] = [`${randomUUID()}.key`, randomUUID()];
  await room.writeScratch(name, JSON.stringify({ key, path }));
  return {
    path,
    env: { RUNLEDGER_REPORT_KEY: `${room.scratch}/${name}` },
    read: async () => {
      const text = await read();
      return text === undefined ? undefined : readLinesReport(text, key);
    },
  };
};
