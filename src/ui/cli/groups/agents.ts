import { type Command as Cli, Option } from "commander";
import type { Register } from "../program.js";
import { positive } from "./run.js";

const ROLES = ["executor", "orchestrator"] as const;
const CLIENTS = ["claude", "codex", "gemini", "opencode", "cursor"] as const;
const SCOPES = ["project", "user"] as const;

const roleOption = (): Option =>
  new Option("--role <role>", "whose tools (default: orchestrator)").choices(ROLES);

/** For agent programs of others, which speak to the ledger through its tools. */
export const addAgentCommands = (cli: Cli, { withLedger, bench, end }: Register): void => {
  const mcp = cli
    .command("mcp")
    .description("give an MCP client the ledger's tools for one role, over stdin and stdout")
    .addOption(roleOption())
    .option("--agent <name>", "who it is; an executor works on steps that are this agent's")
    .option("--credential-file <file>", "holds a credential; else RUNLEDGER_CREDENTIAL may")
    .action(async (options) => {
      const { serveMcp } = await import("../commands/mcp.js");
      end(await serveMcp(bench(), options));
    });

  mcp
    .command("install")
    .description("write the server into an MCP client's file")
    .addOption(new Option("--client <client>", "whose file").choices(CLIENTS).makeOptionMandatory())
    .addOption(
      new Option("--scope <scope>", "this project's file, or your own").choices(SCOPES).default("project"),
    )
    .addOption(roleOption())
    .option("--agent <name>", "of an executor: the agent that it is")
    .option("--url <url>", "of `runledger serve`: the client asks there instead of starting a server")
    .option("--print", "print the entry and write nothing", false)
    // The parent has options of the same names, and they are read as its own.
    .action(async (_options, command: Cli) => {
      const { installServer } = await import("../commands/mcp-install.js");
      end(await installServer(bench(), command.optsWithGlobals()));
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
