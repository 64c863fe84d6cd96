import {
  type Caller,
  LedgerError,
  type NewCredential,
  parseDuration,
  type RunLedger,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { jsonLine, SCHEMA_VERSION, say } from "../output.js";
import type { Bench } from "../program.js";

export type CredentialOptions = {
  readonly role: NewCredential["role"];
  readonly agent?: string;
  readonly run?: string;
  readonly step?: string;
  readonly candidate?: number;
  readonly expires: string;
};

export const makeCredential = async (
  app: RunLedger,
  { output, shared }: Bench,
  { role, agent, run, step, candidate, expires }: CredentialOptions,
): Promise<number> => {
  const runId = run === undefined ? undefined : await app.findRun(run);
  const { credential, caller, expiresAt } = await app.signCredential({
    role,
    name: nameOf(role, agent),
    ...(runId === undefined ? { sessionKey: shared.session } : { runId }),
    ...(step === undefined ? {} : { stepId: step }),
    ...(candidate === undefined ? {} : { candidate }),
    lifetimeMs: lifetimeOf(expires),
  });
  const { name, sessionKey, stepId = null, attempt = null } = caller;
  const bound = { runId: runId ?? null, stepId, attempt, candidate: candidate ?? null };
  // Redaction would take it out: it is a secret, and here it is what was asked for.
  if (output.json)
    output.out.write(
      `${jsonLine({ schemaVersion: SCHEMA_VERSION, credential, role, name, sessionKey, ...bound, expiresAt })}\n`,
    );
  else output.out.write(`${credential}\n`);
  say(output, `For ${name} (${role}), ${extentOf(caller)}, until ${expiresAt}. Whoever has it is ${name}.`);
  return EXIT.done;
};

/** Where nobody said otherwise the orchestrator is called what it is; agents have names of their own. */
const nameOf = (role: NewCredential["role"], agent: string | undefined): string => {
  const name = agent ?? (role === "orchestrator" ? "orchestrator" : "");
  if (name !== "") return name;
  throw new LedgerError("invalid_input", "An executor's credential is one agent's.", {
    hint: "Give --agent the name that plans have as owner_agent.",
  });
};

const lifetimeOf = (text: string): number => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new LedgerError("invalid_input", `--expires is no duration: "${text}".`, {
    hint: "Such as 30m or 8h.",
  });
};

const extentOf = ({ runId, stepId, attempt, sessionKey }: Caller): string => {
  if (runId === undefined) return `for runs of the session "${sessionKey}"`;
  return stepId === undefined ? `for ${runId}` : `for attempt ${attempt} of ${stepId} in ${runId}`;
};
