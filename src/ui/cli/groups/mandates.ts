import type { Command as Cli } from "commander";
import { InvalidArgumentError } from "commander";
import { personOf, type Register } from "../program.js";
import { positive } from "./run.js";

const commands = () => import("../commands/mandates.js");

const dollars = (text: string): number => {
  const amount = Number(text);
  if (text.trim() === "" || !Number.isFinite(amount) || amount < 0)
    throw new InvalidArgumentError("an amount in US dollars, such as 250");
  return amount;
};

/** What people give for answers that are not asked for yet. */
export const addMandateCommands = (cli: Cli, { withLedger }: Register): void => {
  const mandate = cli.command("mandate").description("deputies, and what is approved beforehand");
  mandate
    .command("delegate")
    .description("let another person answer for you, for a time")
    .argument("<person>", "who they are at their own terminal")
    .requiredOption("--for <duration>", "how long, such as 7d")
    .option("--destination <name...>", "these alone; * at the end stands for all that begin so")
    .option("--policy <name...>", "these gate policies alone, likewise")
    .action((to: string, options) =>
      withLedger(async (app, b) => (await commands()).delegate(app, b.output, personOf(app, b), to, options)),
    );
  mandate
    .command("approve")
    .description("approve beforehand what an agent asks for, within limits")
    .argument("<agent>", "whose intents")
    .requiredOption("--for <duration>", "how long, such as 7d")
    .option("--destination <name...>", "these alone; * at the end stands for all that begin so")
    .option("--policy <name...>", "these gate policies alone, likewise")
    .option("--max-usd <amount>", "what one intent may be worth", dollars)
    .option("--per-day <n>", "how many in any 24 hours", positive)
    .option("--per-day-usd <amount>", "what they may be worth together in any 24 hours", dollars)
    .action((agent: string, options) =>
      withLedger(async (app, b) =>
        (await commands()).approveStanding(app, b.output, personOf(app, b), agent, options),
      ),
    );
  mandate
    .command("list")
    .description("who may answer for whom, and what is approved beforehand")
    .action(() => withLedger(async (app, b) => (await commands()).listMandates(app, b.output)));
  mandate
    .command("revoke")
    .description("take one back at once")
    .argument("<mandate>", "its id, or the person or agent who has but one")
    .action((which: string) =>
      withLedger(async (app, b) => (await commands()).revokeMandate(app, b.output, personOf(app, b), which)),
    );
};
