import { describe, expect, it } from "vitest";
import type { Command } from "../../src/core/commands.js";
import { LedgerError } from "../../src/core/errors.js";
import { CALLER_NAME_CHARS, TOOL_NAME_CHARS } from "../../src/core/limits.js";
import { createRedactor } from "../../src/core/redact.js";
import { noteRefusals } from "../../src/ledger/refusals.js";
import { refusalOf } from "../helpers/bench.js";
import * as cast from "../helpers/cast.js";
import { create, criterion, executor, person, planOf, stepSpec } from "../helpers/cast.js";
import { openedIn } from "../helpers/ledgers.js";

const VALUE = "q7zt-p4wx-11";
const redactor = createRedactor([{ name: "SHOP_TOKEN", value: VALUE }]);
const said = `it is ${VALUE}.`;
const told = "it is [redacted:SHOP_TOKEN].";
const opened = () => openedIn(":memory:", {}, redactor);

const started = async () => {
  const here = await opened();
  await here.tell("run_1", create(planOf([stepSpec("a")], [criterion("all is well")])));
  await here.tell("run_1", cast.start("a"));
  return here;
};

describe("the gate into the journal", () => {
  it("takes secrets out of every word that people and agents say", async () => {
    const here = await opened();
    const plan = planOf([stepSpec("a", { goal: said })], [criterion(said)]);
    await here.tell("run_1", create({ ...plan, goal: said }, { goal: said, originalRequest: said }));
    await here.tell("run_1", cast.start("a"));
    await here.tell("run_1", { type: "write_note", key: said, value: said });
    await here.tell("run_1", (run) => ({
      ...(cast.propose("a", said) as (of: typeof run) => Extract<Command, { type: "propose_step_result" }>)(
        run,
      ),
      evidence: [{ type: said, content: said }],
    }));
    await here.tell("run_1", cast.fail("a"));
    await here.tell("run_1", cast.policy("a", { action: "retry", fresh: false }, said));
    await here.tell("run_1", cast.start("a"));
    await here.tell("run_1", { type: "interrupt_step", stepId: "a", attempt: 2, reason: said, tail: said });
    await here.tell("run_1", { type: "pause_run", reason: said });
    await here.tell("run_1", { type: "resume_run", reason: said, overrideStale: false });
    await here.tell("run_1", { type: "cancel_run", reason: said });
    const events = await here.ledger.events("run_1", 0, 100);
    const journal = JSON.stringify(events);
    expect(journal).not.toContain(VALUE);
    expect(journal.split(told).length - 1).toBe(16);
    expect(
      JSON.stringify([await here.ledger.load("run_1"), await here.ledger.list({ limit: 1 })]),
    ).not.toContain(VALUE);
  });

  it("takes them out of all that a judge says, names of files and tests too", async () => {
    const here = await started();
    await here.tell("run_1", cast.propose("a"));
    const verdict = {
      message: said,
      hint: said,
      command: ["grep", VALUE],
      missing: [`src/${VALUE}.ts`],
      tail: said,
      protectedPaths: [VALUE],
      conflicts: [{ path: VALUE, stepId: null }],
      provision: [{ what: said, outcome: "done" as const, durationMs: 1 }],
    };
    await here.tell("run_1", cast.fail("a", verdict));
    const [event] = (await here.ledger.events("run_1", 0, 100)).slice(-1);
    expect(JSON.stringify(event)).not.toContain(VALUE);
    expect(event).toMatchObject({
      payload: { verdict: { message: told, hint: told, command: ["grep", "[redacted:SHOP_TOKEN]"] } },
    });
  });

  it("hashes what is stored, and answers a repeated key as the same command", async () => {
    const here = await started();
    const caller = here.ledger.issue(executor("coder", { runId: "run_1", stepId: "a" }));
    const note = { type: "write_note", key: "k", value: said } as const;
    const first = await here.ledger.submit("run_1", note, caller, { idempotencyKey: "once" });
    const again = await here.ledger.submit("run_1", note, caller, { idempotencyKey: "once" });
    expect(again.events).toEqual(first.events);
    expect(await here.ledger.answered("run_1", note, caller, "once")).toBeDefined();
    expect((await here.ledger.events("run_1", 0, 100)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  const command = { type: "command_pass", target: `curl -H 'x: ${VALUE}'`, params: {} } as const;
  it.each([
    ["plan.steps[0].validator.target", create(planOf([stepSpec("a", { validator: command })]))],
    ["plan.protect[0]", create({ ...planOf([stepSpec("a")]), protect: [VALUE] })],
    ["plan.steps[0].id", create(planOf([stepSpec(VALUE)]))],
  ])("refuses an order with a secret in it: %s", async (at, order) => {
    const here = await opened();
    const refusal = await refusalOf(here.tell("run_1", order));
    expect(refusal).toMatchObject({ code: "invalid_input", details: { at, name: "SHOP_TOKEN" } });
    expect(JSON.stringify(refusal)).not.toContain(VALUE);
    expect(await here.ledger.list({ limit: 1 })).toEqual([]);
  });

  it("refuses a name or a key that would be stored with every event", async () => {
    const here = await started();
    const tell = (caller: Parameters<typeof here.ledger.issue>[0], idempotencyKey?: string) =>
      here.ledger.submit("run_1", { type: "pause_run", reason: "lunch" }, here.ledger.issue(caller), {
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      });
    for (const asked of [
      tell({ ...person, name: VALUE }),
      tell({ ...person, sessionKey: VALUE }),
      tell(person, VALUE),
    ]) {
      const refusal = await refusalOf(asked);
      expect(refusal.code).toBe("invalid_input");
      expect(refusal.message).not.toContain(VALUE);
    }
  });

  it("writes down a refusal without a part of a secret, where the name of the tool is cut off in it", async () => {
    const here = await started();
    const error = new LedgerError("access_denied", "It may not.");
    const name = `${"-".repeat(CALLER_NAME_CHARS - 5)}${VALUE}`;
    const tool = `${"-".repeat(TOOL_NAME_CHARS - 5)}${VALUE}`;
    const by = { ...executor(name, { runId: "run_1", stepId: "a" }), attempt: 1 };
    await noteRefusals(here.ledger, here.engine)({ error, tool, by, runId: "run_1" });
    const [noted] = (await here.ledger.events("run_1", 0, 100)).slice(-1);
    expect(noted).toMatchObject({ type: "access_refused" });
    expect(JSON.stringify(noted)).not.toContain(VALUE.slice(0, 4));
  });
});
