import { type Command as Cli, Option } from "commander";
import type { Register } from "../program.js";
import { positive } from "./run.js";

const ROLES = ["executor", "orchestrator"] as const;

/** For agent programs of others, which speak to the ledger through its tools. */
export const addAgentCommands = (cli: Cli, { withLedger, bench, end }: Register): void => {
  cli
    .command("mcp")
    .description("give an MCP client the ledger's tools for one role, over stdin and stdout")
    .addOption(new Option("--role <role>", "whose tools (default: orchestrator)").choices(ROLES))
    .option("--agent <name>", "who it is; an executor works on steps that are this agent's")
    .option("--credential-file <file>", "holds a credential; else RUNLEDGER_CREDENTIAL may")
    .action(async (options) => {
      const { serveMcp } = await import("../commands/mcp.js");
      end(await serveMcp(bench(), options));
    });

  cli
    .command("credential")
    .description("make a credential for an agent program: its role, and no more of the ledger than you name")
    .addOption(new Option("--role <role>", "what its tools let it do").choices(ROLES).default("executor"))
    .option("--agent <name>", "who it is; an executor works on steps that are this agent's")
    .option("--run <run>", "this run alone")
    .option("--step <step>", "this step alone, in its present attempt")
    .option("--candidate <n>", "which candidate of a raced step", positive)
    .option("--expires <duration>", "how long it lasts, such as 8h", "24h")
    .action((options) =>
      withLedger(async (app, b) => {
        const { makeCredential } = await import("../commands/credential.js");
        return makeCredential(app, b, options);
      }),
    );
};
