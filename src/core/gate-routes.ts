/** How a call of the gate travels over HTTP; `:name` in a path is the member of that name of its input. */
export type GateRoute = {
  readonly verb: "GET" | "POST";
  readonly path: string;
  /** Which kinds of SDK keys open it. */
  readonly kinds: readonly ("agent" | "approver")[];
  /** Members of a query that are numbers or lists; everything else in it is text. */
  readonly numbers?: readonly string[];
  readonly lists?: readonly string[];
};

const agents = ["agent"] as const;
const approvers = ["approver"] as const;
const both = ["agent", "approver"] as const;

/** Every call of the gate by its name; server and client both go by this. */
export const gateRoutes = {
  startRun: { verb: "POST", path: "/v1/runs", kinds: agents },
  getRun: { verb: "GET", path: "/v1/runs/:runId", kinds: agents },
  getRunEvents: {
    verb: "GET",
    path: "/v1/runs/:runId/events",
    kinds: agents,
    numbers: ["after", "limit"],
  },
  verifyRun: { verb: "GET", path: "/v1/runs/:runId/verification", kinds: agents },
  recordEvent: { verb: "POST", path: "/v1/runs/:runId/events", kinds: agents },
  recordArtifact: { verb: "POST", path: "/v1/runs/:runId/artifacts", kinds: agents },
  createCheckpoint: { verb: "POST", path: "/v1/runs/:runId/checkpoints", kinds: agents },
  resumeRun: { verb: "POST", path: "/v1/runs/:runId/resume", kinds: agents },
  handoff: { verb: "POST", path: "/v1/runs/:runId/handoffs", kinds: agents },
  completeHandoff: {
    verb: "POST",
    path: "/v1/runs/:runId/handoffs/:handoffId/complete",
    kinds: agents,
  },
  completeRun: { verb: "POST", path: "/v1/runs/:runId/complete", kinds: agents },
  failRun: { verb: "POST", path: "/v1/runs/:runId/fail", kinds: agents },
  propose: { verb: "POST", path: "/v1/intents", kinds: agents },
  listIntents: { verb: "GET", path: "/v1/intents", kinds: both, numbers: ["limit"], lists: ["statuses"] },
  listPolicies: { verb: "GET", path: "/v1/policies", kinds: both },
  getIntent: { verb: "GET", path: "/v1/intents/:intentId", kinds: both },
  waitForDecision: {
    verb: "GET",
    path: "/v1/intents/:intentId/decision",
    kinds: both,
    numbers: ["waitMs"],
  },
  approve: { verb: "POST", path: "/v1/intents/:intentId/approve", kinds: approvers },
  reject: { verb: "POST", path: "/v1/intents/:intentId/reject", kinds: approvers },
  cancel: { verb: "POST", path: "/v1/intents/:intentId/cancel", kinds: agents },
  execute: { verb: "POST", path: "/v1/intents/:intentId/execute", kinds: agents },
  report: { verb: "POST", path: "/v1/intents/:intentId/report", kinds: both },
} as const satisfies Readonly<Record<string, GateRoute>>;

export type GateMethod = keyof typeof gateRoutes;

/** Milliseconds for which a decision is waited for at most: an hour, and whoever waits longer asks again. */
export const WAIT_MAX_MS = 3_600_000;
/** So long one request waits at most: proxies give up sooner or later on what is silent. */
const WAIT_PER_REQUEST_MS = 25_000;

/** What one request takes of it. What is no wait at all stays as it is, for the gate to refuse. */
export const waitOfRequest = (waitMs: number): number =>
  waitMs > WAIT_PER_REQUEST_MS && waitMs <= WAIT_MAX_MS ? WAIT_PER_REQUEST_MS : waitMs;

/** Names of the members that stand in the path. */
export const namedIn = (path: string): readonly string[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => name);
