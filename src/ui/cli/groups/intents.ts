import { Argument, type Command as Cli, InvalidArgumentError } from "commander";
import type { ProposeOptions, ReportOptions, Said } from "../commands/intents.js";
import { personOf, type Register } from "../program.js";
import { wholeNumber } from "./run.js";

const commands = () => import("../commands/intents.js");

const OUTCOMES = ["succeeded", "failed", "unknown"];

const dollars = (text: string): number => {
  const amount = Number(text);
  if (text.trim() === "" || !Number.isFinite(amount) || amount < 0)
    throw new InvalidArgumentError("an amount in US dollars, such as 250");
  return amount;
};

/** What is to leave the building: look at it, answer it, and do it. */
export const addIntentCommands = (cli: Cli, { withLedger }: Register): void => {
  const intents = cli.command("intents").description("effects that are asked for before they happen");
  addLooks(intents, withLedger);
  addAnswers(intents, withLedger);
  addWork(intents, withLedger);
};

const about = (intents: Cli, name: string, said: string): Cli =>
  intents
    .command(name)
    .description(said)
    .argument("<intent>", "its id, RUN.NUMBER; RUN may be the end of a run's id, or `last`");

const addLooks = (intents: Cli, withLedger: Register["withLedger"]): void => {
  intents
    .command("list")
    .description("intents that wait for somebody, or of which nobody knows whether they happened")
    .option("--run <run>", "of this run, also when it is over")
    .option("--all", "also those of which nothing more becomes")
    .action((options) =>
      withLedger(async (app, b) => (await commands()).listIntents(app, b.output, personOf(app, b), options)),
    );

  about(intents, "show", "what exactly would leave the building, and what became of it")
    .option("--payload", "also the payload itself")
    .action((id: string, options) =>
      withLedger(async (app, b) =>
        (await commands()).showIntent(app, b.output, personOf(app, b), id, options),
      ),
    );
};

const addAnswers = (intents: Cli, withLedger: Register["withLedger"]): void => {
  for (const deny of [false, true]) {
    const answer = about(
      intents,
      deny ? "deny" : "approve",
      deny
        ? "print what is asked for, and refuse exactly that"
        : "print what is asked for, ask, and approve exactly that",
    ).option(
      "--hash <hash>",
      deny
        ? "only what has this content hash, as `show` names it"
        : "without asking, what has this content hash, as `show` names it",
    );
    if (deny) answer.requiredOption("--reason <text>", "why");
    else answer.option("--reason <text>", "why", "");
    answer
      .option("--for <person>", "whom you answer for, as their deputy")
      .action((id: string, options: Said & { hash?: string }) =>
        withLedger(async (app, b) =>
          (await commands()).decideIntent(app, b, personOf(app, b), id, { ...options, deny }),
        ),
      );
  }

  about(intents, "cancel", "take back one that nobody has begun to execute")
    .option("--reason <text>", "why", "cancel asked for at the terminal")
    .action((id: string, options: Said) =>
      withLedger(async (app, b) =>
        (await commands()).cancelIntent(app, b.output, personOf(app, b), id, options),
      ),
    );
};

const addWork = (intents: Cli, withLedger: Register["withLedger"]): void => {
  intents
    .command("propose")
    .description("ask for something that is to leave the building")
    .argument("<destination>", "where to, such as salesforce.import")
    .requiredOption("--policy <name>", "the gate policy that is asked")
    .option("--file <file>", "the payload is this file")
    .option("--text <text>", "the payload is this text")
    .option("--records <n>", "how many records it holds", (text) => wholeNumber(text))
    .option("--usd <amount>", "what it is worth, in US dollars", dollars)
    .option("--key <key>", "with the destination: happens once under it, in the whole ledger")
    .option("--run <run>", "in this run; else it gets one of its own")
    .option("--action <name>", "what is done there")
    .option("--scope <name>", "on what it is done")
    .option("--tag <name...>", "marks that policies look at")
    .option("--for <person>", "in whose name it is asked for")
    .option("--expires <duration>", "how long it waits for an answer at most, such as 1h")
    .option("--idempotent", "the other side takes two executions under its key for one")
    .action((destination: string, options: ProposeOptions) =>
      withLedger(async (app, b) =>
        (await commands()).proposeIntent(app, b, personOf(app, b), destination, options),
      ),
    );

  about(intents, "execute", "fetch its order, which whoever does it works by").action((id: string) =>
    withLedger(async (app, b) => (await commands()).executeIntent(app, b.output, personOf(app, b), id)),
  );

  about(intents, "report", "say what became of it; without a token, of one in doubt")
    .addArgument(new Argument("<outcome>", "what became of it").choices(OUTCOMES))
    .option("--token <token>", "of the order; else RUNLEDGER_EXECUTION_TOKEN")
    .option("--result <json>", "what the other side answered")
    .option("--error <text>", "why it failed, or why nobody knows")
    .action((id: string, outcome: ReportOptions["outcome"], options: Omit<ReportOptions, "outcome">) =>
      withLedger(async (app, b) =>
        (await commands()).reportIntent(app, b, personOf(app, b), id, { ...options, outcome }),
      ),
    );
};
