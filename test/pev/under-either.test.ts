import { getEventListeners, once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { callWebhook } from "../../src/engine/notify/webhook.js";
import { openRunLedger } from "../../src/index.js";
import { underEither } from "../../src/pev/under-either.js";
import { collectGarbage } from "../helpers/garbage.js";
import { agentOf, gatedProject, openRun } from "../helpers/gated.js";
import { AT } from "../helpers/given.js";

/** Listeners, and whatever else a signal keeps of those that were made of it. */
const keptIn = (signal: AbortSignal): number => {
  const inside = Object.getOwnPropertySymbols(signal).map(
    (name) => (signal as unknown as Record<symbol, { readonly size?: unknown } | null>)[name]?.size,
  );
  const sets = inside.flatMap((size) => (typeof size === "number" ? [size] : []));
  return sets.reduce((sum, size) => sum + size, getEventListeners(signal, "abort").length);
};

it("Work is told which of its signals aborted, at once where that was before, and leaves nothing in them", async () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const told = await underEither([one.signal, other.signal], async (either) => {
    expect(either.aborted).toBe(false);
    other.abort("enough");
    return either.reason;
  });
  expect(told).toBe("enough");
  const before = await underEither([one.signal, other.signal], async ({ reason }) => reason);
  expect(before).toBe("enough");
  const failing = underEither([one.signal], () => Promise.reject(new Error("no")));
  await expect(failing).rejects.toThrow("no");
  expect([keptIn(one.signal), keptIn(other.signal)]).toEqual([0, 0]);
});

it("A time limit that nothing else holds ends the work, whatever the collector takes until then", async () => {
  const limited = underEither(
    [new AbortController().signal, AbortSignal.timeout(100)],
    (either) => new Promise((resolve) => either.addEventListener("abort", () => resolve(either.reason))),
  );
  await new Promise(setImmediate);
  collectGarbage();
  expect(await limited).toMatchObject({ name: "TimeoutError" });
});

it("A receiver that never answers is given up when its time is over, whatever the collector takes until then", async () => {
  const silent = createServer(() => undefined);
  onTestFinished(() => void silent.close());
  await once(silent.listen(0, "127.0.0.1"), "listening");
  const { port } = silent.address() as AddressInfo;
  const told = callWebhook({
    ...{ url: `http://127.0.0.1:${port}/`, secret: "s", id: "msg_1", body: "{}", now: AT },
    ...{ privateNetwork: true, timeoutMs: 300, signal: new AbortController().signal },
  });
  await once(silent, "connection");
  await new Promise(setImmediate);
  collectGarbage();
  expect(await told).toEqual({ kind: "failed", error: "it took too long" });
});

it("A ledger that is asked to wait for decisions, for months, keeps nothing of each wait in the signal that ends it", async () => {
  const { folder } = await gatedProject();
  const stop = new AbortController();
  const app = await openRunLedger({
    projectDir: folder,
    env: { ...process.env, XDG_DATA_HOME: folder },
    interrupted: stop.signal,
  });
  onTestFinished(() => app.close());
  const gone = new AbortController();
  const gate = app.gate(agentOf(app), { gone: gone.signal });
  const terms = { runId: await openRun(app), destination: "mail.send", payload: { text: "hello" } };
  const { intentId } = await gate.propose({ ...terms, policy: "ask-first" });
  const before = keptIn(stop.signal);
  for (let waited = 0; waited < 20; waited += 1) await gate.waitForDecision({ intentId, waitMs: 1 });
  expect([keptIn(stop.signal), keptIn(gone.signal)]).toEqual([before, 0]);
});
