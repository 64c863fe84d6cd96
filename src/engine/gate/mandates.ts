import type { Caller } from "../../core/commands.js";
import { requireRole } from "../../core/decide/guards.js";
import { quoted } from "../../core/defects.js";
import { LedgerError } from "../../core/errors.js";
import * as limit from "../../core/limits.js";
import { Mandate, type MandateState, stateOfMandate } from "../../core/mandates.js";
import { isSamePerson } from "../../core/names.js";
import type { Ledger } from "../../ledger/ledger.js";
import { changeMandates, newMandateId, readMandates } from "../../ledger/mandates.js";

type For = {
  /** Names of destinations, or beginnings of them with `*` behind; left out, all. */
  readonly destinations?: readonly string[] | undefined;
  readonly policies?: readonly string[] | undefined;
  readonly lifetimeMs: number;
};
export type NewDelegation = For & { readonly to: string };
export type NewStanding = For & {
  readonly agent: string;
  readonly maxValueUsd?: number | null | undefined;
  readonly perDay?: number | null | undefined;
  readonly perDayUsd?: number | null | undefined;
};
export type ListedMandate = Mandate & { readonly state: MandateState };

export interface MandateFaces {
  /** All that people gave, the oldest first. */
  mandates(): Promise<readonly ListedMandate[]>;
  /** Another person may answer for the one who says so. */
  delegate(by: Caller, asked: NewDelegation): Promise<ListedMandate>;
  /** What an agent asks for is approved beforehand by the one who says so, within limits. */
  approveStanding(by: Caller, asked: NewStanding): Promise<ListedMandate>;
  /** By id, or the name of who has but one. From the next answer on it is none; done again, it stays as it was. */
  revokeMandate(by: Caller, which: string): Promise<ListedMandate>;
}

/** Each is one that a person gave by hand. */
const MANDATES_MAX = 1_000;

export const mandateFaces = (ledger: Ledger): MandateFaces => {
  const { store } = ledger;
  const listed = (one: Mandate): ListedMandate => ({ ...one, state: stateOfMandate(one, ledger.now()) });
  const add = async (by: Caller, asked: For, of: object): Promise<ListedMandate> => {
    const at = ledger.now();
    const made = Mandate.safeParse({
      ...of,
      by: by.name,
      destinations: asked.destinations ?? ["*"],
      policies: asked.policies ?? ["*"],
      createdAt: at,
      expiresAt: new Date(Date.parse(at) + requireLifetime(asked.lifetimeMs)).toISOString(),
      revokedAt: null,
      revokedBy: null,
    });
    if (!made.success)
      throw new LedgerError("invalid_input", `It cannot be given so: ${made.error.issues[0]?.message}.`);
    await changeMandates(store, (all) => [...requireRoom(all), made.data]);
    return listed(made.data);
  };
  return {
    mandates: async () => (await readMandates(store)).map(listed),
    delegate: async (by, asked) => {
      requireRole(ledger.check(by), "let somebody answer for them", "human");
      if (isSamePerson(asked.to, by.name))
        throw new LedgerError("invalid_input", "Nobody is their own deputy.");
      return add(by, asked, { kind: "delegation", id: newMandateId("delegation"), to: asked.to });
    },
    approveStanding: async (by, asked) => {
      requireRole(ledger.check(by), "approve beforehand", "human");
      const { agent, maxValueUsd = null, perDay = null, perDayUsd = null } = asked;
      const limits = { agent, maxValueUsd, perDay, perDayUsd, uses: [] };
      return add(by, asked, { kind: "standing", id: newMandateId("standing"), ...limits });
    },
    revokeMandate: async (by, which) => {
      requireRole(ledger.check(by), "take back what was given", "human");
      const { id } = requireMandate(await readMandates(store), which, ledger.now());
      const revoked = { revokedAt: ledger.now(), revokedBy: by.name };
      await changeMandates(store, (all) => {
        const one = requireMandate(all, id, ledger.now());
        if (one.revokedAt !== null) return undefined;
        return all.map((each) => (each.id === id ? { ...each, ...revoked } : each));
      });
      return listed(requireMandate(await readMandates(store), id, ledger.now()));
    },
  };
};

const requireLifetime = (ms: number): number => {
  if (Number.isInteger(ms) && ms > 0 && ms <= limit.MANDATE_MAX_MS) return ms;
  throw new LedgerError("invalid_input", "It is given for a time, of at most 366 days.");
};

const requireRoom = (all: readonly Mandate[]): readonly Mandate[] => {
  if (all.length < MANDATES_MAX) return all;
  throw new LedgerError("limit_exceeded", `A ledger keeps at most ${MANDATES_MAX} of them.`);
};

/** By its id, or the name of the deputy or agent who has but one that is active. */
const requireMandate = (all: readonly Mandate[], which: string, at: string): Mandate => {
  const named = all.filter(
    (one) => isSamePerson(givenTo(one), which) && stateOfMandate(one, at) === "active",
  );
  const found = all.find(({ id }) => id === which) ?? (named.length === 1 ? named[0] : undefined);
  if (found !== undefined) return found;
  const why = named.length > 1 ? `${quoted(which)} has ${named.length} of them` : "There is none";
  throw new LedgerError("mandate_not_found", `No delegation or standing approval is meant. ${why}.`, {
    hint: "runledger mandate list names them.",
  });
};

const givenTo = (one: Mandate): string => (one.kind === "delegation" ? one.to : one.agent);
