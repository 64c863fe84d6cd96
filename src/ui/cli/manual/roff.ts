import type { Command as Cli } from "commander";
import { type Branch, branchesOf } from "../tree.js";
import { VERSION } from "../version.js";
import { FIRST_EXAMPLES, GROUPS, pageOf } from "./explain.js";
import { exitsOf, type Page } from "./page.js";
import { topics } from "./topics.js";

/** The whole manual as one page for `man`, from the same tree and pages as every help. */
export const manPage = (cli: Cli): string =>
  [
    `.TH RUNLEDGER 1 "" "runledger ${VERSION}" "User Commands"`,
    ".SH NAME",
    `runledger \\- ${text(cli.description())}`,
    ".SH SYNOPSIS",
    ".B runledger",
    text("[OPTIONS] COMMAND [ARGUMENTS]"),
    ".SH OPTIONS",
    ...options(cli),
    ...GROUPS.flatMap(([heading, pages]) => [
      `.SH COMMANDS: ${text(heading.replace(":", "")).toUpperCase()}`,
      ...branchesOf(cli)
        .filter(({ path }) => pages[path] !== undefined)
        .flatMap(section),
    ]),
    ...Object.values(topics).flatMap(({ title, rows }) => [
      `.SH ${text(title).toUpperCase()}`,
      ...rows.flatMap(([name, means]) => entry(name, means)),
    ]),
    ".SH EXAMPLES",
    ...FIRST_EXAMPLES.flatMap(([line, does]) => entry(line, does)),
    "",
  ].join("\n");

const section = ({ path, command }: Branch): readonly string[] => {
  const help = command.createHelp();
  const page = pageOf(path);
  return [
    `.SS ${text(help.commandUsage(command))}`,
    ...command
      .description()
      .split("\n\n")
      .flatMap((part) => [".PP", text(part)]),
    ...command.registeredArguments.flatMap((argument) =>
      entry(argument.name(), help.argumentDescription(argument)),
    ),
    ...options(command),
    ...(page === undefined ? [] : ends(page)),
  ];
};

const ends = (page: Page): readonly string[] => [
  ".PP",
  `Exit codes: ${text(
    exitsOf(page)
      .map(([code, means]) => `${code} ${means}`)
      .join("; "),
  )}.`,
  ...page.examples.flatMap(([line, does]) => entry(line, does)),
];

const options = (command: Cli): readonly string[] => {
  const help = command.createHelp();
  return help
    .visibleOptions(command)
    .filter(({ long }) => long !== "--help")
    .flatMap((option) => entry(option.flags, help.optionDescription(option)));
};

const entry = (name: string, means: string): readonly string[] => [".TP", `.B ${text(name)}`, text(means)];

/** A line of words: nothing of it is a request or an escape of the formatter. */
const text = (words: string): string =>
  words
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/\s+/g, " ")
    .replace(/^(?=[.'])/, "\\&");
