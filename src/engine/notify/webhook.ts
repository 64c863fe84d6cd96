import { createHmac } from "node:crypto";
import { request as plain, type RequestOptions } from "node:http";
import { request as encrypted } from "node:https";
import { addressesOf, callableIn } from "../../pev/network/addresses.js";
import { underEither } from "../../pev/under-either.js";
import type { Outcome } from "./deliveries.js";

export type WebhookCall = {
  readonly url: string;
  /** Undefined when the variable that the settings name is not set. */
  readonly secret: string | undefined;
  /** The same for each try of one delivery. */
  readonly id: string;
  readonly body: string;
  /** Of this try; ISO 8601, UTC. */
  readonly now: string;
  /** May lead to this machine or its private network. */
  readonly privateNetwork: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

/** Standard Webhooks: `whsec_` and base64 of the key, or else the text itself is the key. */
const PREFIX = "whsec_";

export const signatureOf = (secret: string, id: string, timestamp: number, body: string): string => {
  const key = secret.startsWith(PREFIX)
    ? Buffer.from(secret.slice(PREFIX.length), "base64")
    : Buffer.from(secret);
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
};

/** One signed request. It follows no redirect, and goes to the very address that was looked at. */
export const callWebhook = async (call: WebhookCall): Promise<Outcome> => {
  const { url, secret, privateNetwork, signal } = call;
  if (secret === undefined || secret === "") return failed("its secret is not set");
  const { hostname } = new URL(url);
  return underEither([signal, AbortSignal.timeout(call.timeoutMs)], async (limit) => {
    try {
      const addresses = await before(limit, addressesOf(hostname.replace(/^\[|\]$/g, "")));
      if (addresses.length === 0) return failed(`${hostname} cannot be resolved`);
      const address = callableIn(addresses, privateNetwork);
      if (address === undefined)
        return failed(`${hostname} has no address outside of this machine and its private network`);
      return outcomeOf(await statusOf(call, address, secret, limit));
    } catch (error) {
      return failed(limit.aborted ? "it took too long" : whyOf(error));
    }
  });
};

/** Looking a name up cannot be called off: nobody waits for it any longer. */
const before = async <T>(limit: AbortSignal, work: Promise<T>): Promise<T> => {
  limit.throwIfAborted();
  let stop = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    stop = () => reject(limit.reason);
    limit.addEventListener("abort", stop);
  });
  return Promise.race([work, late]).finally(() => limit.removeEventListener("abort", stop));
};

const failed = (error: string): Outcome => ({ kind: "failed", error });

const whyOf = (error: unknown): string =>
  error instanceof Error ? String((error as NodeJS.ErrnoException).code ?? error.message) : String(error);

/** Gone for good, or not understood: a second try would be answered the same. */
const REFUSED: ReadonlySet<number> = new Set([400, 404, 405, 410, 413, 415, 422]);

const outcomeOf = (status: number): Outcome => {
  if (status >= 200 && status < 300) return { kind: "told" };
  return { kind: REFUSED.has(status) ? "refused" : "failed", error: `it answered ${status}` };
};

const statusOf = (
  { url, id, body, now }: WebhookCall,
  address: string,
  secret: string,
  signal: AbortSignal,
): Promise<number> => {
  const { protocol, hostname, port, pathname, search, host } = new URL(url);
  const timestamp = Math.floor(Date.parse(now) / 1_000);
  const isEncrypted = protocol === "https:";
  const options: RequestOptions & { readonly servername?: string } = {
    method: "POST",
    host: address,
    port: port === "" ? (isEncrypted ? 443 : 80) : Number(port),
    path: `${pathname}${search}`,
    // The name that its certificate is for, which an address is not.
    ...(isEncrypted ? { servername: hostname.replace(/^\[|\]$/g, "") } : {}),
    agent: false,
    signal,
    headers: {
      host,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      "user-agent": "runledger",
      "webhook-id": id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": signatureOf(secret, id, timestamp, body),
    },
  };
  return new Promise((resolve, reject) => {
    const asked = (isEncrypted ? encrypted : plain)(options, (answer) => {
      resolve(answer.statusCode ?? 0);
      // What it says beside its status is of no use, however long it goes on.
      answer.destroy();
    });
    asked.on("error", reject);
    asked.end(body);
  });
};
