import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../src/core/canonical.js";
import type { Caller } from "../../src/core/commands.js";
import type { ErrorCode } from "../../src/core/errors.js";
import { type NewCredential, signedCredentials } from "../../src/ledger/signed.js";
import { tokensOf } from "../../src/ledger/tokens.js";
import { type Bench, openBench, planOfSteps, refusalOf, stepBy } from "../helpers/bench.js";
import { SESSION } from "../helpers/project.js";

const MINUTE_MS = 60_000;
const KEY = Buffer.alloc(32, 7);

const opened = async () => {
  const bench = await openBench({ isolated: false });
  const signed = signedCredentials(bench.ledger, () => KEY);
  const { runId } = await bench.create(planOfSteps(stepBy("a", "exit 7"), stepBy("b", "true")));
  const sign = async (asked: Partial<NewCredential> = {}) =>
    signed.signCredential({ name: "coder", role: "executor", runId, lifetimeMs: MINUTE_MS, ...asked });
  const ofA = async () => (await sign({ stepId: "a" })).credential;
  return { bench, runId, sign, open: signed.openCredential, ofA, signed };
};

const expectRefused = async (asked: Promise<unknown>, code: ErrorCode, words = ""): Promise<void> => {
  const refusal = await refusalOf(asked);
  expect(`${refusal.code}: ${refusal.message}`).toMatch(new RegExp(`^${code}: .*${words}`));
  expect(refusal.hint).toBeDefined();
};

const call = (bench: Bench, runId: string, caller: Caller, tool: string, more: object = {}) =>
  bench.call(caller, tool, { run_id: runId, step_id: "a", ...more });

describe("a signed credential", () => {
  it("opens into the caller it was made for, bound to run, step, attempt and session", async () => {
    const { runId, sign, open, bench } = await opened();
    const { credential, caller } = await sign({ stepId: "a" });
    expect(await open(credential)).toEqual(caller);
    expect(caller).toEqual({
      ...{ name: "coder", role: "executor", sessionKey: SESSION },
      ...{ runId, stepId: "a", attempt: 1 },
    });
    await expect(call(bench, runId, await open(credential), "run_start_step")).resolves.toMatchObject({
      attempt: 1,
    });
  });

  it("opens in a later life of the ledger: its key is all that is needed", async () => {
    const { bench, ofA } = await opened();
    const credential = await ofA();
    const again = signedCredentials(bench.ledger, () => Buffer.from(KEY));
    expect((await again.openCredential(credential)).stepId).toBe("a");
  });

  it("is refused from the moment on that it expires", async () => {
    const { bench, open, ofA } = await opened();
    const credential = await ofA();
    bench.clock.aheadMs += MINUTE_MS - 5_000;
    await open(credential);
    bench.clock.aheadMs += 5_000;
    await expectRefused(open(credential), "credential_expired");
  });

  it("is refused in another ledger, and under keys that were changed", async () => {
    const { bench, ofA } = await opened();
    const other = signedCredentials(bench.ledger, () => Buffer.alloc(32, 8));
    await expectRefused(other.openCredential(await ofA()), "credential_invalid", "another ledger");
  });

  it("is refused whatever one changes about it", async () => {
    const { open, ofA } = await opened();
    const credential = await ofA();
    const [body = "", mac = ""] = credential.slice("rlc1_".length).split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
    const forged = (change: object): string => {
      const text = canonicalJson({ ...claims, ...change });
      return `rlc1_${Buffer.from(text).toString("base64url")}.${mac}`;
    };
    for (const change of [
      ...[{ role: "orchestrator" }, { role: "human" }, { role: "engine" }, { name: "reviewer" }],
      ...[{ stepId: "b" }, { attempt: 2 }, { runId: "run_other" }, { sessionKey: "elsewhere" }],
      ...[{ expiresAt: "2999-01-01T00:00:00.000Z" }, { more: 1 }],
    ])
      await expectRefused(open(forged(change)), "credential_invalid");
    for (let at = 0; at < credential.length; at += 7) {
      const other = credential[at] === "A" ? "B" : "A";
      await expectRefused(
        open(credential.slice(0, at) + other + credential.slice(at + 1)),
        "credential_invalid",
      );
    }
    for (const text of ["", "rlc1_", "rlc1_.", credential.slice(0, -1), `${credential}.x`, `${credential}x`])
      await expectRefused(open(text), "credential_invalid");
    await expectRefused(open(`rlc1_${"A".repeat(3_000)}.${mac}`), "credential_invalid");
  });

  it("is no person's, even signed with the ledger's own key: such a text is not read", async () => {
    const { open, ofA } = await opened();
    const [body = ""] = (await ofA()).slice("rlc1_".length).split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
    const own = createHmac("sha256", KEY).update("signed credential 1").digest();
    const signedAs = (role: string): string => {
      const text = Buffer.from(canonicalJson({ ...claims, role })).toString("base64url");
      return `rlc1_${text}.${createHmac("sha256", own).update(`body:${text}`).digest("base64url")}`;
    };
    expect((await open(signedAs("executor"))).role).toBe("executor");
    for (const role of ["human", "engine", "host"])
      await expectRefused(open(signedAs(role)), "credential_invalid");
  });

  it("is not what promises are resolved with, nor the other way round", async () => {
    const { open, runId } = await opened();
    const token = await tokensOf(() => KEY)({ runId, stepId: "a", attempt: 1, position: 0 });
    await expectRefused(open(token), "credential_invalid");
    await expectRefused(open(`rlc1_${token}.${token}`), "credential_invalid");
  });
});

describe("with its attempt ends its credential", () => {
  it("while it waits to begin, is at work or waits for a verdict it holds", async () => {
    const bench = await openBench({ isolated: false });
    const signed = signedCredentials(bench.ledger, () => KEY);
    const plan = planOfSteps({ ...stepBy("a", ""), validator: { type: "orchestrator_approval" } });
    const { runId } = await bench.create(plan);
    const asked = { name: "coder", role: "executor", runId, stepId: "a", lifetimeMs: MINUTE_MS } as const;
    const { credential } = await signed.signCredential(asked);
    const holds = async () => (await signed.openCredential(credential)).attempt;
    expect(await holds()).toBe(1);
    const coder = await signed.openCredential(credential);
    await call(bench, runId, coder, "run_start_step");
    expect(await holds()).toBe(1);
    await call(bench, runId, coder, "run_propose_step_result", { result: "done" });
    expect(await holds()).toBe(1);
    await call(bench, runId, bench.issue("orchestrator", { role: "orchestrator" }), "run_approve_step");
    await expectRefused(holds(), "credential_ended");
  });

  it("when it is refused; the next attempt takes another one", async () => {
    const { bench, runId, open, ofA } = await opened();
    const first = await ofA();
    const coder = await open(first);
    await call(bench, runId, coder, "run_start_step");
    await call(bench, runId, coder, "run_propose_step_result", { result: "done" });
    await expectRefused(open(first), "credential_ended", "it is failed");
    await expectRefused(ofA(), "step_not_pending");
    const orchestrator = bench.issue("orchestrator", { role: "orchestrator" });
    const policy = { action: "retry", reason: "again" };
    await call(bench, runId, orchestrator, "run_apply_policy", policy);
    await expectRefused(open(first), "credential_ended", "attempt 2");
    const second = await ofA();
    expect((await open(second)).attempt).toBe(2);
  });

  it("when its run is over", async () => {
    const { bench, runId, open, ofA, sign } = await opened();
    const credential = await ofA();
    const ofRun = (await sign()).credential;
    await bench.ledger.submit(
      runId,
      { type: "cancel_run", reason: "enough" },
      bench.issue("ada", { role: "human" }),
    );
    await expectRefused(open(credential), "credential_ended", "failed");
    // Whoever is bound to the run alone may still read how it ended.
    expect((await open(ofRun)).runId).toBe(runId);
  });
});

it("is signed for nobody whom the ledger would refuse, and for no time without end", async () => {
  const { sign } = await opened();
  const refused: readonly (readonly [string, Partial<NewCredential>, ErrorCode])[] = [
    ["for a person", { role: "human" as never }, "access_denied"],
    ["for the engine", { role: "engine" as never }, "access_denied"],
    ["under the orchestrator's name", { name: "orchestrator" }, "access_denied"],
    ["under another of its names", { name: " ＳＹＳＴＥＭ " }, "access_denied"],
    ["under no name", { name: " " }, "access_denied"],
    ["for a step of another agent", { name: "reviewer", stepId: "a" }, "step_not_yours"],
    ["for a step that is not there", { stepId: "ghost" }, "step_not_found"],
    ["for a run that is not there", { runId: "run_ghost" }, "run_not_found"],
    ["for a run of another session", { sessionKey: "elsewhere" }, "session_mismatch"],
    ["for a candidate where nobody races", { stepId: "a", candidate: 1 }, "candidate_not_found"],
    ["for a step that an orchestrator would hold", { role: "orchestrator", stepId: "a" }, "invalid_input"],
    ["for ever", { lifetimeMs: Number.POSITIVE_INFINITY }, "invalid_input"],
    ["for no time", { lifetimeMs: 0 }, "invalid_input"],
    ["for no number of milliseconds", { lifetimeMs: Number.NaN }, "invalid_input"],
    ["under a name without end", { name: "x".repeat(2_000) }, "invalid_input"],
  ];
  for (const [_what, asked, code] of refused) await expectRefused(sign(asked), code);
});
