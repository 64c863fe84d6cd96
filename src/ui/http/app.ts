import { Hono } from "hono";
import { isLedgerError, LedgerError } from "../../index.js";
import type { McpOverHttp, Sender } from "../mcp/http.js";
import type { LedgerProcess } from "../mcp/ledger-process.js";
import { gateApi } from "./api.js";
import { bearerOf } from "./bearer.js";
import { requireOwnSite } from "./guards.js";
import { refusal } from "./refusal.js";

export type AppOptions = {
  readonly ask: LedgerProcess["ask"];
  readonly mcp: McpOverHttp;
  /** Host names that this server goes by, lower case, without ports. */
  readonly names: readonly string[];
  /** Told of what no refusal of the ledger is. */
  readonly broke: (error: Error) => void;
};

type Env = { readonly Variables: { sender: Sender } };

/** What is served over HTTP. Each request is refused unless it comes to a name of ours, and with a credential of this ledger or an SDK key. */
export const httpApp = ({ ask, mcp, names, broke }: AppOptions): Hono<Env> => {
  const app = new Hono<Env>();
  app.onError((error) => {
    if (!isLedgerError(error)) broke(error);
    return refusal(error);
  });
  app.notFound(({ req }) => refusal(nothingAt(req.path)));
  app.use(async ({ req }, next) => {
    requireOwnSite(req.raw.headers, names);
    await next();
  });
  app.use("/mcp", async (context, next) => {
    context.set("sender", await senderOf(ask, context.req.raw));
    await next();
  });
  app.all("/mcp", ({ req, var: { sender } }) => mcp.fetch(req.raw, sender));
  app.route("/", gateApi(ask));
  return app;
};

const nothingAt = (path: string): LedgerError =>
  new LedgerError("file_not_found", `There is nothing at ${path}.`, {
    hint: "MCP clients ask for /mcp, the gate's for what is below /v1.",
  });

/** Asked of the ledger anew for each request; for what an attempt that is over may still do, each call is asked again there. */
const senderOf = async (ask: AppOptions["ask"], request: Request): Promise<Sender> => {
  const credential = bearerOf(
    request,
    "Send the header Authorization: Bearer CREDENTIAL; `runledger credential` makes one.",
  );
  const { name, role } = (await ask({ credential }, { kind: "who" })) as Omit<Sender, "credential">;
  return { credential, name, role };
};
