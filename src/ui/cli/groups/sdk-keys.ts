import { type Command as Cli, Option } from "commander";
import { personOf, type Register } from "../program.js";

const KINDS = ["agent", "approver"] as const;

const commands = () => import("../commands/sdk-keys.js");

/** For programs that use the gate over HTTP. */
export const addSdkKeyCommands = (cli: Cli, { withLedger }: Register): void => {
  const keys = cli.command("sdk-key").description("keys for programs that use the gate over HTTP");
  keys
    .command("create")
    .description("make a key; it is printed this once")
    .argument("<name>", "the agent whose proposals these are, or who approves")
    .addOption(new Option("--kind <kind>", "what it may do").choices(KINDS).default("agent"))
    .option("--destination <name...>", "these alone; * at the end stands for all that begin so")
    .option("--policy <name...>", "these gate policies alone, likewise")
    .option("--expires <duration>", "how long it lasts, such as 90d; else until it is revoked")
    .action((name: string, options) =>
      withLedger(async (app, b) => {
        const isSaid = cli.getOptionValueSource("session") !== "default";
        return (await commands()).createSdkKey(app, b, personOf(app, b), {
          ...options,
          name,
          // Whoever names no session shares its runs with nobody.
          session: isSaid ? b.shared.session : `sdk:${name}`,
        });
      }),
    );
  keys
    .command("list")
    .description("who has a key, and what it opens")
    .action(() => withLedger(async (app, b) => (await commands()).listSdkKeys(app, b.output)));
  keys
    .command("revoke")
    .description("end a key at once")
    .argument("<sdk-key>", "its id, or the name of whoever has but one")
    .action((which: string) =>
      withLedger(async (app, b) => (await commands()).revokeSdkKey(app, b.output, personOf(app, b), which)),
    );
};
