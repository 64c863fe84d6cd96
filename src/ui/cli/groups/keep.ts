import { resolve } from "node:path";
import { type Command as Cli, Option } from "commander";
import { themeNames } from "../../tui/kit/theme.js";
import type { PruneFlags } from "../commands/pruning.js";
import { personOf, type Register } from "../program.js";
import { wholeNumber } from "./run.js";

export const addKeepCommands = (cli: Cli, register: Register): void => {
  addAboutCommands(cli, register);
  addVerify(cli, register);
  addConfigCommands(cli, register);
  addSettingsEditor(cli, register);
  addHousekeeping(cli, register);
};

const addAboutCommands = (cli: Cli, { bench, withLedger, end }: Register): void => {
  cli
    .command("status")
    .description("the ledger of this project: where it is, its settings, its runs")
    .action(() =>
      withLedger(async (app, b) => {
        const { status } = await import("../commands/status.js");
        return status(app, b);
      }),
    );

  cli
    .command("doctor")
    .description("what this machine and this project lack, and how to mend it")
    .option("--fix", "mend what can be mended without taking anything away", false)
    .action(async (options: { fix: boolean }) => {
      const { doctor } = await import("../commands/doctor.js");
      end(await doctor(bench(), options));
    });
};

const addVerify = (cli: Cli, { bench, end }: Register): void => {
  cli
    .command("verify")
    .description("whether the ledger is as it was written: every event, and all that follows from them")
    .argument("[run]", "only this one: run id, the end of one, or `last`")
    .action(async (run: string | undefined) => {
      const { verify } = await import("../commands/verify.js");
      end(await verify(bench(), run));
    });
};

const addConfigCommands = (cli: Cli, { bench, end }: Register): void => {
  const config = cli.command("config").description("read and change runledger.yaml");
  config
    .command("get")
    .description("one value, default included")
    .argument("<key>", "dotted key, such as runLedger.staleTtl")
    .action(async (key: string) => {
      const { getConfig } = await import("../commands/config.js");
      end(await getConfig(bench(), key));
    });
  config
    .command("set")
    .description("change one value; comments stay, and nothing is written unless all of it is valid")
    .argument("<key>", "dotted key, such as runLedger.staleTtl")
    .argument("<value>", "the value, as YAML")
    .option("--user", USER_FILE, false)
    .action(async (key: string, value: string, which: { user: boolean }) => {
      const { setConfig } = await import("../commands/config.js");
      end(await setConfig(bench(), key, value, which));
    });
  config
    .command("unset")
    .description("leave one value out of the file, so that what lies below it or the default counts")
    .argument("<key>", "dotted key, such as runLedger.staleTtl")
    .option("--user", USER_FILE, false)
    .action(async (key: string, which: { user: boolean }) => {
      const { unsetConfig } = await import("../commands/config.js");
      end(await unsetConfig(bench(), key, which));
    });
  config
    .command("list")
    .description("every value")
    .option("--show-origin", "and where each comes from", false)
    .action(async ({ showOrigin }: { showOrigin: boolean }) => {
      const { listConfig } = await import("../commands/config.js");
      end(await listConfig(bench(), showOrigin));
    });
  addConfigFileCommands(config, { bench, end });
};

/** Commands about the file as a whole. */
const addConfigFileCommands = (config: Cli, { bench, end }: Pick<Register, "bench" | "end">): void => {
  config
    .command("schema")
    .description("the JSON Schema of the settings file, for editors")
    .action(async () => {
      const { printSchema } = await import("../commands/config.js");
      end(printSchema(bench()));
    });
  config
    .command("migrate")
    .description("make a file of before one of today; comments stay, and the old text is kept")
    .option("--dry-run", "only say what would change", false)
    .option("--leave-out-others", "leave out sections that are some other program's", false)
    .option("--user", USER_FILE, false)
    .action(async (options: { dryRun: boolean; leaveOutOthers: boolean; user: boolean }) => {
      const { migrateConfig } = await import("../commands/config.js");
      end(await migrateConfig(bench(), options));
    });
};

const USER_FILE = "the user's file instead of the project's";

const addSettingsEditor = (cli: Cli, { bench, end }: Register): void => {
  cli
    .command("settings")
    .description("read and change the settings on a screen, checked while you type")
    .option("--user", USER_FILE, false)
    .addOption(
      new Option("--theme <theme>", "colours for a dark or a light terminal")
        .choices([...themeNames])
        .default("auto"),
    )
    .option("--no-alt-screen", "draw on the terminal's ordinary screen")
    .action(async (options) => {
      const { editSettings } = await import("../commands/settings.js");
      end(await editSettings(bench(), options));
    });
};

const addHousekeeping = (cli: Cli, { withLedger }: Register): void => {
  cli
    .command("export")
    .description("write one run as a portable bundle: its events, its output, its commits")
    .argument("<run>", "run id, the end of one, or `last`")
    .option("-o, --output <file>", "write it here instead of to stdout; compressed when the name ends in .gz")
    .action((id: string, { output }: { output?: string }) =>
      withLedger(async (app, b) => {
        const { exportRun } = await import("../commands/housekeeping.js");
        const file = output === undefined ? undefined : resolve(b.directory, output);
        return exportRun(app, b.output, await app.findRun(id), file, b.terminal.interrupted);
      }),
    );

  cli
    .command("import")
    .description("take in a run that was exported elsewhere, its history as it is; a running one is paused")
    .argument("<file>", "the bundle, compressed or not; - reads stdin")
    .action((file: string) =>
      withLedger(async (app, b) => {
        const { importRun } = await import("../commands/housekeeping.js");
        const { PIPED, pipedIn } = await import("../piped.js");
        const from = file === PIPED ? pipedIn(b.terminal.input) : resolve(b.directory, file);
        return importRun(app, b.output, personOf(app, b), from);
      }),
    );

  cli
    .command("prune")
    .description("archive and remove the oldest finished runs that nothing holds back")
    .option(
      "--keep <n>",
      "keep so many of them, 0: none (default: runLedger.maxRunHistory, there 0: all)",
      (text) => wholeNumber(text),
    )
    .option(
      "--older-than <duration>",
      "those that ended longer ago (default: retention.completedFor and failedFor)",
    )
    .option(
      "--max-bytes <size>",
      "as many as make the ledger's rows and output smaller than this (default: retention.maxBytes)",
    )
    .option("--dry-run", "only say which, and how much would be freed", false)
    .action((flags: PruneFlags) =>
      withLedger(async (app, b) => {
        const { prune } = await import("../commands/pruning.js");
        return prune(app, b.output, flags, b.terminal.interrupted);
      }),
    );

  cli
    .command("gc")
    .description("remove what no run needs any more: output, workspaces of finished runs, git objects")
    .option("--dry-run", "only say how much", false)
    .option("--vacuum", "and write the database's file anew, as small as it can be", false)
    .action((options: { dryRun: boolean; vacuum: boolean }) =>
      withLedger(async (app, b) => {
        const { collectGarbage } = await import("../commands/pruning.js");
        return collectGarbage(app, b.output, options);
      }),
    );
};
