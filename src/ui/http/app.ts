import { Hono } from "hono";
import { isLedgerError, LedgerError } from "../../index.js";
import type { McpOverHttp } from "../mcp/http.js";
import type { LedgerProcess } from "../mcp/ledger-process.js";
import { doorOf, knownSenders, throughDoor } from "./door.js";
import { requireOwnSite } from "./guards.js";
import { NO_CREDENTIAL, refusal } from "./refusal.js";

export type AppOptions = {
  readonly ask: LedgerProcess["ask"];
  readonly mcp: McpOverHttp;
  /** Host names that this server goes by, lower case, without ports. */
  readonly names: readonly string[];
  /** Told of what no refusal of the ledger is. */
  readonly broke: (error: Error) => void;
};

/** What is served over HTTP. Each request is refused unless it comes to a name of ours and with a credential of this ledger. */
export const httpApp = ({ ask, mcp, names, broke }: AppOptions): Hono => {
  const app = new Hono();
  app.onError((error) => {
    if (!isLedgerError(error)) broke(error);
    return refusal(error);
  });
  app.notFound(({ req }) => refusal(nothingAt(req.path)));
  app.use(async ({ req }, next) => {
    requireOwnSite(req.raw.headers, names);
    await next();
  });
  const senders = knownSenders(ask);
  app.all("/mcp", async ({ req }) => {
    const credential = credentialIn(req.header("authorization"));
    const known = senders.get(credential);
    if (known !== undefined) return throughDoor(mcp, req.raw, known, doorOf(ask, credential));
    const sender = await senders.meet(credential);
    return mcp.fetch(req.raw, sender, (question) => ask({ credential }, question));
  });
  return app;
};

const nothingAt = (path: string): LedgerError =>
  new LedgerError("file_not_found", `There is nothing at ${path}.`, {
    hint: "MCP clients ask for /mcp.",
  });

const credentialIn = (authorization: string | undefined): string => {
  const [, credential] = /^Bearer +(\S+) *$/i.exec(authorization ?? "") ?? [];
  if (credential !== undefined) return credential;
  throw new LedgerError("credential_invalid", NO_CREDENTIAL, {
    hint: "Send the header Authorization: Bearer CREDENTIAL; `runledger credential` makes one.",
  });
};
