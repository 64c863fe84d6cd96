import type { Caller } from "../src/core/commands.js";
import type { Role } from "../src/core/events.js";
import type { NoteRefusal } from "../src/ledger/refusals.js";
import type { SignedCredentials } from "../src/ledger/signed.js";
import { type ToolNameOf, toolsFor } from "./index.js";
import { type ToolKit, toolKit } from "./kit.js";
import { credentialUse } from "./mcp.js";
import type { BoundTool, ToolHost } from "./tool.js";

export type KitOptions = {
  /** Milliseconds after which a call without a verdict answers `verifying`. */
  readonly waitMs?: number;
};

/** A caller whose role the compiler knows where it was given. */
export type IssuedAs<R extends Role> = Caller & { readonly role: R };

/** Who may ask, and what with. */
export interface CallerFaces extends SignedCredentials {
  /** For faces that refuse a call before any tool hears of it: its run's journal tells that somebody tried. */
  readonly noteRefusal: NoteRefusal;
  /** A credential for an in-process caller. */
  issue<R extends Role>(caller: IssuedAs<R>): IssuedAs<R>;
  /** The run_* tools that this caller may use (seed 002). */
  toolsFor(caller: Caller, options?: KitOptions): readonly BoundTool[];
  /** The run_* tools of this caller for a model: as definitions for its provider, and to be called by name. */
  toolKit<R extends Role>(caller: IssuedAs<R>, options?: KitOptions): ToolKit<ToolNameOf<R>>;
  /** The same for a signed credential, which each call opens anew. Throws what `openCredential` throws. */
  openToolKit(credential: string, options?: KitOptions): Promise<ToolKit>;
}

export const callerFaces = (host: ToolHost, signed: SignedCredentials): CallerFaces => {
  const { ledger, noteRefusal } = host;
  const { redactor } = ledger;
  const { openCredential } = signed;
  const toolsOf = (caller: Caller, { waitMs = host.settleMs }: KitOptions): readonly BoundTool[] =>
    toolsFor(caller, { ...host, settleMs: waitMs });
  return {
    ...signed,
    noteRefusal,
    toolsFor: (caller, options = {}) => toolsOf(caller, options),
    // The copy that is handed out has the role that was asked for.
    issue: (caller) => ledger.issue(caller) as typeof caller,
    toolKit: <R extends Role>(caller: IssuedAs<R>, options: KitOptions = {}) => {
      const listed = toolsOf(caller, options);
      // Exactly the tools of that role are listed.
      const callerNow = async () => {
        // What is journaled of a call names its caller, so nobody may have made that one up.
        ledger.check(caller);
        return { caller, tools: listed };
      };
      return toolKit({ listed, callerNow, noteRefusal, redactor }) as ToolKit<ToolNameOf<R>>;
    },
    openToolKit: async (credential, options = {}) =>
      toolKit({
        listed: toolsOf(await openCredential(credential, READS), options),
        callerNow: async (name, input) => {
          const caller = await openCredential(credential, credentialUse(name, input));
          return { caller, tools: toolsOf(caller, options) };
        },
        ...{ noteRefusal, redactor },
      }),
  };
};

const READS = { reads: true } as const;
