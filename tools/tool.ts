import * as z from "zod";
import type { Caller } from "../src/core/commands.js";
import { isRecord, misfit } from "../src/core/defects.js";
import { isLedgerError, LedgerError } from "../src/core/errors.js";
import type { Evidence, Role } from "../src/core/events.js";
import * as limit from "../src/core/limits.js";
import type { StopAtBudget } from "../src/ledger/budget-stop.js";
import type { Ledger } from "../src/ledger/ledger.js";
import type { GateDuties } from "../src/ledger/proposing.js";
import type { NoteRefusal } from "../src/ledger/refusals.js";
import type { Pev } from "../src/pev/engine.js";

/** What a tool may reach. */
export type ToolHost = {
  readonly ledger: Ledger;
  readonly pev: Pev;
  /** How long a call waits for a verdict before it answers `verifying`, in milliseconds. */
  readonly settleMs: number;
  readonly noteRefusal: NoteRefusal;
  /** Nobody who drives the run sees what a tool is refused, so the tool stops it. */
  readonly stopAtBudget: StopAtBudget;
  /** What the ledger itself does about intents. */
  readonly duties: GateDuties;
  /**
   * Where the caller's program is started and ended by the engine: takes down what it says of the step, which is proposed when
   * the program has ended. Without it a proposal is made at once.
   */
  readonly keepClaim?: (claim: Claim) => Promise<void>;
};

/** What an agent says of its work. */
export type Claim = { readonly result: string; readonly evidence: readonly Evidence[] };

/** The folder of a tool is its role. */
export type ToolRole = "orchestrator" | "execution" | "shared";

export type Tool<
  I extends z.ZodObject = z.ZodObject,
  O extends z.ZodObject = z.ZodObject,
  N extends string = string,
  F extends ToolRole = ToolRole,
  A extends z.input<O> = z.input<O>,
> = {
  /** Wire name, as in seed 002. */
  readonly name: N;
  readonly title: string;
  readonly role: F;
  /** For the model that reads it. */
  readonly description: string;
  readonly readOnly: boolean;
  readonly input: I;
  readonly output: O;
  // As a method, so that a tool of known inputs is also a tool; `bindTool` has checked them.
  handle(input: z.output<I>, caller: Caller, host: ToolHost): Promise<A>;
};

/** A tool as a caller sees it: everything is checked before its handler runs. */
export type BoundTool = Pick<
  Tool,
  "name" | "title" | "role" | "description" | "readOnly" | "input" | "output"
> & {
  readonly call: (input: unknown) => Promise<Record<string, unknown>>;
};

/** The same key answers with the first answer; for every tool that changes something. */
export const idempotencyKey = z
  .string()
  .min(1)
  .max(limit.IDEMPOTENCY_KEY_CHARS)
  .optional()
  .describe("Of this call: sent again with the same key, it is answered again and does nothing more.");

/** For `submit`. */
export const keyed = (key: string | undefined): { readonly idempotencyKey?: string } =>
  key === undefined ? {} : { idempotencyKey: key };

/** Keeps what is known of its name, its inputs and its answer, for callers that are compiled. */
export const defineTool = <
  I extends z.ZodObject,
  O extends z.ZodObject,
  N extends string,
  F extends ToolRole,
  A extends z.input<O>,
>(
  tool: Tool<I, O, N, F, A>,
): Tool<I, O, N, F, A> => tool;

/** Roles that may use the tools of a folder; whoever is not listed is refused. */
const rolesOf = {
  orchestrator: ["orchestrator", "human"],
  execution: ["executor"],
  shared: ["orchestrator", "executor", "human"],
} as const satisfies { readonly [F in ToolRole]: readonly Role[] };

/** Who may use a tool of that folder. */
export type RolesOf<F extends ToolRole> = (typeof rolesOf)[F][number];

export const mayUse = (tool: Pick<Tool, "role">, caller: Pick<Caller, "role">): boolean =>
  (rolesOf[tool.role] as readonly Role[]).includes(caller.role);

// Identity, role, input, and only then the handler: nothing is done for a call that should not have been made, and nothing
// is journaled of it but that somebody tried.
export const bindTool = (tool: Tool, caller: Caller, host: ToolHost): BoundTool => ({
  ...tool,
  call: async (raw) => {
    host.ledger.check(caller);
    try {
      requireRole(tool, caller);
      return tool.output.parse(await tool.handle(inputOf(tool, raw), caller, host));
    } catch (error) {
      await host.noteRefusal({ error, tool: tool.name, by: caller, runId: runIdIn(raw) ?? caller.runId });
      throw error;
    }
  },
});

const requireRole = (tool: Tool, caller: Caller): void => {
  if (mayUse(tool, caller)) return;
  throw new LedgerError("access_denied", `"${caller.name}" (${caller.role}) may not call ${tool.name}.`, {
    hint: `Roles that may: ${rolesOf[tool.role].join(", ")}.`,
  });
};

type Call = { readonly name: string; readonly input: unknown };

/** Calls the one of a caller's tools that has this name; where there is none, the run's journal tells that somebody tried. */
export const callByName = async (
  tools: readonly BoundTool[],
  caller: Caller,
  { name, input }: Call,
  noteRefusal: NoteRefusal,
): ReturnType<BoundTool["call"]> => {
  const tool = tools.find((one) => one.name === name);
  if (tool !== undefined) return tool.call(input);
  const error = new LedgerError("access_denied", `"${caller.name}" (${caller.role}) has no tool ${name}.`, {
    hint: `Its tools: ${tools.map((one) => one.name).join(", ")}.`,
  });
  await noteRefusal({ error, tool: name, by: caller, runId: runIdIn(input) ?? caller.runId });
  throw error;
};

/** The run that a call names; a hostile value that cannot be looked at names none. */
export const runIdIn = (input: unknown): string | undefined => {
  try {
    return isRecord(input) && typeof input.run_id === "string" ? input.run_id : undefined;
  } catch {
    return undefined;
  }
};

// A hostile value can make a schema itself throw, and the words about it too (a getter that fails); that is bad input.
const inputOf = (tool: Tool, raw: unknown): z.output<Tool["input"]> => {
  const what = `the input of ${tool.name}`;
  try {
    requireListsBounded(raw, what);
    const { success, data, error } = tool.input.safeParse(raw);
    if (success) return data;
    throw misfit(what, error.issues, raw);
  } catch (cause) {
    if (isLedgerError(cause)) throw cause;
    throw new LedgerError("invalid_input", `${what} holds a value that cannot be looked at.`, { cause });
  }
};

/** More than any input has. A schema looks at each entry before it counts them, and a list may claim four billion. */
const LIST_ENTRIES_MAX = 10_000;

const requireListsBounded = (raw: unknown, what: string): void => {
  if (!isRecord(raw)) return;
  for (const [key, value] of Object.entries(raw))
    if (Array.isArray(value) && value.length > LIST_ENTRIES_MAX)
      throw new LedgerError(
        "invalid_input",
        `${key} in ${what} has ${value.length} entries; at most ${LIST_ENTRIES_MAX} are read.`,
      );
};
