import type { Command as Cli } from "commander";
import { personOf, type Register } from "../program.js";
import { positive } from "./run.js";

/** A screenful of differences. */
const DRIFT_LIMIT = 50;

const commands = () => import("../commands/rollout.js");

export const addRolloutCommands = (cli: Cli, { withLedger }: Register): void => {
  const rollout = cli
    .command("rollout")
    .description("adopt the ledger beside a host's own table, stage by stage");

  rollout
    .command("status")
    .description("the stage, the host's table, and how far it has come")
    .action(() => withLedger(async (app, b) => (await commands()).rolloutStatus(app, b.output)));

  rollout
    .command("drift")
    .description("everything in which the host's table and the ledger differ")
    .option("--all", "also what a person has explained", false)
    .option("--limit <n>", "at most so many; all are counted", positive, DRIFT_LIMIT)
    .action((options: { all: boolean; limit: number }) =>
      withLedger(async (app, b) => (await commands()).rolloutDrift(app, b.output, options)),
    );

  rollout
    .command("explain")
    .description("say why a difference is as it should be; it then stops nobody, until either side changes")
    .argument(
      "<difference>",
      "its digest or the beginning of it, or the host's id of a run: all of its differences",
    )
    .requiredOption("--reason <text>", "why")
    .action((given: string, { reason }: { reason: string }) =>
      withLedger(async (app, b) =>
        (await commands()).rolloutExplain(app, b, personOf(app, b), given, reason),
      ),
    );

  rollout
    .command("replay")
    .description("bring what the stage writes second up to what it writes first; twice changes nothing")
    .action(() => withLedger(async (app, b) => (await commands()).rolloutReplay(app, b.output)));

  rollout
    .command("advance")
    .description("write the settings of the next stage; refused while a difference is unexplained")
    .action(() => withLedger(async (app, b) => (await commands()).rolloutAdvance(app, b)));

  rollout
    .command("retreat")
    .description("repair what the stage before reads, then write its settings")
    .action(() => withLedger(async (app, b) => (await commands()).rolloutRetreat(app, b)));
};
