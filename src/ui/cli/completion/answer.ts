import { resolve } from "node:path";
import type { Argument, Command as Cli, Option } from "commander";
import { brief, safe } from "../output.js";
import type { Terminal } from "../program.js";
import { branchesOf } from "../tree.js";
import { nextArgument, optionNamed, optionsAt, readTyped, type Typed } from "./typed.js";
import { type Found, type Place, sourceOf, type Word } from "./words.js";

/** What a shell shows beside a word; more does not fit on a line. */
const SAID_CHARS = 60;

/**
 * Answers the script of a shell: the last of the words is the one Tab was pressed on. The first line says whether files or
 * folders fit too; then one word a line and, behind a tab, what it is. Never fails and never says anything else: whoever
 * presses Tab did not ask for errors.
 */
export const answer = async (cli: Cli, words: readonly string[], terminal: Terminal): Promise<void> => {
  try {
    const { files, words: found } = await find(cli, readTyped(cli, words), terminal);
    // A line that is broken would be two words, and nobody can type such a word anyway.
    const typable = found.filter(({ word }) => safe(word) === word && !/[\t\n]/.test(word));
    const lines = typable.map(
      ({ word, said }) => `${word}\t${brief(safe(said).replace(/\s+/g, " "), SAID_CHARS)}`,
    );
    terminal.out.write(`${[files ?? "nothing", ...lines].join("\n")}\n`);
  } catch {
    terminal.out.write("nothing\n");
  }
};

const find = async (cli: Cli, typed: Typed, terminal: Terminal): Promise<Found> => {
  const { command, word, option, onlyArguments } = typed;
  const place = placeOf(cli, typed, terminal);
  if (option !== undefined) return beginning(word, await valuesOf(option, place));
  if (word.startsWith("-") && !onlyArguments) {
    const [name = "", ...value] = word.split("=");
    return value.length === 0
      ? beginning(word, { words: optionWords(command) })
      : afterName(`${name}=`, value.join("="), optionNamed(command, name), place);
  }
  const commands = typed.given.length > 0 ? [] : commandWords(command);
  const argument = nextArgument(typed);
  const { files, words } = argument === undefined ? { words: [] } : await valuesOf(argument, place);
  return beginning(word, { ...(files === undefined ? {} : { files }), words: [...commands, ...words] });
};

const placeOf = (cli: Cli, { command, given, directory }: Typed, { cwd, env }: Terminal): Place => {
  const runAt = command.registeredArguments.findIndex((argument) => argument.name() === "run");
  return {
    directory: resolve(cwd, directory ?? "."),
    env,
    run: given[runAt]?.split("/")[0],
    paths: branchesOf(cli).map(({ path }) => path),
  };
};

const beginning = (typed: string, { words, ...rest }: Found): Found => ({
  ...rest,
  words: words.filter(({ word }) => word.startsWith(typed)),
});

/** `--status=pa`: the whole of it is one word. */
const afterName = async (
  name: string,
  value: string,
  option: Option | undefined,
  place: Place,
): Promise<Found> => {
  if (option === undefined) return { words: [] };
  const { words, ...rest } = beginning(value, await valuesOf(option, place));
  return { ...rest, words: words.map(({ word, said }) => ({ word: name + word, said })) };
};

const optionWords = (command: Cli): readonly Word[] =>
  optionsAt(command).flatMap(({ long, description }) =>
    long === undefined || long === null ? [] : [{ word: long, said: description }],
  );

const commandWords = (command: Cli): readonly Word[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .map((child) => ({ word: child.name(), said: child.summary() || child.description() }));

const valuesOf = async (of: Argument | Option, place: Place): Promise<Found> =>
  of.argChoices === undefined
    ? ((await sourceOf(of)?.(place)) ?? { words: [] })
    : { words: of.argChoices.map((word) => ({ word, said: "" })) };
