import type { Command as Cli } from "commander";
import { personOf, type Register } from "../program.js";
import { idempotencyKey } from "./run.js";

const commands = () => import("../commands/promises.js");

export const addPromiseCommands = (cli: Cli, { withLedger }: Register): void => {
  cli
    .command("promises")
    .description("what the agents of a run wait for from outside")
    .argument("<run>", "run id, the end of one, or `last`")
    .option("--reveal", "with the tokens that resolve them", false)
    .action((id: string, options: { reveal: boolean }) =>
      withLedger(async (app, b) =>
        (await commands()).listPromises(app, b.output, personOf(app, b), await app.findRun(id), options),
      ),
    );

  cli
    .command("children")
    .description("the runs that the agents of a run have started")
    .argument("<run>", "run id, the end of one, or `last`")
    .action((id: string) =>
      withLedger(async (app, b) => {
        const { listChildren } = await import("../commands/children.js");
        return listChildren(app, b.output, await app.findRun(id));
      }),
    );

  cli
    .command("promise")
    .description("answer what an agent waits for")
    .command("resolve")
    .description("resolve a promise, once; its run then goes on")
    .argument("<run>", "run id, the end of one, or `last`")
    .argument("<promise>", "its id, as `promises` lists it: STEP/ATTEMPT/POSITION")
    .option("--value <json>", "what the agent gets, as JSON")
    .option("--error <text>", "reject it instead: why the agent gets nothing")
    .option("--token <token>", "what it is resolved with; else RUNLEDGER_PROMISE_TOKEN")
    .addOption(idempotencyKey())
    .action((id: string, promise: string, options) =>
      withLedger(async (app, b) =>
        (await commands()).resolvePromise(app, b, personOf(app, b), await app.findRun(id), {
          ...options,
          promise,
        }),
      ),
    );
};
