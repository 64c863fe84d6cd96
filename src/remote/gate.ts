import { setTimeout as delay } from "node:timers/promises";
import { sha256 } from "../core/canonical.js";
import { isLedgerError, LedgerError } from "../core/errors.js";
import { waitOfRequest } from "../core/gate-routes.js";
import type { GateCalls } from "../engine/gate/faces.js";
import { readPayload } from "../engine/gate/payload.js";
import { type Send, type TransportOptions, transport } from "./transport.js";

export type GateOptions = TransportOptions;

/** Before it is asked again: a server that is being stopped answers at once, and one where too many wait does not wait. */
const WAIT_PAUSE_MS = 500;

type Asked<M extends keyof GateCalls> = Parameters<GateCalls[M]>[0];
type Full = { readonly retryAfterMs: number };
type Answered<M extends keyof GateCalls> = ReturnType<GateCalls[M]>;

/**
 * The gate of a ledger elsewhere, as `app.gate(caller)` is that of a ledger here (seed 000). Every call is sent again under its own
 * key where its answer was lost, so nothing is done twice. What is refused throws the LedgerError that the ledger refused it with.
 */
export class Gate implements GateCalls {
  readonly #send: Send;

  constructor(options: GateOptions) {
    this.#send = transport(options);
  }

  startRun(input: Asked<"startRun">): Answered<"startRun"> {
    return this.#call("startRun", input);
  }

  recordEvent(input: Asked<"recordEvent">): Answered<"recordEvent"> {
    return this.#call("recordEvent", input);
  }

  recordArtifact(input: Asked<"recordArtifact">): Answered<"recordArtifact"> {
    return this.#call("recordArtifact", input);
  }

  createCheckpoint(input: Asked<"createCheckpoint">): Answered<"createCheckpoint"> {
    return this.#call("createCheckpoint", input);
  }

  async resumeRun(input: Asked<"resumeRun">): Answered<"resumeRun"> {
    const context = await this.#call("resumeRun", input);
    return { ...context, blockedSideEffectKeys: new Set(context.blockedSideEffectKeys) };
  }

  getRun(input: Asked<"getRun">): Answered<"getRun"> {
    return this.#call("getRun", input);
  }

  getRunEvents(input: Asked<"getRunEvents">): Answered<"getRunEvents"> {
    return this.#call("getRunEvents", input);
  }

  verifyRun(input: Asked<"verifyRun">): Answered<"verifyRun"> {
    return this.#call("verifyRun", input);
  }

  handoff(input: Asked<"handoff">): Answered<"handoff"> {
    return this.#call("handoff", input);
  }

  completeHandoff(input: Asked<"completeHandoff">): Answered<"completeHandoff"> {
    return this.#call("completeHandoff", input);
  }

  completeRun(input: Asked<"completeRun">): Answered<"completeRun"> {
    return this.#call("completeRun", input);
  }

  failRun(input: Asked<"failRun">): Answered<"failRun"> {
    return this.#call("failRun", input);
  }

  /** A payload that is a path is read here: its bytes are sent, and the ledger's machine opens no file for it. */
  async propose({ payload, execute, ...terms }: Asked<"propose">): Answered<"propose"> {
    if (execute !== undefined)
      throw new LedgerError("invalid_input", "A function cannot be sent to another machine.", {
        hint: "Execute the intent here: execute({ intentId }) answers its order, and report what came of it.",
      });
    return this.#call("propose", { ...terms, payload: await readPayload(payload) });
  }

  approve(call: Asked<"approve">): Answered<"approve"> {
    return this.#call("approve", call);
  }

  reject(call: Asked<"reject">): Answered<"reject"> {
    return this.#call("reject", call);
  }

  cancel(call: Asked<"cancel">): Answered<"cancel"> {
    return this.#call("cancel", call);
  }

  /** Throws `intent_changed` where what came is not what was approved. */
  async execute(call: Asked<"execute">): Answered<"execute"> {
    const order = await this.#call("execute", call);
    requireAsApproved(order);
    return order;
  }

  report(call: Asked<"report">): Answered<"report"> {
    return this.#call("report", call);
  }

  getIntent(call: Asked<"getIntent">): Answered<"getIntent"> {
    return this.#call("getIntent", call);
  }

  /** The same, under the name that seed 000 gives it. */
  verify(call: Asked<"verify">): Answered<"verify"> {
    return this.#call("getIntent", call);
  }

  async listIntents(call: Asked<"listIntents"> = {}): Answered<"listIntents"> {
    const { intents } = (await this.#send("listIntents", call)) as {
      intents: Awaited<Answered<"listIntents">>;
    };
    return intents;
  }

  listPolicies(): Answered<"listPolicies"> {
    return this.#call("listPolicies", {});
  }

  /** In requests that are each as long as a proxy bears, until its own time is over. */
  async waitForDecision({ waitMs, ...call }: Asked<"waitForDecision">): Answered<"waitForDecision"> {
    const until = performance.now() + waitMs;
    for (let leftMs = waitMs; ; leftMs = Math.max(0, Math.round(until - performance.now()))) {
      const waited = await this.#waited({ ...call, waitMs: waitOfRequest(leftMs) });
      const isFull = "retryAfterMs" in waited;
      const askedMs = isFull ? Math.max(WAIT_PAUSE_MS, waited.retryAfterMs) : WAIT_PAUSE_MS;
      const pauseMs = Math.min(askedMs, until - performance.now());
      if (!isFull && (waited.status !== "pending_approval" || pauseMs <= 0)) return waited;
      await delay(Math.max(0, pauseMs));
    }
  }

  /** How long to leave it alone where too many wait already; without waiting everybody is answered. */
  async #waited(call: Asked<"waitForDecision">): Promise<Awaited<Answered<"waitForDecision">> | Full> {
    try {
      return await this.#call("waitForDecision", call);
    } catch (error) {
      if (isLedgerError(error, "too_many_waiting"))
        return { retryAfterMs: Number(error.details.retryAfterMs ?? 0) };
      throw error;
    }
  }

  #call<M extends Exclude<keyof GateCalls, "verify" | "listIntents">>(method: M, input: object): Answered<M> {
    return this.#send(method, input as Readonly<Record<string, unknown>>) as Answered<M>;
  }
}

/** Whatever is between here and the ledger may have changed it. */
const requireAsApproved = ({ intentId, payload }: Awaited<Answered<"execute">>): void => {
  if (payload === null) return;
  const { text, base64, digest } = payload;
  if (sha256(text ?? Buffer.from(base64 ?? "", "base64")) === digest) return;
  throw new LedgerError(
    "intent_changed",
    `What came of intent "${intentId}" on its way is not what was approved.`,
    {
      hint: "Execute nothing: a person says of the intent that it did not happen. Then look at what is between here and the ledger.",
      details: { intentId },
    },
  );
};
