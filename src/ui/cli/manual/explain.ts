import { type Command as Cli, Help, type HelpConfiguration } from "commander";
import { branchesOf } from "../tree.js";
import { doPages } from "./do.js";
import { gatePages } from "./gate.js";
import { keepPages } from "./keep.js";
import { lookPages } from "./look.js";
import { endOfHelp, exampleLines, type Page, type Pages } from "./page.js";
import { rolloutPages } from "./rollout.js";
import { trackedPages } from "./runs.js";
import { servePages } from "./serve.js";

/** Headings of the list of commands, in its order. */
export const GROUPS: readonly (readonly [heading: string, pages: Pages])[] = [
  ["Do:", doPages],
  ["Look:", lookPages],
  ["Runs of clients:", trackedPages],
  ["Serve:", servePages],
  ["Gate:", gatePages],
  ["Keep:", keepPages],
  ["Roll out:", rolloutPages],
];

/** The page of a command by its path; a test holds that each has one. */
export const pageOf = (path: string): Page | undefined =>
  GROUPS.map(([, pages]) => pages[path]).find((page) => page !== undefined);

export const FIRST_EXAMPLES: Page["examples"] = [
  ["runledger init", "write a settings file to start from"],
  ["runledger run plan.yaml", "carry out a plan with the agents of runledger.yaml"],
  ["runledger why last", "what does the newest run wait for?"],
  ["runledger apply last", "bring its verified commits into your checkout"],
];

const END_OF_ALL = [
  "",
  "Exit codes: 0 done, 1 run failed, 2 usage, 3 waits for a person or a time, 4 not found, 5 conflict or refused, 130/143 signals",
  "Topics: runledger help exit-codes, environment, files, json",
  "",
  "Examples:",
  ...exampleLines(FIRST_EXAMPLES),
].join("\n");

const HELP: HelpConfiguration = {
  showGlobalOptions: true,
  // A switch that is off unless it is given says nothing by saying so.
  optionDescription: (option) =>
    new Help().optionDescription(option).replace(/ ?\(default: (false|"")\)$/, ""),
};

/** Gives every command its group, what it does and never does, exit codes and examples. */
export const explain = (cli: Cli): void => {
  cli.configureHelp(HELP).addHelpText("after", END_OF_ALL);
  for (const { path, command } of branchesOf(cli)) {
    // One `help` explains all of them.
    command.helpCommand(false);
    const page = pageOf(path);
    if (page === undefined) continue;
    const summary = command.description();
    command
      .configureHelp(HELP)
      .summary(summary)
      .description(`${asSentence(summary)}\n\n${page.about}`)
      .addHelpText("after", () => endOfHelp(page));
  }
  for (const [heading, pages] of GROUPS)
    for (const command of cli.commands) if (pages[command.name()] !== undefined) command.helpGroup(heading);
};

const asSentence = (summary: string): string =>
  `${summary.charAt(0).toUpperCase()}${summary.slice(1).replace(/\.?$/, ".")}`;
