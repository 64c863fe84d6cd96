import type { Caller } from "../core/commands.js";
import { isLedgerError } from "../core/errors.js";
import { CALLER_NAME_CHARS, TOOL_NAME_CHARS } from "../core/limits.js";
import { AccessRefusal } from "../core/refusals.js";
import type { Ledger } from "./ledger.js";

/** A call of a tool that came to nothing. */
export type Refused = {
  readonly error: unknown;
  readonly tool: string | undefined;
  /** Whom the ledger's own word vouches for, though for less than was asked; undefined for nobody. */
  readonly by: Pick<Caller, "name" | "role" | "stepId" | "attempt"> | undefined;
  /** The run that was asked for, or else the one that the credential is bound to. */
  readonly runId: string | undefined;
};

/** Writes into the run's journal that somebody was refused; what is no refusal of a caller, or of no run, is passed over. */
export type NoteRefusal = (refused: Refused) => Promise<void>;

export const noteRefusals =
  (ledger: Ledger, engine: Caller): NoteRefusal =>
  async ({ error, tool, by, runId }) => {
    // Before they are cut to size: half of a secret is not found there any more.
    const { text } = ledger.redactor;
    const code = AccessRefusal.safeParse(isLedgerError(error) ? error.code : undefined);
    if (runId === undefined || !code.success) return;
    const command = {
      type: "refuse_access",
      tool: tool === undefined ? null : text(tool).slice(0, TOOL_NAME_CHARS),
      code: code.data,
      by: by === undefined ? null : { ...whoever(by), name: text(by.name).slice(0, CALLER_NAME_CHARS) },
    } as const;
    try {
      await ledger.submit(runId, command, engine);
    } catch (failed) {
      // No such run, or none that can be written: the caller is refused all the same, and hears why by the first error.
      if (!isLedgerError(failed)) throw failed;
    }
  };

const whoever = ({ role, stepId, attempt }: NonNullable<Refused["by"]>) => ({
  role,
  stepId: stepId ?? null,
  attempt: attempt ?? null,
});
