import { createHash } from "node:crypto";
import { isLedgerError } from "../../index.js";
import type { McpOverHttp, Sender } from "../mcp/http.js";
import type { LedgerProcess } from "../mcp/ledger-process.js";
import type { McpOptions } from "../mcp/server.js";

type Ask = LedgerProcess["ask"];

/** More clients than that come to no ledger at once; one that is forgotten is asked for once more. */
const SENDERS_KNOWN = 1_000;

/**
 * Name and role of those whose credential the ledger has opened before. They are written in it and never change, so they need
 * not be asked for again; whether it still holds is asked for each request, see `doorOf`.
 */
export const knownSenders = (ask: Ask) => {
  const known = new Map<string, Sender>();
  return {
    get: (credential: string): Sender | undefined => known.get(digestOf(credential)),
    /** Throws what the ledger refuses. */
    meet: async (credential: string): Promise<Sender> => {
      const { name, role } = (await ask({ credential }, { kind: "who" })) as Sender;
      if (known.size >= SENDERS_KNOWN) known.clear();
      known.set(digestOf(credential), { name, role });
      return { name, role };
    },
  };
};

/** No credential is kept. */
const digestOf = (credential: string): string => createHash("sha256").update(credential).digest("base64");

/** What one request asks the ledger, and whether its credential was found to hold. */
export type Door = {
  readonly ask: McpOptions["ask"];
  /** Throws what the ledger refused it for; a request that asked nothing is asked about by itself. */
  readonly passed: () => Promise<void>;
};

/**
 * The first question of a request opens its credential anyway, so no other is asked before it: a call costs one way to the ledger
 * instead of two. An attempt that is over is told by the answer to the call, and no request is refused for it.
 */
export const doorOf = (ask: Ask, credential: string): Door => {
  let passed: Promise<void> | undefined;
  const opening = (question: Parameters<Door["ask"]>[0]): ReturnType<Door["ask"]> => {
    let tellOpened = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      tellOpened = resolve;
    });
    const answer = ask({ credential }, question, { opened: tellOpened });
    const answered = answer.then(() => undefined, unlessEnded);
    passed = Promise.race([opened, answered]);
    // Whoever looks at it is told; a request that broke off is looked at by nobody.
    passed.catch(() => undefined);
    return answer;
  };
  return {
    ask: (question) => (passed === undefined ? opening(question) : ask({ credential }, question)),
    passed: async () => {
      await (passed ?? ask({ credential }, { kind: "who" }));
    },
  };
};

const unlessEnded = (error: unknown): void => {
  if (!isLedgerError(error, "credential_ended")) throw error;
};

/** Nothing of the answer is handed out before the credential was found to hold. */
export const throughDoor = async (
  mcp: Pick<McpOverHttp, "fetch">,
  request: Request,
  sender: Sender,
  door: Door,
): Promise<Response> => {
  const response = await mcp.fetch(request, sender, door.ask).catch(async (error: unknown) => {
    await door.passed();
    throw error;
  });
  try {
    await door.passed();
    return response;
  } catch (error) {
    await response.body?.cancel().catch(() => undefined);
    throw error;
  }
};
