import type { Command as Cli } from "commander";
import { EXIT } from "../exit-codes.js";
import { topics } from "../manual/topics.js";
import { type Output, paint, printLine } from "../output.js";
import { printTable } from "../table.js";
import { branchesOf } from "../tree.js";

/** Help by name: of the program, of a command, or of a topic. */
export const help = async (output: Output, cli: Cli, words: readonly string[]): Promise<number> => {
  const asked = words.join(" ");
  const topic = Object.hasOwn(topics, asked) ? topics[asked] : undefined;
  if (topic !== undefined) {
    printLine(output, paint(output, "bold", `${topic.title}:`));
    await printTable(output, { rows: topic.rows, empty: "", wrap: true });
    return EXIT.done;
  }
  const branch = branchesOf(cli).find(
    ({ path, command }) => path === asked || command.aliases().some((alias) => alias === asked),
  );
  if (branch === undefined) {
    const { LedgerError } = await import("../../../index.js");
    throw new LedgerError("invalid_input", `There is no command or topic "${asked}".`, {
      hint: "runledger --help lists commands and topics.",
    });
  }
  branch.command.outputHelp();
  return EXIT.done;
};

export const printManual = async (output: Output, cli: Cli): Promise<number> => {
  const { manPage } = await import("../manual/roff.js");
  output.out.write(manPage(cli));
  return EXIT.done;
};
