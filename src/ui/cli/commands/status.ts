import {
  openSettingsDraft,
  type RunLedger,
  runStatuses,
  type SettingRow,
  settingGroups,
  settingsListed,
  stageOf,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson, printLine } from "../output.js";
import type { Bench } from "../program.js";
import { printTable } from "../table.js";

/** Running runs whose workers are looked for one by one; among more, some that are interrupted are not counted. */
const RUNNING_LOOKED_AT = 1_000;

export const status = async (app: RunLedger, { output, terminal }: Bench): Promise<number> => {
  const { settings } = app;
  const runs = await countRuns(app);
  const active = await app.ledger.store.count({ statuses: ["running"], planned: false });
  const stage = stageOf(settings.runLedger);
  if (output.json) {
    printJson(output, {
      project: app.projectDir,
      data: app.dataDir,
      ledgerId: app.ledger.store.ledgerId,
      rollout: stage,
      runs,
      agents: Object.keys(settings.agents),
      maxParallelSteps: settings.maxParallelSteps,
      ...settings.runLedger,
      settings: settingsListed(settings),
    });
    return EXIT.done;
  }
  const draft = await openSettingsDraft({ projectDir: app.projectDir, env: terminal.env });
  await printTable(output, {
    rows: [
      ["project", app.projectDir],
      ["ledger", app.dataDir],
      ["rollout", stage === "off" ? "off: no host adopts the ledger by stages" : stage.replaceAll("_", " ")],
      ["runs", statusWords(runs, active)],
      ["", `${runs.interrupted} due and driven by nobody, ${runs.waiting} waiting for a person`],
      ["agents", Object.keys(settings.agents).join(", ") || "none (add them to runledger.yaml)"],
    ],
    empty: "",
  });
  printLine(output, "");
  await printSettings(output, draft.preview([]).rows);
  return EXIT.done;
};

type Counts = Readonly<
  Record<(typeof runStatuses)[number] | "interrupted" | "waiting" | "quarantined", number>
>;

/** By status; and by the words that are no status: those nobody drives, that ask a person, that cannot be read. */
const countRuns = async (app: RunLedger): Promise<Counts> => {
  const { store } = app.ledger;
  const counted = await Promise.all(
    runStatuses.map(async (one) => [one, await store.count({ statuses: [one] })] as const),
  );
  const running = await app.list({ statuses: ["planning", "running"], limit: RUNNING_LOOKED_AT });
  return {
    ...(Object.fromEntries(counted) as Record<(typeof runStatuses)[number], number>),
    interrupted: running.filter(({ interrupted }) => interrupted).length,
    waiting: await store.count({ waiting: true }),
    quarantined: await store.count({ quarantined: true }),
  };
};

/** What clients record is told apart, in the word of lists: nobody here knows whether they are at work. */
const statusWords = (runs: Counts, active: number): string =>
  runStatuses
    .flatMap((one) =>
      one === "running" && active > 0
        ? [`${runs.running - active} running`, `${active} active`]
        : [`${runs[one]} ${one}`],
    )
    .join(", ");

/** Every key, group by group; where it comes from in one word, since `config list --show-origin` has the rest. */
const printSettings = (output: Output, rows: readonly SettingRow[]): Promise<void> => {
  const groups = Object.entries(settingGroups).map(([group, title]) =>
    rows
      .filter((row) => row.group === group)
      .map(({ key, text, origin }, index) => [
        index === 0 ? title : "",
        key,
        text === "" ? "-" : text,
        origin.split(" ")[0] ?? "",
      ]),
  );
  return printTable(output, { head: ["GROUP", "SETTING", "VALUE", "FROM"], rows: groups.flat(), empty: "" });
};
