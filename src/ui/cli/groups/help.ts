import { Argument, type Command as Cli } from "commander";
import type { Register } from "../program.js";

const SHELLS = ["bash", "zsh", "fish"] as const;

export const addHelpCommands = (cli: Cli, { bench, end }: Register): void => {
  cli
    .command("completion")
    .description("print the script that makes Tab complete runledger in your shell")
    .addArgument(new Argument("<shell>", "the shell it is for").choices(SHELLS))
    .action(async (shell: (typeof SHELLS)[number]) => {
      const { printScript } = await import("../completion/scripts.js");
      end(printScript(bench().output, shell));
    });

  cli
    .command("help")
    .description("explain a command or a topic")
    .argument("[topic...]", "a command, or one of exit-codes, environment, files, json")
    .option("--man", "the whole manual as a page for man (also: man runledger)", false)
    .action(async (words: readonly string[], { man }: { man: boolean }) => {
      const { help, printManual } = await import("../commands/help.js");
      end(man ? await printManual(bench().output, cli) : await help(bench().output, cli, words));
    });
};
