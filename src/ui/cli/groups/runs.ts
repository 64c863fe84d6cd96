import { Argument, type Command as Cli, Option } from "commander";
import type { TrackedReason } from "../../../index.js";
import { personOf, type Register } from "../program.js";
import { positive, wholeNumber } from "./run.js";

const commands = () => import("../commands/runs.js");

// Spelled out, because help must not wait for the library; the compiler holds that none is missing.
const REASONS = Object.keys({
  interruption: true,
  failure: true,
  approval_requested: true,
  explicit_handoff: true,
  periodic_safety: true,
  risky_boundary: true,
  manual: true,
} satisfies Readonly<Record<TrackedReason, true>>);

/** What seed 000 shows at its terminal. */
export const addTrackedCommands = (cli: Cli, register: Register): void => {
  const { withLedger, bench, end } = register;
  const runs = cli.command("runs").description("runs without a plan, which their client records");
  const about = (name: string, said: string) =>
    runs.command(name).description(said).argument("<run>", "run id, the end of one, or `last`");

  about("inspect", "where such a run stands, and whether it can go on").action((id: string) =>
    withLedger(async (app, b) =>
      (await commands()).inspectRun(app, b.output, personOf(app, b), await app.findRun(id)),
    ),
  );

  about("events", "what its client and the ledger said, in the order in which it happened")
    .option("--since <seq>", "only events behind this sequence number", (text) => wholeNumber(text), 0)
    .option("--limit <n>", "at most so many; go on behind the last one with --since", positive)
    .action((id: string, options: { since: number; limit?: number }) =>
      withLedger(async (app, b) =>
        (await commands()).listEvents(app, b.output, personOf(app, b), await app.findRun(id), options),
      ),
    );

  about("verify", "check its journal, its checkpoints and the runs that it goes on from").action(
    async (id: string) => end(await (await commands()).verifyTracked(bench(), id)),
  );

  about("checkpoint", "sign a checkpoint of it now")
    .addOption(new Option("--reason <why>", "why it is taken").choices(REASONS).default("manual"))
    .option("--next <action>", "what is to be done first by whoever goes on")
    .action((id: string, options) =>
      withLedger(async (app, b) =>
        (await commands()).signCheckpoint(app, b.output, personOf(app, b), await app.findRun(id), options),
      ),
    );

  about("answer", "say what became of a side effect that was begun, as a person who has found out")
    .argument("<key>", "its key, as `runs inspect` names it")
    .addArgument(new Argument("<what>", "what is known of it").choices(["happened", "not-happened"]))
    .requiredOption("--reason <why>", "how it is known")
    .action((id: string, key: string, what: string, { reason }: { reason: string }) =>
      withLedger(async (app, b) =>
        (await commands()).answerBegun(app, b.output, personOf(app, b), await app.findRun(id), {
          key,
          happened: what === "happened",
          reason,
        }),
      ),
    );

  about("resume", "load its newest checkpoint that holds, and tell what must not be done again")
    .option("--from <checkpoint>", "this checkpoint of it, and no other")
    .action((id: string, { from }: { from?: string }) =>
      withLedger(async (app, b) =>
        (await commands()).resumeTracked(app, b.output, personOf(app, b), await app.findRun(id), from),
      ),
    );
};
