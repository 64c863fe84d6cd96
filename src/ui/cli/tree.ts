import type { Command as Cli } from "commander";
import { addActCommands } from "./groups/act.js";
import { addAgentCommands } from "./groups/agents.js";
import { addCheckpointCommands } from "./groups/checkpoints.js";
import { addHelpCommands } from "./groups/help.js";
import { addIntentCommands } from "./groups/intents.js";
import { addKeepCommands } from "./groups/keep.js";
import { addLookCommands } from "./groups/look.js";
import { addMandateCommands } from "./groups/mandates.js";
import { addPlanCommands } from "./groups/plan.js";
import { addPolicyCommands } from "./groups/policy.js";
import { addPromiseCommands } from "./groups/promises.js";
import { addReceiptCommands } from "./groups/receipts.js";
import { addRolloutCommands } from "./groups/rollout.js";
import { addRunCommands, addServeCommands } from "./groups/run.js";
import { addTrackedCommands } from "./groups/runs.js";
import { addSdkKeyCommands } from "./groups/sdk-keys.js";
import { addSealCommands } from "./groups/seal.js";
import { explain } from "./manual/explain.js";
import type { Register } from "./program.js";
import { VERSION } from "./version.js";

/** What the scripts of `completion` ask with. No command: it has no help, and nobody types it. */
export const ANSWER = "__complete";
/** What `mcp` starts the ledger's own process with; no command either. */
export const LEDGER_SIDE = "__ledger";

/** The whole tree of commands, as it is parsed, explained and completed. */
export const growTree = (cli: Cli, register: Register): void => {
  cli
    .description("Agents propose, evidence decides: a durable orchestrator that only believes verified work.")
    .version(VERSION, "-V, --version")
    .option("-C, --directory <dir>", "work as if started in this folder")
    .option("--json", "machine-readable output (JSON Lines for streams)")
    .option("-q, --quiet", "say nothing but data and errors")
    .option("--no-color", "no colours (also: NO_COLOR)")
    .option("--session <key>", "the session that owns the runs made here", "project");
  addRunCommands(cli, register);
  addPlanCommands(cli, register);
  addActCommands(cli, register);
  // First those of its group that are typed daily.
  addLookCommands(cli, register);
  addPromiseCommands(cli, register);
  addCheckpointCommands(cli, register);
  addTrackedCommands(cli, register);
  addServeCommands(cli, register);
  addAgentCommands(cli, register);
  addSdkKeyCommands(cli, register);
  addMandateCommands(cli, register);
  addIntentCommands(cli, register);
  addPolicyCommands(cli, register);
  addKeepCommands(cli, register);
  addReceiptCommands(cli, register);
  addSealCommands(cli, register);
  addRolloutCommands(cli, register);
  addHelpCommands(cli, register);
  explain(cli);
};

export type Branch = {
  /** The words after `runledger`: "config set"; "" for the program itself. */
  readonly path: string;
  readonly command: Cli;
};

/** Every command of the tree, the program itself first. */
export const branchesOf = (command: Cli, path = ""): readonly Branch[] => [
  { path, command },
  ...command.commands.flatMap((child) => branchesOf(child, `${path} ${child.name()}`.trim())),
];
