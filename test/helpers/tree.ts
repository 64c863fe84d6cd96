import { Command } from "commander";
import { growTree } from "../../src/ui/cli/tree.js";

/** The tree of commands to look at: nothing in it is ever carried out. */
export const idleTree = (): Command => {
  const cli = new Command("runledger");
  const never = (): never => {
    throw new Error("Nothing is carried out here.");
  };
  growTree(cli, { cli, bench: never, withLedger: never, end: never });
  return cli;
};
