import { resolve } from "node:path";
import { Argument, type Command as Cli, InvalidArgumentError } from "commander";
import type { BudgetOptions } from "../commands/budget.js";
import { personOf, type Register } from "../program.js";
import { idempotencyKey, type Keyed, positive, wholeNumber } from "./run.js";

const ACTIONS = [
  ...["retry", "decompose", "change_agent", "change_validator"],
  ...["skip", "abort", "escalate"],
];

const DECISIONS = ["done", "rerun", "skip", "fail"];

export const addActCommands = (cli: Cli, { withLedger }: Register): void => {
  addAnswers(cli, withLedger);
  addBudget(cli, withLedger);
  addSwitches(cli, withLedger);
  addPatches(cli, withLedger);
};

const addAnswers = (cli: Cli, withLedger: Register["withLedger"]): void => {
  for (const deny of [false, true])
    cli
      .command(deny ? "deny" : "approve")
      .description(`${deny ? "refuse" : "approve"} a step that waits for a person`)
      .argument("<run>", "run id, the end of one, or `last`; also RUN/STEP")
      .argument("[step]", "step id; may be left out when only one waits")
      .option("--reason <text>", "why", "")
      .option("--proposal <seq>", "only this proposal, as `show` names it; another one is refused", positive)
      .addOption(idempotencyKey())
      .action((id: string, step: string | undefined, options) =>
        withLedger(async (app, b) => {
          const { approveOrDeny } = await import("../commands/act.js");
          const [run = id, named] = id.split("/");
          return approveOrDeny(app, b.output, personOf(app, b), await app.findRun(run), {
            ...options,
            stepId: step ?? named,
            deny,
          });
        }),
      );

  cli
    .command("policy")
    .description("answer a refused, errored or interrupted step")
    .argument("<run>", "run id, the end of one, or `last`")
    .argument("<step>", "step id")
    .addArgument(new Argument("<action>", "the answer").choices(ACTIONS))
    .requiredOption("--reason <text>", "why")
    .option("--agent <name>", "change_agent: the new owner")
    .option("--steps <file>", "decompose: a file with a JSON array of steps")
    .option("--validator <json>", "change_validator: a JSON object, or a file with one")
    .option("--fresh", "retry: start from a clean clone")
    .option("--attempt <n>", "only when this attempt is still the last one", positive)
    .addOption(idempotencyKey())
    .action((id: string, stepId: string, action, options) =>
      withLedger(async (app, b) => {
        const { applyPolicy } = await import("../commands/act.js");
        const target = { runId: await app.findRun(id), stepId, action };
        return applyPolicy(app, b, personOf(app, b), target, options);
      }),
    );

  cli
    .command("decide")
    .description("say what becomes of an effect that a crash left open")
    .argument("<run>", "run id, the end of one, or `last`")
    .argument("<step>", "step id")
    .argument("<effect>", "its number, as `effects` shows it", (text: string) => wholeNumber(text))
    .addArgument(new Argument("<decision>", "what becomes of it").choices(DECISIONS))
    .requiredOption("--reason <text>", "why, or how you found out")
    .option("--value <json>", "done: what it answered")
    .option("--attempt <n>", "of which attempt; the last one when not given", positive)
    .option("--candidate <n>", "which candidate of a raced step", positive)
    .addOption(idempotencyKey())
    .action((id: string, stepId: string, position: number, decision, options) =>
      withLedger(async (app, b) => {
        const { decideEffect } = await import("../commands/effects.js");
        const of = { stepId, position, decision };
        return decideEffect(app, b.output, personOf(app, b), await app.findRun(id), of, options);
      }),
    );

  cli
    .command("note")
    .description("read a note of a run, or write it")
    .argument("<run>", "run id, the end of one, or `last`")
    .argument("<note>", "its name")
    .argument("[value]", "text to write; an empty text clears the note")
    .addOption(idempotencyKey())
    .action((id: string, key: string, value: string | undefined, options: Keyed) =>
      withLedger(async (app, b) => {
        const { readOrWriteNote } = await import("../commands/act.js");
        const runId = await app.findRun(id);
        return readOrWriteNote(app, b.output, personOf(app, b), { runId, key, value }, options);
      }),
    );
};

const addBudget = (cli: Cli, withLedger: Register["withLedger"]): void => {
  cli
    .command("budget")
    .description("show what a run may spend, or set it")
    .argument("<run>", "run id, the end of one, or `last`")
    .option("--tokens <n>", "tokens that its models may read and write together", positive)
    .option("--usd <n>", "US dollars that its models may cost", dollars)
    .option("--time <duration>", "how long it may take, pauses not counted")
    .option("--attempts <n>", "attempts that its steps may take together", positive)
    .option("--reason <text>", "why", "")
    .addOption(idempotencyKey())
    .action((id: string, options: BudgetOptions) =>
      withLedger(async (app, b) => {
        const { budget } = await import("../commands/budget.js");
        return budget(app, b.output, personOf(app, b), await app.findRun(id), options);
      }),
    );
};

const dollars = (text: string): number => {
  const usd = Number(text);
  if (text.trim() !== "" && Number.isFinite(usd) && usd > 0) return usd;
  throw new InvalidArgumentError("It must be a number above 0, such as 2.50.");
};

const addSwitches = (cli: Cli, withLedger: Register["withLedger"]): void => {
  for (const [name, type, description] of [
    ["pause", "pause_run", "start nothing new until the run is resumed"],
    ["cancel", "cancel_run", "end a run as failed; its agents are stopped"],
  ] as const)
    cli
      .command(name)
      .description(description)
      .argument("<run>", "run id, the end of one, or `last`")
      .option("--reason <text>", "why", `${name} asked for at the terminal`)
      .addOption(idempotencyKey())
      .action((id: string, { reason, ...options }: Keyed & { reason: string }) =>
        withLedger(async (app, b) => {
          const { act } = await import("../commands/act.js");
          const runId = await app.findRun(id);
          const code = await act(app, b.output, personOf(app, b), runId, { type, reason }, options);
          if (type === "cancel_run") await (await import("../commands/children.js")).endFamily(app, runId);
          return code;
        }),
      );
};

const addPatches = (cli: Cli, withLedger: Register["withLedger"]): void => {
  cli
    .command("apply")
    .description("bring the verified commits of a run into your checkout (git am, hooks off)")
    .argument("<run>", "run id, the end of one, or `last`")
    .action((id: string) =>
      withLedger(async (app, b) => {
        const { applyRun } = await import("../commands/act.js");
        return applyRun(app, b.output, await app.findRun(id));
      }),
    );

  cli
    .command("patch")
    .description("print the verified commits of a run as mail patches")
    .argument("<run>", "run id, the end of one, or `last`")
    .option("-o, --output <dir>", "write one file a commit into this folder")
    .action((id: string, { output }: { output?: string }) =>
      withLedger(async (app, b) => {
        const { writePatches } = await import("../commands/act.js");
        const folder = output === undefined ? undefined : resolve(b.directory, output);
        return writePatches(app, b.output, await app.findRun(id), folder);
      }),
    );
};
