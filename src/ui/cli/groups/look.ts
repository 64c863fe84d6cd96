import { type Command as Cli, Option } from "commander";
import { themeNames } from "../../tui/kit/theme.js";
import { personOf, type Register } from "../program.js";
import { positive, wholeNumber } from "./run.js";

const STATUSES = ["planning", "running", "paused", "completed", "failed"] as const;
/** A screenful. */
const LIST_LIMIT = 20;

export const addLookCommands = (cli: Cli, register: Register): void => {
  addLists(cli, register);
  addBrowser(cli, register);
  addLogs(cli, register);
  addSchedules(cli, register);
  addNotify(cli, register);
  addMetrics(cli, register);
};

const addMetrics = (cli: Cli, { withLedger }: Register): void => {
  cli
    .command("metrics")
    .description("the ledger in numbers, in the text format of Prometheus")
    .action(() =>
      withLedger(async (app, b) => (await import("../commands/metrics.js")).printMetrics(app, b.output)),
    );
};

const addSchedules = (cli: Cli, { withLedger }: Register): void => {
  cli
    .command("schedules")
    .description("what begins by the clock: when next, and its last run")
    .action(() =>
      withLedger(async (app, b) => (await import("../commands/schedules.js")).listSchedules(app, b.output)),
    );
};

const addNotify = (cli: Cli, { withLedger }: Register): void => {
  const commands = () => import("../commands/notify.js");
  const notify = cli.command("notify").description("who is told when a run needs a person");
  notify
    .command("list")
    .description("who they are, and whether it worked")
    .action(() => withLedger(async (app, b) => (await commands()).listTargets(app, b.output)));
  notify
    .command("test")
    .description("tell them that this is a test")
    .argument("[target]", "only this one, by its name in the settings")
    .action((name: string | undefined) =>
      withLedger(async (app, b) => (await commands()).testTargets(app, b.output, name)),
    );
};

const addLists = (cli: Cli, { withLedger }: Register): void => {
  cli
    .command("list")
    .alias("ls")
    .description("runs of this project, newest first")
    .addOption(new Option("--status <status>", "only runs in this status").choices([...STATUSES]))
    .option("--mine", "only runs of this session", false)
    .option("--limit <n>", "at most so many", positive, LIST_LIMIT)
    .option("--after <run>", "continue behind this run")
    .action(({ mine, after, ...options }) =>
      withLedger(async (app, b) => {
        const { listRuns } = await import("../commands/look.js");
        return listRuns(app, b.output, {
          ...options,
          ...(mine ? { session: b.shared.session } : {}),
          ...(after === undefined ? {} : { after: await app.findRun(after) }),
        });
      }),
    );

  cli
    .command("show")
    .description("one run: its steps, verdicts, criteria, notes and waivers")
    .argument("<run>", "run id, the end of one, or `last`")
    .action((id: string) =>
      withLedger(async (app, b) => {
        const { showRun } = await import("../commands/look.js");
        return showRun(app, b.output, await app.findRun(id), personOf(app, b));
      }),
    );

  cli
    .command("why")
    .description("in one sentence: what does a run wait for?")
    .argument("<run>", "run id, the end of one, or `last`")
    .action((id: string) =>
      withLedger(async (app, b) => {
        const { whyRunWaits } = await import("../commands/look.js");
        return whyRunWaits(app, b.output, await app.findRun(id));
      }),
    );

  cli
    .command("journal")
    .description("every event of a run, as recorded")
    .argument("<run>", "run id, the end of one, or `last`")
    .option("--type <type>", "only events of this type")
    .option("--since <seq>", "only events behind this sequence number", (text) => wholeNumber(text), 0)
    .option("--limit <n>", "at most so many; go on behind the last one with --since", positive)
    .option("-f, --follow", "go on with what is being recorded, until the run is over or Ctrl-C", false)
    .action((id: string, options) =>
      withLedger(async (app, b) => {
        const { printJournal } = await import("../commands/journal.js");
        return printJournal(app, b.output, await app.findRun(id), options, b.terminal.interrupted);
      }),
    );
};

const addBrowser = (cli: Cli, { withLedger }: Register): void => {
  cli
    .command("tui")
    .description("browse runs, steps, journals and what waits for you, and act on it")
    .argument("[run]", "open at this run: its id, the end of one, or `last`")
    .addOption(
      new Option("--theme <theme>", "colours for a dark or a light terminal")
        .choices([...themeNames])
        .default("auto"),
    )
    .option("--no-alt-screen", "draw on the terminal's ordinary screen")
    .action((id: string | undefined, options) =>
      withLedger(async (app, b) => {
        const { browse } = await import("../commands/tui.js");
        const at = id === undefined ? {} : { runId: await app.findRun(id) };
        return browse(app, b, personOf(app, b), { ...options, ...at });
      }),
    );
};

const addLogs = (cli: Cli, { withLedger }: Register): void => {
  cli
    .command("effects")
    .description("what the agents of a run did to the world, and what became of it")
    .argument("<run>", "run id, the end of one, or `last`")
    .argument("[step]", "only of this step")
    .argument("[effect]", "its number: all about this one, its result too", (text: string) =>
      wholeNumber(text),
    )
    .option("--open", "only those of which nobody knows whether they happened", false)
    .option("--attempt <n>", "only of this attempt", positive)
    .option("--candidate <n>", "only of this candidate of a raced step", positive)
    .action((id: string, stepId: string | undefined, position: number | undefined, options) =>
      withLedger(async (app, b) => {
        const { printEffects } = await import("../commands/effects.js");
        const of = {
          ...(stepId === undefined ? {} : { stepId }),
          ...(position === undefined ? {} : { position }),
        };
        return printEffects(app, b.output, await app.findRun(id), { ...of, ...options });
      }),
    );

  cli
    .command("logs")
    .description("what the agent and the judge of a step said")
    .argument("<run>", "run id, the end of one, or `last`")
    .argument("<step>", "step id")
    .option("--attempt <n>", "which attempt; the last one when not given", positive)
    .option("--candidate <n>", "which candidate of a raced step; the winner when not given", positive)
    .option("--judge", "only what the judge said", false)
    .action((id: string, step: string, options) =>
      withLedger(async (app, b) => {
        const { printLogs } = await import("../commands/look.js");
        return printLogs(app, b.output, await app.findRun(id), step, options);
      }),
    );
};
