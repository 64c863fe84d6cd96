import { createServer } from "node:http";
import { expect, it } from "vitest";
import { sha256 } from "../../src/core/canonical.js";
import { Gate, type GateOptions } from "../../src/index.js";
import { onLoopback } from "../helpers/on-loopback.js";

type Answer = readonly [status: number, body: object];

/** A real socket, and one answer after the other as a server gives them that is full, or being stopped. */
const answering = async (...answers: readonly Answer[]) => answeringFor({}, ...answers);

const answeringFor = async (options: Partial<GateOptions>, ...answers: readonly Answer[]) => {
  const waits: number[] = [];
  const server = createServer((request, response) => {
    const [status, body] = answers[Math.min(waits.length, answers.length - 1)] ?? expect.unreachable();
    waits.push(Number(new URL(request.url ?? "", "http://gate").searchParams.get("waitMs")));
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  const endpoint = await onLoopback(server);
  return {
    waits,
    gate: new Gate({ endpoint, apiKey: `rl_sk_0123456789abcdef_${"a".repeat(43)}`, ...options }),
  };
};

const full = [429, { error: { code: "too_many_waiting", message: "No." } }] as const;
const pending = [200, { status: "pending_approval" }] as const;
const approved = [200, { status: "approved" }] as const;
const call = { intentId: "run_1.1" };

it("goes on waiting where too many wait, and where a server that is stopped answers before the time", async () => {
  const { gate, waits } = await answering(full, pending, approved);
  expect(await gate.waitForDecision({ ...call, waitMs: 20_000 })).toEqual({ status: "approved" });
  expect(waits).toHaveLength(3);
  expect(waits[0]).toBe(20_000);
});

it("answers the intent as it is when its time is over, also where there was never room to wait", async () => {
  const { gate, waits } = await answering(full, pending);
  expect(await gate.waitForDecision({ ...call, waitMs: 1 })).toEqual({ status: "pending_approval" });
  expect(waits).toEqual([1, 0]);
});

it("asks for no more than one request may take, and leaves it to the gate to refuse what is no wait", async () => {
  const { gate, waits } = await answering(approved);
  for (const waitMs of [3_600_000, 3_600_001, -1]) await gate.waitForDecision({ ...call, waitMs });
  expect(waits).toEqual([25_000, 3_600_001, -1]);
});

it("bears a server that is away as long as its patience, and then says so, whatever time is left", async () => {
  const away = [503, { error: { code: "worker_unreachable", message: "It is started again." } }] as const;
  const patient = await answeringFor({ patienceMs: 5_000 }, pending, away, approved);
  expect(await patient.gate.waitForDecision({ ...call, waitMs: 20_000 })).toEqual({ status: "approved" });
  const hasty = await answeringFor({ patienceMs: 0 }, away);
  const waiting = hasty.gate.waitForDecision({ ...call, waitMs: 20_000 });
  await expect(waiting).rejects.toMatchObject({ code: "worker_unreachable" });
  expect(hasty.waits).toHaveLength(1);
});

it("gives nobody an order whose payload is not the one that was approved", async () => {
  const order = (text: string | null, base64: string | null) => {
    const payload = { type: "text", bytes: 5, digest: sha256("hello"), text, base64 };
    return [200, { intentId: call.intentId, payload, executionToken: "t" }] as const;
  };
  const asApproved = [order("hello", null), order(null, Buffer.from("hello").toString("base64"))];
  const changed = [order("[redacted:WORD]", null), order(null, "AAAA"), order(null, null)];
  const { gate } = await answering(...asApproved, ...changed, [200, { status: "succeeded", payload: null }]);
  for (const _ of asApproved) expect(await gate.execute(call)).toMatchObject({ executionToken: "t" });
  for (const _ of changed)
    await expect(gate.execute(call)).rejects.toMatchObject({ code: "intent_changed", details: call });
  expect(await gate.execute(call)).toMatchObject({ status: "succeeded" });
});
