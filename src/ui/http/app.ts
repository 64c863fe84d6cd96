import { Hono } from "hono";
import { isLedgerError, LedgerError } from "../../index.js";
import type { McpOverHttp } from "../mcp/http.js";
import type { LedgerProcess } from "../mcp/ledger-process.js";
import { gateApi } from "./api.js";
import { bearerOf } from "./bearer.js";
import { doorOf, knownSenders, throughDoor } from "./door.js";
import { LOOPBACK_NAMES, requireOwnSite } from "./guards.js";
import { refuseOtherMethods } from "./methods.js";
import { refusal } from "./refusal.js";

export type AppOptions = {
  readonly ask: LedgerProcess["ask"];
  readonly mcp: McpOverHttp;
  /** Host names that this server goes by, lower case, without ports. */
  readonly names: readonly string[];
  /** The page of the ledger's numbers; null where they are not served. */
  readonly metrics: (() => Promise<string>) | null;
  /** Told of what no refusal of the ledger is. */
  readonly broke: (error: Error) => void;
};

/**
 * What is served over HTTP. Each request is refused unless it comes to a name of ours and, but for numbers, with a credential of this
 * ledger or an SDK key.
 */
export const httpApp = ({ ask, mcp, names, metrics, broke }: AppOptions): Hono => {
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
    const credential = bearerOf(req.raw, CREDENTIAL_HINT);
    const known = senders.get(credential);
    if (known !== undefined) return throughDoor(mcp, req.raw, known, doorOf(ask, credential));
    const sender = await senders.meet(credential);
    return mcp.fetch(req.raw, sender, (question) => ask({ credential }, question));
  });
  app.route("/", gateApi(ask));
  if (metrics !== null) {
    app.get("/metrics", async ({ req }) => {
      // Whoever comes by another name comes through something that others reach too, and shows no credential here.
      requireOwnSite(req.raw.headers, LOOPBACK_NAMES);
      return new Response(await metrics(), {
        headers: { "content-type": METRICS_TYPE, "cache-control": "no-store" },
      });
    });
    refuseOtherMethods(app, [{ verb: "GET", path: "/metrics" }]);
  }
  return app;
};

/** The text format of Prometheus, in its only version. */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const nothingAt = (path: string): LedgerError =>
  new LedgerError("file_not_found", `There is nothing at ${path}.`, {
    hint:
      path === "/metrics"
        ? "Start it with --metrics to have numbers there."
        : "MCP clients ask for /mcp, those of the gate for what is below /v1.",
  });

const CREDENTIAL_HINT = "Send the header Authorization: Bearer CREDENTIAL; `runledger credential` makes one.";
