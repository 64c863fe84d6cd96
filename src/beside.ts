import type { ToolHost } from "../tools/tool.js";
import type { Redactor } from "./core/redact.js";
import type { WorkerOptions } from "./engine/backends/local.js";
import { openNotifying } from "./engine/notify/notifying.js";
import { openScheduling } from "./engine/schedules/scheduling.js";
import type { Project } from "./pev/project.js";
import { readPlanFile } from "./settings/plan-file.js";
import type { Settings } from "./settings/schema.js";

/** What goes on beside the runs: some begin by the clock, and people are told of others. */
export const openBeside = (parts: {
  readonly host: ToolHost;
  readonly settings: Settings;
  readonly projectDir: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly project: Project;
  readonly redactor: Redactor;
}) => {
  const scheduling = openScheduling({ ...parts, readPlanFile });
  const notifying = openNotifying({ ...parts, ledger: parts.host.ledger });
  return {
    faces: { ...scheduling.faces, ...notifying.faces },
    ofWorkers: { openSchedules: withEachLook(scheduling.ofWorkers.openSchedules, notifying.tell) },
    findings: async () => [...(await scheduling.findings()), ...(await notifying.findings())],
    close: notifying.close,
  };
};

const withEachLook =
  (open: WorkerOptions["openSchedules"], work: () => Promise<void>): WorkerOptions["openSchedules"] =>
  async (onTrouble) => {
    const { fire, nextMs } = await open(onTrouble);
    return { nextMs, fire: () => work().then(fire) };
  };
