import type { Caller } from "../core/commands.js";
import { requirePromise } from "../core/decide/waits.js";
import { LedgerError } from "../core/errors.js";
import { openWaits } from "../core/next.js";
import { named } from "../core/race.js";
import { isTerminal, type Run } from "../core/run.js";
import { promiseId, tokenHash } from "../core/waits.js";
import type { Ledger, SubmitOptions } from "../ledger/ledger.js";
import type { TokenOf } from "../ledger/tokens.js";
import { keepValue } from "./effects/values.js";

/** What an attempt waits for from outside. */
export type OpenPromise = {
  readonly id: string;
  readonly name: string;
  readonly stepId: string;
  readonly attempt: number;
  /** Null for a step that is not raced. */
  readonly candidate: number | null;
  readonly since: string;
};

export type PromiseAnswer = { readonly promise: string; readonly token: string } & (
  | { readonly value: unknown }
  | { readonly error: string }
);

export interface Promises {
  /** Those of a run that wait for an answer. */
  promises(runId: string): Promise<readonly OpenPromise[]>;
  /** The token of an open promise, for a person at the ledger to hand on. Throws `promise_not_found`. */
  promiseToken(caller: Caller, runId: string, promise: string): Promise<string>;
  /** Once, with its token; `error` rejects it. Throws `promise_refused` without a word on what there is. */
  resolvePromise(
    caller: Caller,
    runId: string,
    answer: PromiseAnswer,
    options?: Pick<SubmitOptions, "idempotencyKey">,
  ): Promise<Run>;
}

export const createPromises = (ledger: Ledger, tokenOf: TokenOf): Promises => ({
  promises: async (runId) => (await openOf(ledger, runId)).map(({ told }) => told),
  promiseToken: async (caller, runId, id) => {
    if (ledger.check(caller).role !== "human")
      throw new LedgerError("access_denied", `"${caller.name}" (${caller.role}) may not see tokens.`, {
        hint: "Only a person may hand them on.",
      });
    const found = (await openOf(ledger, runId)).find(({ told }) => told.id === id);
    if (found === undefined)
      throw new LedgerError("promise_not_found", `No promise "${id}" of run "${runId}" is open.`, {
        hint: `Those that are: runledger promises ${runId}`,
      });
    const token = await tokenOf(found.of);
    if (tokenHash(token, found.of) === found.tokenHash) return token;
    throw new LedgerError("promise_not_found", `The token of "${id}" was made in another ledger.`, {
      hint: "Whoever it was delivered to has it; there is no other way to it.",
    });
  },
  resolvePromise: async (caller, runId, answer, options = {}) => {
    const { promise, token } = answer;
    // Nothing is kept for who cannot answer.
    requirePromise(await ledger.load(runId), answer);
    const outcome =
      "error" in answer
        ? ({ kind: "failed", error: answer.error } as const)
        : ({ kind: "done", value: await keepValue(ledger, { runId, name: promise }, answer.value) } as const);
    const command = { type: "resolve_promise", promise, token, outcome } as const;
    return (await ledger.submit(runId, command, caller, options)).run;
  },
});

const openOf = async (ledger: Ledger, runId: string) => {
  const run = await ledger.load(runId);
  if (isTerminal(run)) return [];
  return openWaits(run).flatMap(({ step, wait }) => {
    if (wait.kind !== "promise") return [];
    const { name, position, since, tokenHash: hash, madeIn } = wait;
    const of = { runId: madeIn, stepId: step.spec.id, attempt: step.attempt, ...named(step), position };
    const { stepId, attempt } = of;
    const told = {
      ...{ id: promiseId(of), name, stepId, attempt },
      ...{ candidate: step.candidate ?? null, since },
    };
    return [{ told, of, tokenHash: hash }];
  });
};
