import * as z from "zod";
import { exactDuration } from "../core/duration.js";
import { ID_CHARS } from "../core/limits.js";
import { askingTypes, type NoticeType, noticeTypes } from "../core/notices.js";
import { closed, ID, ID_WORDS, isId } from "../core/wire.js";
import { described, duration, list, toggle, withWords } from "./kinds.js";
import { ENTRIES_MAX, VariableName, variableNames, Word } from "./values.js";

/** Who is told when a run needs a person: a program that is started, or an address that is called. */
export type NotifySettings = {
  /** argv; empty for an address. */
  readonly run: readonly string[];
  /** "" for a program. */
  readonly url: string;
  /** The variable with the secret that calls are signed with; "" for a program. */
  readonly secretEnv: string;
  /** Names of variables that the program gets. */
  readonly env: readonly string[];
  readonly events: readonly NoticeType[];
  readonly privateNetwork: boolean;
  readonly timeoutMs: number;
};

const URL_CHARS = 2_000;
const TIMEOUT = { minMs: 1_000, maxMs: 120_000 };

/** No user and no password in it: they would stand in the file. */
const ADDRESS =
  /^[hH][tT][tT][pP][sS]?:\/\/(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:[/?][!"$-~]*)?$/;
const isAddress = (text: string): boolean => ADDRESS.test(text) && URL.canParse(text);

const Target = closed({
  run: list(
    "words",
    {
      title: "Program",
      description: "The program that is started, with its arguments; what happened is its standard input.",
    },
    Word,
    ENTRIES_MAX,
  ).default([]),
  url: described(
    "text",
    { title: "Address", description: "The https address that is called with a signed request." },
    withWords(
      z
        .string()
        .max(URL_CHARS)
        .refine((text) => text === "" || isAddress(text), "an https address without user and password"),
      () => ({ maxLength: URL_CHARS, anyOf: [{ const: "" }, { pattern: ADDRESS.source }] }),
    ),
  ).default(""),
  secretEnv: described(
    "text",
    {
      title: "Secret",
      description: "Name of the environment variable with the secret that requests are signed with.",
    },
    withWords(z.union([z.literal(""), VariableName]), () => ({
      type: "string",
      anyOf: [{ const: "" }, { pattern: "^[A-Za-z_][A-Za-z0-9_]{0,199}$" }],
    })),
  ).default(""),
  env: variableNames({
    title: "Variables",
    description: "Names of environment variables that the program gets, beside PATH and HOME.",
  }),
  events: list(
    "words",
    {
      title: "Events",
      description: "What is told; left out, all that asks something of a person, and runs that failed.",
    },
    z.enum(noticeTypes),
    ENTRIES_MAX,
  ).default([...askingTypes]),
  privateNetwork: toggle(
    {
      title: "Private network",
      description: "The address may be one of this machine or its private network, and without encryption.",
    },
    false,
  ),
  timeout: duration(
    { title: "Time limit", description: "How long one try may take before it has failed." },
    TIMEOUT,
  ).prefault("10s"),
});

const named = (key: "run" | "url", words: object) => ({ required: [key], properties: { [key]: words } });
const program = named("run", { minItems: 1 });
const address = named("url", { minLength: 1 });
const open = named("url", { pattern: "^[hH][tT][tT][pP]:" });
const inner = { required: ["privateNetwork"], properties: { privateNetwork: { const: true } } };

/** The same for other programs. */
const wholeWords = () => ({
  anyOf: [
    { ...named("run", { minItems: 1, items: [{ pattern: "\\S" }] }), not: address },
    {
      required: ["url", "secretEnv"],
      properties: { url: { minLength: 1 }, secretEnv: { minLength: 1 } },
      not: program,
      anyOf: [{ not: open }, inner],
    },
  ],
});

/** Each says one of the two; what is sent over the net is signed, and encrypted where it leaves. */
const Whole = withWords(
  Target.superRefine(({ run, url, secretEnv, privateNetwork }, context) => {
    const refuse = (key: string, message: string): void =>
      context.addIssue({ code: "custom", path: [key], message });
    if ((run.length === 0) === (url === ""))
      refuse(run.length === 0 ? "run" : "url", "either a program (run) or an address (url)");
    if (run.length > 0 && String(run[0]).trim() === "")
      refuse("run", "a command whose first word is a program");
    if (url !== "" && secretEnv === "")
      refuse("secretEnv", "the variable with the secret that requests to the address are signed with");
    if (/^http:/i.test(url) && !privateNetwork)
      refuse("url", "an https address, or privateNetwork for one of this machine or its network");
  }),
  wholeWords,
).transform(({ timeout, ...same }): NotifySettings => ({ ...same, timeoutMs: timeout }));

const TargetName = withWords(z.string().refine(isId, ID_WORDS), () => ({
  maxLength: ID_CHARS,
  pattern: ID.source,
}));

export const NotifyKeys = z.record(TargetName, Whole);

/** Back to the words of the file. */
export const notifyWire = (targets: Readonly<Record<string, NotifySettings>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(targets).map(([name, { timeoutMs, ...same }]) => [
      name,
      { ...same, timeout: exactDuration(timeoutMs) },
    ]),
  );

/** Variables with secrets of addresses: secret whatever they are called. */
export const notifySecrets = (targets: Readonly<Record<string, NotifySettings>>): readonly string[] =>
  Object.values(targets).flatMap(({ secretEnv }) => (secretEnv === "" ? [] : [secretEnv]));
