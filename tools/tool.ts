import * as z from "zod";
import type { Caller } from "../src/core/commands.js";
import { LedgerError } from "../src/core/errors.js";
import type { Role } from "../src/core/events.js";
import * as limit from "../src/core/limits.js";
import type { Ledger } from "../src/ledger/ledger.js";
import type { Pev } from "../src/pev/engine.js";

/** What a tool may reach. */
export type ToolHost = {
  readonly ledger: Ledger;
  readonly pev: Pev;
  /** How long a call waits for a verdict before it answers `verifying`, in milliseconds. */
  readonly settleMs: number;
};

/** The folder of a tool is its role. */
export type ToolRole = "orchestrator" | "execution" | "shared";

export type Tool<I extends z.ZodObject = z.ZodObject, O extends z.ZodObject = z.ZodObject> = {
  /** Wire name, as in seed 002. */
  readonly name: string;
  readonly title: string;
  readonly role: ToolRole;
  /** For the model that reads it. */
  readonly description: string;
  readonly readOnly: boolean;
  readonly input: I;
  readonly output: O;
  readonly handle: (input: z.output<I>, caller: Caller, host: ToolHost) => Promise<z.input<O>>;
};

/** A tool as a caller sees it: everything is checked before its handler runs. */
export type BoundTool = Pick<
  Tool,
  "name" | "title" | "role" | "description" | "readOnly" | "input" | "output"
> & {
  readonly call: (input: unknown) => Promise<Record<string, unknown>>;
};

/** The same key answers with the first answer; for every tool that changes something. */
export const idempotencyKey = z.string().min(1).max(limit.IDEMPOTENCY_KEY_CHARS).optional();

/** For `submit`. */
export const keyed = (key: string | undefined): { readonly idempotencyKey?: string } =>
  key === undefined ? {} : { idempotencyKey: key };

export const defineTool = <I extends z.ZodObject, O extends z.ZodObject>(tool: Tool<I, O>): Tool =>
  tool as unknown as Tool;

/** Roles that may use the tools of a folder; whoever is not listed is refused. */
const rolesOf: { readonly [R in ToolRole]: readonly Role[] } = {
  orchestrator: ["orchestrator", "human"],
  execution: ["executor"],
  shared: ["orchestrator", "executor", "human"],
};

export const mayUse = (tool: Pick<Tool, "role">, caller: Caller): boolean =>
  rolesOf[tool.role].includes(caller.role);

// Identity, role, input, and only then the handler: nothing is read or journaled for a call that should not have been made.
export const bindTool = (tool: Tool, caller: Caller, host: ToolHost): BoundTool => ({
  ...tool,
  call: async (raw) => {
    host.ledger.check(caller);
    if (!mayUse(tool, caller))
      throw new LedgerError("access_denied", `"${caller.name}" (${caller.role}) may not call ${tool.name}.`, {
        hint: `Roles that may: ${rolesOf[tool.role].join(", ")}.`,
      });
    const input = safely(tool.name, () => tool.input.safeParse(raw));
    if (!input.success) throw misfit(tool.name, input.error);
    return tool.output.parse(await tool.handle(input.data, caller, host));
  },
});

// A hostile value can make a schema itself throw (an object whose `length` is no number); that is bad input too.
const safely = <T>(name: string, parse: () => T): T => {
  try {
    return parse();
  } catch (cause) {
    throw new LedgerError("invalid_input", `${name} cannot read this input.`, { cause });
  }
};

const misfit = (name: string, error: z.ZodError): LedgerError => {
  const defects = error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
  const said = defects.map(({ path, message }) => `${path || "input"}: ${message}`).join("; ");
  return new LedgerError("invalid_input", `${name} cannot use this input: ${said}`, { details: { defects } });
};
