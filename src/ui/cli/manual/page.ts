import { EXIT, EXIT_WORDS, type ExitName } from "../exit-codes.js";

/** What the help of a command says beyond its arguments and options. */
export type Page = {
  /** What it does, and what it never does: whole sentences. */
  readonly about: string;
  /** A line to type, and what it is good for. Each is parsed in a test. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** Exit codes beside those that every command can give, or in more particular words. */
  readonly exits?: Partial<Record<ExitName, string>>;
  /** Other commands by their path, or a page of docs/. */
  readonly seeAlso: readonly string[];
};

export type Pages = Readonly<Record<string, Page>>;

/** Any command may find its machine, its arguments or its folder wrong. */
const ALWAYS = ["done", "failed", "usage", "notFound"] as const satisfies readonly ExitName[];

/** Code and meaning, smallest first. */
export const exitsOf = ({ exits = {} }: Page): readonly (readonly [code: number, means: string])[] =>
  (Object.keys(EXIT) as ExitName[])
    .filter((name) => ALWAYS.some((one) => one === name) || exits[name] !== undefined)
    .map((name) => [EXIT[name], exits[name] ?? EXIT_WORDS[name]]);

/** The end of a command's help, below its options. */
export const endOfHelp = (page: Page): string =>
  [
    "",
    "Exit codes:",
    ...exitsOf(page).map(([code, means]) => `  ${String(code).padEnd(4)} ${means}`),
    "",
    `See also: ${page.seeAlso.map((path) => (path.includes("/") ? path : `runledger ${path}`)).join(", ")}`,
    "",
    "Examples:",
    ...exampleLines(page.examples),
  ].join("\n");

/** Lines longer than this are explained on a line of their own. */
const EXAMPLE_CHARS = 46;

export const exampleLines = (examples: Page["examples"]): readonly string[] => {
  const width = Math.max(
    ...examples.map(([line]) => line.length).filter((chars) => chars <= EXAMPLE_CHARS),
    0,
  );
  return examples.flatMap(([line, does]) =>
    line.length > EXAMPLE_CHARS ? [`  ${line}`, `      ${does}`] : [`  ${line.padEnd(width)}   ${does}`],
  );
};
