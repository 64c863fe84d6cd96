import { Caller } from "../core/commands.js";
import { misfit } from "../core/defects.js";
import { LedgerError } from "../core/errors.js";
import { foldedName, isReservedName } from "../core/names.js";

export interface Credentials {
  /** A credential for in-process callers. The engine's own and that of hosts are never issued here. */
  issue(caller: Caller): Caller;
  /** The caller itself when this ledger issued it; a look-alike object is refused. */
  check(caller: Caller): Caller;
}

/** Of the credentials that are never issued: whose runs they make is said with each, and is another session. */
export const OWN_SESSIONS = { engine: "engine", host: "host" } as const;

// A name alone proves nothing: what counts is that this very object was handed out by this very ledger.
export const createCredentials = (): { credentials: Credentials; engine: Caller; host: Caller } => {
  const issued = new WeakSet<Caller>();
  const remember = (caller: Caller): Caller => {
    const frozen = Object.freeze({ ...caller });
    issued.add(frozen);
    return frozen;
  };
  const credentials: Credentials = {
    issue: (caller) => remember(fitting(caller)),
    check: (caller) => {
      if (issued.has(caller)) return caller;
      throw new LedgerError("access_denied", "This caller was not issued by the ledger.", {
        hint: "Ask the ledger for a credential: ledger.issue({ name, role, sessionKey }).",
      });
    },
  };
  return {
    credentials,
    engine: remember({ name: "engine", role: "engine", sessionKey: OWN_SESSIONS.engine }),
    host: remember({ name: "host", role: "host", sessionKey: OWN_SESSIONS.host }),
  };
};

/** Control characters and half surrogate pairs do not survive every store, and a journal must give back what it was given. */
const UNFIT = /[\p{Cc}\p{Cs}]/u;

// The parsed copy is what counts: an object that answers differently when read twice is read once.
const fitting = (asked: Caller): Caller => {
  const { success, data: caller, error } = Caller.safeParse(asked);
  if (!success) throw misfit("the caller", error.issues, asked);
  if (foldedName(caller.name) === "")
    throw new LedgerError("access_denied", "A caller without a name is no caller.", {
      hint: "Give it the name that plans have as owner_agent.",
    });
  if (UNFIT.test(caller.name + caller.sessionKey))
    throw new LedgerError("invalid_input", "Names and session keys are made of visible characters.", {
      hint: "Give a session key without line breaks and control characters.",
    });
  if (caller.role === "engine" || caller.role === "host")
    throw new LedgerError("access_denied", `The ${caller.role}'s credential is not for hand-out.`);
  if (caller.role !== "orchestrator" && isReservedName(caller.name))
    throw new LedgerError("access_denied", `"${caller.name}" is reserved for the orchestrator.`, {
      hint: "Choose another name.",
    });
  return caller;
};
