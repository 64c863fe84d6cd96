import type { Command as Cli } from "commander";
import { personOf, type Register } from "../program.js";

const commands = () => import("../commands/checkpoints.js");

export const addCheckpointCommands = (cli: Cli, { withLedger }: Register): void => {
  cli
    .command("checkpoints")
    .description("what a run can go on from, and whether each signature holds")
    .argument("<run>", "run id, the end of one, or `last`")
    .action((id: string) =>
      withLedger(async (app, b) => (await commands()).listCheckpoints(app, b.output, await app.findRun(id))),
    );

  cli
    .command("checkpoint")
    .description("sign a checkpoint of a run now")
    .argument("<run>", "run id, the end of one, or `last`")
    .action((id: string) =>
      withLedger(async (app, b) =>
        (await commands()).takeCheckpoint(app, b.output, personOf(app, b), await app.findRun(id)),
      ),
    );
};
