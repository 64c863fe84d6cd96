import { LedgerError } from "../../index.js";
import { NO_CREDENTIAL } from "./refusal.js";

/** What a request says that it may; `hint` tells who says nothing what to send. */
export const bearerOf = ({ headers }: Request, hint: string): string => {
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "") ?? [];
  if (bearer !== undefined) return bearer;
  throw new LedgerError("credential_invalid", NO_CREDENTIAL, { hint });
};
