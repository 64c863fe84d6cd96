import { type ErrorCode, type ErrorKind, isLedgerError, type LedgerError } from "../../index.js";

const STATUS: { readonly [K in ErrorKind]: number } = {
  usage: 400,
  refused: 403,
  not_found: 404,
  conflict: 409,
  environment: 503,
  corrupt: 500,
};

/** Where the status says more than the kind does. */
const STATUS_OF: { readonly [C in ErrorCode]?: number } = {
  credential_invalid: 401,
  credential_expired: 401,
  limit_exceeded: 413,
  media_type_unknown: 415,
  method_unknown: 405,
  too_many_waiting: 429,
};

/** The answer to a request that is refused: the same three facts as everywhere, under the status that programs go by. */
export const refusal = (error: unknown): Response => {
  // What was no refusal of ours says nothing of us to whoever sent it.
  if (!isLedgerError(error))
    return answerOf(500, {
      code: "unexpected",
      message: "The server made a mistake; its terminal says which.",
    });
  const { code, message, hint, kind, details } = error;
  const status = STATUS_OF[code] ?? STATUS[kind];
  const told = {
    ...{ code, message, ...(hint === undefined ? {} : { hint }) },
    ...(Object.keys(details).length === 0 ? {} : { details }),
  };
  return answerOf(status, told, headersOf(status, error));
};

const headersOf = (status: number, error: LedgerError): Readonly<Record<string, string>> => {
  if (status === 401) return { "www-authenticate": challengeOf(error) };
  if (status === 405) return { allow: String(error.details.allow) };
  return status === 429 ? { "retry-after": RETRY_AFTER_SECONDS } : {};
};

/** A request waits so long at most that a place is free again soon. */
const RETRY_AFTER_SECONDS = "2";

const answerOf = (status: number, error: object, headers: Readonly<Record<string, string>> = {}): Response =>
  Response.json({ error }, { status, headers: { "cache-control": "no-store", ...headers } });

/** RFC 6750: who gave none is told no error. */
const challengeOf = ({ message }: LedgerError): string =>
  message === NO_CREDENTIAL ? 'Bearer realm="runledger"' : 'Bearer realm="runledger", error="invalid_token"';

export const NO_CREDENTIAL = "Nobody says who sends this.";
