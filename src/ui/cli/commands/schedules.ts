import type { ListedSchedule, RunLedger } from "../../../index.js";
import { statusCell } from "../describe.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson } from "../output.js";
import { printTable } from "../table.js";
import { agoOf, timeCell } from "../time-cells.js";

export const listSchedules = async (app: RunLedger, output: Output): Promise<number> => {
  const schedules = await app.schedules();
  if (output.json) printJson(output, { schedules });
  else
    await printTable(output, {
      head: ["SCHEDULE", "WHEN", "ZONE", "NEXT", "LAST RUN", "STATUS", "PLAN"],
      rows: schedules.map((one) => [
        one.name,
        one.cron,
        one.timeZone,
        timeCell(one.nextAt),
        one.lastRun === null ? "–" : `${one.lastRun.runId.slice(-6)}, ${agoOf(one.lastRun.createdAt)}`,
        one.lastRun === null ? "–" : statusCell(one.lastRun.status),
        planWords(one),
      ]),
      empty: "Nothing begins by the clock here; schedules in runledger.yaml would.",
      wrap: true,
    });
  return EXIT.done;
};

const planWords = ({ plan, problem, enabled }: ListedSchedule): string => {
  if (!enabled) return `${plan} (not enabled)`;
  return problem === null ? plan : `${plan}: ${problem}`;
};
