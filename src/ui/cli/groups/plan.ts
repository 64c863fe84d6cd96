import type { Command as Cli } from "commander";
import { personOf, type Register } from "../program.js";
import { idempotencyKey } from "./run.js";

const commands = () => import("../commands/plan.js");

export const addPlanCommands = (cli: Cli, { withLedger }: Register): void => {
  const plan = cli.command("plan").description("look at a plan, or change it, before it is carried out");

  plan
    .command("show")
    .description("a plan in full: its steps, who judges them, and every command of theirs")
    .argument("<plan>", "plan file (- reads stdin); or a run: its id, the end of one, or `last`")
    .action((given: string) => withLedger(async (app, b) => (await commands()).showPlan(app, b, given)));

  plan
    .command("edit")
    .description("write the plan of a run that waits for one; who writes it has approved it")
    .argument("<run>", "run id, the end of one, or `last`")
    .option(
      "--file <file>",
      "take the plan from this file (JSON or YAML; - reads stdin) instead of opening an editor",
    )
    .addOption(idempotencyKey())
    .action((id: string, options) =>
      withLedger(async (app, b) =>
        (await commands()).editPlan(app, b, personOf(app, b), await app.findRun(id), options),
      ),
    );
};
