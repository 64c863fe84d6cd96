import type { Command as Cli } from "commander";
import type { Register } from "../program.js";

export const addKeepCommands = (cli: Cli, { bench, withLedger, end }: Register): void => {
  cli
    .command("status")
    .description("the ledger of this project: where it is, its settings, its runs")
    .action(() =>
      withLedger(async (app, b) => {
        const { status } = await import("../commands/status.js");
        return status(app, b.output);
      }),
    );

  cli
    .command("doctor")
    .description("what this machine and this project lack, and how to mend it")
    .action(async () => {
      const { doctor } = await import("../commands/doctor.js");
      end(await doctor(bench()));
    });

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
    .action(async (key: string, value: string) => {
      const { setConfig } = await import("../commands/config.js");
      end(await setConfig(bench(), key, value));
    });
  config
    .command("list")
    .description("every value")
    .option("--show-origin", "and where each comes from", false)
    .action(async ({ showOrigin }: { showOrigin: boolean }) => {
      const { listConfig } = await import("../commands/config.js");
      end(await listConfig(bench(), showOrigin));
    });
};
