import type { Command as Cli } from "commander";
import { personOf, type Register } from "../program.js";

const commands = () => import("../commands/seal.js");

export const addSealCommands = (cli: Cli, { withLedger }: Register): void => {
  const keys = cli.command("keys").description("the keys that sealed runs are under");
  keys
    .command("show")
    .description("where the root key is, and how many runs are sealed")
    .action(() => withLedger(async (app, b) => (await commands()).showKeys(app, b.output)));
  keys
    .command("rotate")
    .description("change the root key and the ledger's key; what is sealed stays as it is")
    .action(() =>
      withLedger(async (app, b) => (await commands()).rotateKeys(app, b.output, personOf(app, b))),
    );

  cli
    .command("erase")
    .description("destroy the key of a finished, sealed run: nobody can read it again, and its chain stays")
    .argument("<run>", "run id, the end of one, or `last`")
    .option("--dry-run", "only say whether it could be, and which other runs may hold what it told", false)
    .option("--yes", "it cannot be undone, and that is meant", false)
    .action((id: string, options: { yes: boolean; dryRun: boolean }) =>
      withLedger(async (app, b) =>
        (await commands()).eraseRun(app, b.output, personOf(app, b), { id, ...options }),
      ),
    );
};
