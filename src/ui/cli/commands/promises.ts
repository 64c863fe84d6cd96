import { type Caller, LedgerError, type OpenPromise, type RunLedger } from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import type { Keyed } from "../groups/run.js";
import { type Output, printJson } from "../output.js";
import type { Bench } from "../program.js";
import { printTable } from "../table.js";
import { agoCell } from "../time-cells.js";
import { standing } from "./act.js";

export const listPromises = async (
  app: RunLedger,
  output: Output,
  caller: Caller,
  runId: string,
  { reveal }: { readonly reveal: boolean },
): Promise<number> => {
  const open = await app.promises(runId);
  const listed: (OpenPromise & { readonly token: string | null })[] = [];
  for (const one of open)
    listed.push({ ...one, token: reveal ? await app.promiseToken(caller, runId, one.id) : null });
  if (output.json) printJson(output, { runId, promises: listed });
  else
    await printTable(output, {
      head: ["PROMISE", "NAME", "WAITS SINCE", ...(reveal ? ["TOKEN"] : [])],
      rows: listed.map(({ id, name, since, token }) => [
        { text: id, id: true },
        name,
        agoCell(since),
        ...(token === null ? [] : [token]),
      ]),
      empty: `Nobody in run "${runId}" waits for an answer from outside.`,
    });
  return EXIT.done;
};

export type ResolveOptions = Keyed & {
  readonly promise: string;
  readonly value?: string;
  readonly error?: string;
  readonly token?: string;
};

export const resolvePromise = async (
  app: RunLedger,
  { output, terminal }: Bench,
  caller: Caller,
  runId: string,
  { promise, value, error, token, idempotencyKey }: ResolveOptions,
): Promise<number> => {
  const given = token ?? terminal.env[TOKEN_VARIABLE] ?? "";
  if (given === "")
    throw new LedgerError("invalid_input", `The promise "${promise}" is resolved with its token.`, {
      hint: `Give it with --token or in ${TOKEN_VARIABLE}; a person sees it by: runledger promises ${runId} --reveal`,
    });
  if ((value === undefined) === (error === undefined))
    throw new LedgerError("invalid_input", "A promise is resolved with --value or rejected with --error.", {
      hint: "Give one of the two; --value null says only that it is so.",
    });
  const answer =
    error === undefined
      ? { promise, token: given, value: jsonOf(value ?? "") }
      : { promise, token: given, error };
  const key = idempotencyKey === undefined ? {} : { idempotencyKey };
  return standing(app, output, await app.resolvePromise(caller, runId, answer, key));
};

/** Arguments are seen by everybody on the machine who lists its processes. */
const TOKEN_VARIABLE = "RUNLEDGER_PROMISE_TOKEN";

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LedgerError("invalid_input", `--value is no JSON: ${(error as Error).message}`, {
      hint: `Strings have quotes in JSON: --value '"yes"'`,
    });
  }
};
