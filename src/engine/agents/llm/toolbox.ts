import * as z from "zod";
import { defectLine, flawsOf, toDefects } from "../../../core/defects.js";
import { isLedgerError } from "../../../core/errors.js";
import * as limit from "../../../core/limits.js";
import type { EffectContext, EffectOptions } from "../../effects/context.js";
import type { AgentTask } from "../agent.js";
import {
  applyEdit,
  listFolder,
  type PlannedEdit,
  planEdit,
  readLines,
  removePath,
  searchText,
  ToolRefusal,
  writeText,
} from "./files.js";
import { runCommand, type ShellOptions } from "./shell.js";

/** What a tool call came to, as the model is told. */
export type ToolAnswer = { readonly text: string; readonly isError: boolean };
export type ToolCall = { readonly name: string; readonly input: unknown };

export type ToolSetting = {
  readonly task: AgentTask;
  readonly shell: ShellOptions;
  readonly effects: Pick<EffectContext, "effect">;
  /** All that was recorded is on the disk when it resolves. */
  readonly flush: () => Promise<void>;
  /** What the model is told of a command that a crash cut off. */
  readonly cutOff: string;
  readonly signal: AbortSignal;
  /** Output of commands as it comes. */
  readonly say: (chunk: Buffer) => void;
  /** What is about to be done. */
  readonly tell: (about: string) => void;
  /** Rejects when the step does not open this tool, or not any more. */
  readonly requireOpen: (tool: string) => Promise<void>;
};

type Given<I> = {
  readonly description: string;
  readonly input: z.ZodType<I>;
  /** What a person reads in the list of effects, beside the tool's name. */
  readonly about: (input: I) => string;
  readonly use: (input: I, setting: ToolSetting, effect: Effect) => Promise<string>;
};

/** Of whatever input it takes. */
type Tool = {
  readonly description: string;
  readonly schema: z.ZodType;
  readonly read: (
    input: unknown,
  ) =>
    | { readonly use: (setting: ToolSetting, effect: Effect) => Promise<string>; readonly about: string }
    | { readonly issues: readonly z.core.$ZodIssue[] };
};

/** Does it once, whatever crashes; later lives are told the same. */
type Effect = <T>(kind: EffectOptions, perform: () => Promise<T>) => Promise<T | undefined>;

/** Rather than waiting for ever; longer only when it is asked for. */
const COMMAND_SECONDS = 120;
const COMMAND_SECONDS_MAX = 3_600;

const path = z.string().min(1).max(limit.TARGET_CHARS).describe("From the workspace's folder.");

const tool = <I>({ description, input: schema, about, use }: Given<I>): Tool => ({
  description,
  schema,
  read: (input) => {
    const read = schema.safeParse(input);
    if (!read.success) return { issues: read.error.issues };
    return { about: about(read.data), use: (...given) => use(read.data, ...given) };
  },
});
const PURE = { class: "pure" } as const;
const IDEMPOTENT = { class: "idempotent" } as const;
/** A command may do anything, so one that a crash cut off is not run again: the model is told, and looks. */
const ONCE = { class: "guarded", risk: "destructive", onAmbiguous: "skip" } as const;

/** Told where a command was cut off; recorded by who calls tools, since another version may find other words. */
export const CUT_OFF =
  "This command was cut off: the program that ran it was lost, and nobody knows how far it had come. It was not run again. Look at what it left before you go on.";

const tools: Readonly<Record<string, Tool>> = {
  exec: tool({
    description:
      "Runs a command line with sh in the workspace, and answers with its exit code and output. What it starts in the background ends with it.",
    input: z.strictObject({
      command: z.string().min(1).max(limit.TARGET_CHARS),
      timeout_seconds: z.int().min(1).max(COMMAND_SECONDS_MAX).optional(),
    }),
    about: ({ command }) => command,
    use: async (
      { command, timeout_seconds: seconds = COMMAND_SECONDS },
      { task, shell, signal, say, cutOff },
      effect,
    ) =>
      (await effect(ONCE, async () => {
        await requireWhole(command, async () => 0);
        return runCommand(shell, task, command, { timeoutMs: seconds * 1_000, signal, onOutput: say });
      })) ?? cutOff,
  }),
  fs_read: tool({
    description: "Reads a text file, from a line on when one is given.",
    input: z.strictObject({
      path,
      from_line: z.int().min(1).optional(),
      lines: z.int().min(1).optional(),
    }),
    about: (input) => input.path,
    use: async (input, { task, shell }, effect) =>
      (await effect(PURE, () => readLines(task.workspace, shell.redactor, defined(input)))) ?? "",
  }),
  fs_list: tool({
    description: "Lists a folder, and those in it down to a depth.",
    input: z.strictObject({ path: path.optional(), depth: z.int().min(1).max(20).optional() }),
    about: (input) => input.path ?? ".",
    use: async (input, { task }, effect) =>
      (await effect(PURE, () => listFolder(task.workspace, defined(input)))) ?? "",
  }),
  fs_search: tool({
    description: "Finds the lines of text files below a folder that contain a text (no pattern).",
    input: z.strictObject({
      text: z.string().min(1).max(limit.TARGET_CHARS),
      path: path.optional(),
      ignore_case: z.boolean().optional(),
    }),
    about: (input) => input.text,
    use: async (input, { task, shell, signal }, effect) => {
      const where = { root: task.workspace, redactor: shell.redactor, signal };
      return (await effect(PURE, () => searchText(where, defined(input)))) ?? "";
    },
  }),
  fs_write: tool({
    description: "Writes a whole text file; its folders are made.",
    input: z.strictObject({ path, content: z.string().max(limit.EFFECT_VALUE_BYTES) }),
    about: (input) => input.path,
    use: async (input, { task }, effect) =>
      (await effect(IDEMPOTENT, async () => {
        await requireWhole(input.content, (mark) => timesIn(task.workspace, input.path, mark));
        return writeText(task.workspace, input.path, input.content);
      })) ?? "",
  }),
  fs_edit: tool({
    description: "Replaces a text in a file by another; it must be there once, or all: true be given.",
    input: z.strictObject({
      path,
      old_text: z.string().min(1).max(limit.EFFECT_VALUE_BYTES),
      new_text: z.string().max(limit.EFFECT_VALUE_BYTES),
      all: z.boolean().optional(),
    }),
    about: (input) => input.path,
    use: async (input, { task }, effect) => {
      const edit = defined(input);
      // Known before it is done: done again after a crash, it would not find its text any more.
      const planned = (await effect(PURE, async () => {
        for (const text of [edit.old_text, edit.new_text])
          await requireWhole(text, (mark) => timesIn(task.workspace, edit.path, mark));
        return planEdit(task.workspace, edit);
      })) as PlannedEdit;
      return (await effect(IDEMPOTENT, () => applyEdit(task.workspace, edit, planned))) ?? "";
    },
  }),
  fs_delete: tool({
    description: "Deletes a file, a link or an empty folder.",
    input: z.strictObject({ path }),
    about: (input) => input.path,
    use: async (input, { task }, effect) =>
      (await effect(IDEMPOTENT, () => removePath(task.workspace, input.path))) ?? "",
  }),
};

/** What stands for a secret in all that is recorded, and so in what a model is known to have asked for. */
const MARK = /\[redacted:[^\]\n]+\]/g;

/**
 * Refuses a text from which a secret was taken, or that was made of one from which it was: done as it stands, it would put the
 * mark where the secret belongs. `held`: how often a mark stands there by now, for a text may well speak of such marks.
 */
const requireWhole = async (text: string, held: (mark: string) => Promise<number>): Promise<void> => {
  const marks = text.match(MARK) ?? [];
  for (const mark of new Set(marks))
    if (marks.filter((one) => one === mark).length > (await held(mark)))
      throw new ToolRefusal(
        `Nothing was done: this holds ${mark}, which stands for a secret. Secrets are taken out of all that passes the ledger, so none can be read or written this way. Leave those lines as they are with fs_edit, take the secret from the environment, make it with a program, or say that a person must write it.`,
      );
};

const timesIn = async (root: string, file: string, text: string): Promise<number> => {
  try {
    return (await planEdit(root, { path: file, old_text: text, new_text: "", all: true })).count;
  } catch (error) {
    if (error instanceof ToolRefusal) return 0;
    throw error;
  }
};

/** What is left out is left out, not undefined. */
const defined = <T extends object>(input: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as never;

/** As providers are told of them. */
export type ToolDescription = {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
};

/** Those of this agent's tools that are open; for the model no other exists. */
export const describeTools = (isOpen: (name: string) => boolean): readonly ToolDescription[] =>
  Object.entries(tools)
    .filter(([name]) => isOpen(name))
    .map(([name, { description, schema }]) => {
      const { $schema: _, ...inputSchema } = z.toJSONSchema(schema, { target: "draft-7" });
      return { name, description, inputSchema };
    });

/** Does what the model asks for, as an effect. What it may not do, and what fails, is an answer too. */
export const callTool = async (
  setting: ToolSetting,
  open: readonly ToolDescription[],
  { name, input }: ToolCall,
): Promise<ToolAnswer> => {
  // Recorded like what was done, for another version may find other words, or see no reason.
  const refuse = (why: string): Promise<ToolAnswer> =>
    setting.effects.effect(toldAs(setting, "refused", name), { class: "pure", input }, () => refused(why));
  const found = open.some((one) => one.name === name) ? tools[name] : undefined;
  if (found === undefined)
    return refuse(`There is no tool "${name}" here. There are: ${open.map((one) => one.name).join(", ")}.`);
  const read = found.read(input);
  if ("issues" in read) {
    const defects = toDefects(flawsOf(read.issues, input), "input");
    return refuse(`This is not how ${name} is called: ${defects.map(defectLine).join("; ")}.`);
  }
  try {
    const effect = effectsOf(setting, name, { about: read.about, input });
    return { text: await read.use(setting, effect), isError: false };
  } catch (error) {
    if (error instanceof ToolRefusal) return refused(error.message);
    if (isLedgerError(error, "effect_failed")) return refused(error.message);
    throw error;
  }
};

const refused = (text: string): ToolAnswer => ({ text, isError: true });

/** A call in one line, as the list of effects has it; secrets are looked for before it is cut to size. */
const toldAs = ({ shell }: ToolSetting, what: string, about: string): string =>
  shell.redactor.text(`${what} ${about.replace(/[\s\p{Cc}]+/gu, " ")}`).slice(0, limit.EFFECT_NAME_CHARS);

/** A refusal is a result: it is recorded, so that every life is told the same. */
type Kept = { readonly value: unknown } | { readonly refusal: string };

const effectsOf =
  (setting: ToolSetting, name: string, call: { about: string; input: unknown }): Effect =>
  async (kind, perform) => {
    const told = toldAs(setting, name, call.about);
    // Outside of the effect: who may not go on is told nothing, and nothing of it is recorded.
    await setting.requireOpen(name);
    const kept = (await setting.effects.effect(
      told,
      { ...kind, input: call.input },
      async (): Promise<Kept> => {
        try {
          // Whoever changes files stands behind what led to it, paid answers and plans of edits too. Intents do so themselves.
          if (kind.class === "idempotent") await setting.flush();
          setting.tell(told);
          return { value: await perform() };
        } catch (error) {
          if (error instanceof ToolRefusal) return { refusal: error.message };
          throw error;
        }
      },
    )) as Kept | undefined;
    if (kept === undefined) return undefined;
    if ("refusal" in kept) throw new ToolRefusal(kept.refusal);
    return kept.value as never;
  };
