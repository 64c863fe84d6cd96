import type { Writable } from "node:stream";
import { CommanderError } from "commander";
import type { ErrorCode, LedgerError } from "../../index.js";
import { EXIT, exitOfError } from "./exit-codes.js";
import { jsonLine, SCHEMA_VERSION, safe } from "./output.js";

type Ear = {
  readonly err: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** That of the ledger; undefined when none was opened. */
  readonly redact: ((text: string) => string) | undefined;
  readonly json: boolean;
  /** The command that was meant, as it is typed. */
  readonly command: string;
};

// What went wrong, once and in one place: a line of JSON for programs; sentence, particulars and hint for people.
export const complain = async (error: unknown, ear: Ear): Promise<number> => {
  const { json, command } = ear;
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.done;
    // For people the help that commander printed instead of a missing command says it all.
    if (json) await writeJson(ear, usageError(error, command));
    else if (error.code !== "commander.help")
      await write(ear, linesOf(usageError(error, command)).join("\n"));
    return EXIT.usage;
  }
  const { isLedgerError } = await import("../../index.js");
  if (isLedgerError(error)) {
    const hint = error.hint ?? NEXT[error.code];
    if (json) await writeJson(ear, { ...error.toJSON(), ...(hint === undefined ? {} : { hint }) });
    else await write(ear, inWords(error, hint).map(safe).join("\n"));
    return exitOfError[error.kind];
  }
  const message = error instanceof Error ? error.message : String(error);
  if (json) await writeJson(ear, { code: "unexpected", message });
  else
    await write(
      ear,
      `runledger: unexpected error: ${safe((error instanceof Error && error.stack) || message)}`,
    );
  return EXIT.failed;
};

/** Where to go on at a terminal, when what was thrown names no better place. */
const NEXT: { readonly [C in ErrorCode]?: string } = {
  settings_invalid: "Mend it there; `runledger config schema` and docs/settings.md describe every key.",
  unknown_key: "`runledger config list` shows every key.",
  run_not_found: "`runledger list` shows the runs of this project.",
  step_not_found: "`runledger show RUN` lists the steps of a run.",
  step_not_in_progress: "`runledger show RUN` tells where each step stands.",
  rollout_ended: "`runledger rollout status` tells the stage.",
  seq_conflict: "Somebody else changed the run meanwhile: try again.",
  git_failed: "`runledger doctor` looks at git and the repository.",
  store_unavailable: "`runledger doctor` looks at the ledger.",
  no_space: "`runledger gc --dry-run` says what could go.",
  workspace_unfit: "`runledger doctor` looks at what agents need.",
};

const writeJson = (ear: Ear, error: object): Promise<void> =>
  write(ear, jsonLine({ schemaVersion: SCHEMA_VERSION, type: "error", error }));

/** Whoever complains before the settings are read knows the secrets of the environment by their names alone. */
const write = async ({ err, env, redact }: Ear, text: string): Promise<void> => {
  const { redactorOf } = await import("../../index.js");
  err.write(`${(redact ?? redactorOf(env).text)(text)}\n`);
};

type Complaint = { readonly code: string; readonly message: string; readonly hint: string };

const usageError = ({ code, message }: CommanderError, command: string): Complaint => {
  const [sentence = "", ...more] = message.replace(/^error: /, "").split("\n");
  const meant = more.join(" ").replace(/^\((.*)\)$/, "$1");
  return {
    code: "invalid_input",
    message: code === "commander.help" ? "A command is missing." : asSentence(sentence),
    hint: meant || `\`${command} --help\` ${command === "runledger" ? "lists commands" : "explains it"}.`,
  };
};

const asSentence = (words: string): string =>
  `${words.charAt(0).toUpperCase()}${words.slice(1).replace(/\.?$/, ".")}`;

const linesOf = ({ code, message, hint }: Complaint): readonly string[] => [
  `error [${code}]: ${safe(message)}`,
  `hint: ${safe(hint)}`,
];

const inWords = ({ code, message, details }: LedgerError, hint: string | undefined): readonly string[] => {
  const defects = defectLines(details.defects);
  // With defects the sentence names the first of them, and so would the lines below it.
  const sentence = defects.length > 0 ? message.slice(0, message.indexOf(":") + 1) : message;
  const lines = defects.length > 0 ? defects : pathLines(details.paths, message);
  return [
    `error [${code}]: ${sentence}`,
    ...lines.map((line) => `  ${line}`),
    ...moreLine(lines.length, details.count),
    ...(hint === undefined ? [] : [`hint: ${hint}`]),
  ];
};

type Told = {
  readonly where?: string;
  readonly path: string;
  readonly found: string;
  readonly expected: string;
};

const defectLines = (defects: unknown): readonly string[] =>
  Array.isArray(defects)
    ? defects.map(
        ({ where, path, found, expected }: Told) =>
          `${placed(where, path)}: found ${found}, expected ${expected}`,
      )
    : [];

/** A change is named by its key, and needs it once. */
const placed = (where: string | undefined, path: string): string => {
  if (where === undefined) return path;
  return where.startsWith(`${path} `) ? where : `${where}: ${path}`;
};

const pathLines = (paths: unknown, message: string): readonly string[] =>
  Array.isArray(paths) && !paths.every((path) => message.includes(path)) ? paths : [];

const moreLine = (told: number, count: unknown): readonly string[] =>
  told > 0 && typeof count === "number" && count > told ? [`  … and ${count - told} more`] : [];
