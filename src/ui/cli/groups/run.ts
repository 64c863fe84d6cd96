import { type Command as Cli, InvalidArgumentError, Option } from "commander";
import { personOf, type Register } from "../program.js";

export const addRunCommands = (cli: Cli, register: Register): void => {
  addBeginnings(cli, register);
  addSelftest(cli, register);
  addGoingOn(cli, register);
  addEffect(cli, register);
};

const addEffect = (cli: Cli, { bench, end }: Register): void => {
  cli
    .command("effect")
    .description(
      "for agents: run a command once for its key, whatever crashes; later calls print what it printed",
    )
    .argument("<command...>", "the command and its arguments, after --")
    .requiredOption(
      "--key <key>",
      "of the business, such as order-17: one key is one effect in the whole ledger",
    )
    .option("--name <name>", "what it is called where people look (default: the command)")
    .addOption(
      new Option("--class <class>", "what doing it twice would mean")
        .choices(["pure", "idempotent", "guarded"])
        .default("guarded"),
    )
    .addOption(
      new Option("--risk <risk>", "what doing it twice would harm")
        .choices(["none", "paid", "money", "destructive", "notify", "security"])
        .default("none"),
    )
    .addOption(
      new Option(
        "--on-ambiguous <answer>",
        "when nobody knows whether it happened (default for guarded ones: fail; for paid ones as durable.paidAmbiguous says)",
      ).choices(["rerun", "skip", "fail"]),
    )
    .action(async (command: readonly string[], options) => {
      const { performEffect } = await import("../commands/effect.js");
      end(await performEffect(bench(), command, options));
    });
};

const addBeginnings = (cli: Cli, { bench, withLedger, end }: Register): void => {
  cli
    .command("init")
    .description("write a commented runledger.yaml and the ledger's folder")
    .action(async () => {
      const { initProject } = await import("../commands/init.js");
      end(await initProject(bench()));
    });

  cli
    .command("run")
    .description("create a run from a plan or a goal and drive it until it ends or waits for a person")
    .argument("[plan]", "plan file (JSON or YAML; - reads stdin), or the goal in plain words")
    .option("--goal <text>", "the goal in plain words: a planner makes the plan, and you approve it")
    .option("--planner <name>", "the agent that makes the plan of a goal (default: the setting planner)")
    .option("--request <text>", "the request in the user's own words")
    .option("--include-uncommitted", "start from the checkout as it is, uncommitted changes included", false)
    .addOption(idempotencyKey())
    .option("--no-drive", "only create the run; a worker or `runledger resume` drives it")
    .action((plan: string | undefined, options) =>
      withLedger(async (app, b) => {
        const { startRun } = await import("../commands/run.js");
        return startRun(app, b, personOf(app, b), plan, options);
      }),
    );
};

/** Given once more, it adds to what was given before. */
const collected = (given: string, before: readonly string[] = []): readonly string[] => [...before, given];

const addSelftest = (cli: Cli, { withLedger }: Register): void => {
  cli
    .command("selftest")
    .description("prove that the validators of a plan bite: plant cheats and see each refused")
    .argument("<plan>", "plan file")
    .option(
      "--solution <solution>",
      "work that must pass: a commit, branch, range, patch or folder; STEP=… for one step; repeatable",
      collected,
    )
    .option("--step <step>", "only this step; repeatable", collected)
    .addOption(new Option("--validator <type>", "only validators of this type").choices([...JUDGES]))
    .option("--include-uncommitted", "start from the checkout as it is, uncommitted changes included", false)
    .action((plan: string, options) =>
      withLedger(async (app, b) => {
        const { testValidators } = await import("../commands/selftest.js");
        const { directory, output, terminal } = b;
        return testValidators(app, output, { directory, plan, ...options }, terminal.interrupted);
      }),
    );
};

/** Those that judge by themselves. */
const JUDGES = ["build_pass", "test_pass", "file_changed", "artifact_exists", "command_pass"] as const;

const addGoingOn = (cli: Cli, { bench, withLedger, end }: Register): void => {
  cli
    .command("resume")
    .description("drive a run that is not finished: after a crash, an approval, a pause")
    .argument("<run>", "run id, the end of one, or `last`")
    .option("--stale", "also when it has been paused for longer than staleTtl", false)
    .option("--anew", "without what its agents remember: from the journal alone", false)
    .option("--reason <text>", "why", "")
    .addOption(idempotencyKey())
    .action((id: string, options) =>
      withLedger(async (app, b) => {
        const { resumeRun } = await import("../commands/run.js");
        const runId = await app.findRun(id);
        return resumeRun(app, b.output, personOf(app, b), runId, options, b.terminal.interrupted);
      }),
    );

  cli
    .command("fork")
    .description("begin a new run from the past of another one; what was verified up to there stays verified")
    .argument("<run>", "run id, the end of one, or `last`")
    .option(
      "--at <seq>",
      "take over events up to this one (default: as far as it could still go on)",
      positive,
    )
    .addOption(idempotencyKey())
    .action((id: string, { at, ...keyed }: Keyed & { at?: number }) =>
      withLedger(async (app, b) => {
        const { forkRun } = await import("../commands/run.js");
        return forkRun(app, b.output, personOf(app, b), {
          runId: await app.findRun(id),
          ...(at === undefined ? {} : { seq: at }),
          ...keyed,
        });
      }),
    );

  cli
    .command("demo")
    .description("see a lie refused, a cheat refused and a fix verified, on a small real repository")
    .option("--keep <dir>", "make the sample repository here and leave it")
    .action(async (options) => {
      const { demo } = await import("../commands/demo.js");
      end(await demo(bench(), options));
    });
};

/** Loopback: whoever reaches another address is on another machine. */
const SERVE_HOST = "127.0.0.1";
/** The same each time, since clients write it down. */
const SERVE_PORT = 7420;
const PORT_MAX = 65_535;

const portNumber = (text: string): number => {
  const port = wholeNumber(text);
  if (port <= PORT_MAX) return port;
  throw new InvalidArgumentError(`It must be at most ${PORT_MAX}.`);
};

export const addServeCommands = (cli: Cli, { withLedger, bench, end }: Register): void => {
  cli
    .command("serve")
    .description("serve MCP and the gate over HTTP to programs of this machine, until stopped")
    .option("--host <address>", "where to listen", SERVE_HOST)
    .option("--port <n>", "0 for any that is free", portNumber, SERVE_PORT)
    .option("--allow-host <name...>", "further host names that clients call it by", [])
    .option("--metrics", "and the ledger's numbers at /metrics, to this machine without a credential", false)
    .action(async (options) => {
      const { serve } = await import("../commands/serve.js");
      end(await serve(bench(), options));
    });

  cli
    .command("worker")
    .description("drive whatever is runnable in this project, until stopped")
    .option("--once", "stop when nothing is runnable any more", false)
    .option("--runs <n>", "runs driven at the same time", positive, 2)
    .action((options) =>
      withLedger(async (app, b) => {
        const { work } = await import("../commands/worker.js");
        return work(app, b.output, options, b.terminal.interrupted);
      }),
    );
};

/** For scripts, which cannot know whether a command whose answer they missed was carried out. */
export const idempotencyKey = (): Option =>
  new Option("--idempotency-key <key>", "done once: the same key answers with the first answer");

export type Keyed = { readonly idempotencyKey?: string };

export const positive = (text: string): number => wholeNumber(text, 1);

export const wholeNumber = (text: string, min = 0): number => {
  if (/^\d{1,15}$/.test(text) && Number(text) >= min) return Number(text);
  throw new InvalidArgumentError(`It must be a whole number, at least ${min}.`);
};
