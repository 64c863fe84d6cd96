import type { Argument, Command as Cli, Option } from "commander";

/** A command line that is being typed, as far as it is understood. */
export type Typed = {
  /** The command it has come to. */
  readonly command: Cli;
  /** Arguments of that command, so far. */
  readonly given: readonly string[];
  /** Value of -C. */
  readonly directory: string | undefined;
  /** The word Tab was pressed on. */
  readonly word: string;
  /** The option whose value that word is. */
  readonly option: Option | undefined;
  /** Behind `--`, a word is no option whatever it looks like. */
  readonly onlyArguments: boolean;
};

/** Reads all words but the last one as the parser would. */
export const readTyped = (cli: Cli, words: readonly string[]): Typed => {
  let command = cli;
  let directory: string | undefined;
  let option: Option | undefined;
  let onlyArguments = false;
  const given: string[] = [];
  const take = (taken: Option | undefined, value: string): void => {
    if (taken?.long === "--directory") directory = value;
  };
  for (const word of words.slice(0, -1)) {
    if (option !== undefined) {
      take(option, word);
      option = undefined;
    } else if (!onlyArguments && word === "--") onlyArguments = true;
    else if (!onlyArguments && word.startsWith("-")) {
      const [name = "", ...value] = word.split("=");
      const found = optionNamed(command, name);
      if (value.length > 0) take(found, value.join("="));
      else if (found?.required === true) option = found;
    } else {
      const child = given.length === 0 ? childNamed(command, word) : undefined;
      if (child === undefined) given.push(word);
      else command = child;
    }
  }
  return { command, given, directory, word: words.at(-1) ?? "", option, onlyArguments };
};

/** Options that count at a command: its own and those of the program. */
export const optionsAt = (command: Cli): readonly Option[] => [
  ...command.createHelp().visibleOptions(command),
  ...(command.parent === null ? [] : optionsAt(command.parent)).filter(({ long }) => long !== "--help"),
];

export const optionNamed = (command: Cli, name: string): Option | undefined =>
  optionsAt(command).find(({ long, short }) => long === name || short === name);

/** The argument the next word is; the last one may take many. */
export const nextArgument = ({ command, given }: Typed): Argument | undefined => {
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  return registeredArguments[given.length] ?? (last?.variadic === true ? last : undefined);
};

const childNamed = (command: Cli, word: string): Cli | undefined =>
  command.commands.find((child) => child.name() === word || child.aliases().includes(word));
