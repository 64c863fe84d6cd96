import { describe, expect, it } from "vitest";
import { followFacts } from "../../../src/core/checkpoint-facts.js";
import type { StoredEvent } from "../../../src/core/events.js";
import { withKeys } from "../../../src/ledger/verify/effect-keys.js";
import { agentOf, gatedProject, personOf } from "../../helpers/gated.js";

const KEY = "crm.import:batch-1";
const importing = { sideEffectClass: "external_mutation", sideEffectKey: KEY } as const;

const scene = async () => {
  const app = await (await gatedProject()).open();
  const runs = app.trackedRuns(agentOf(app));
  const started = async (): Promise<string> =>
    (await runs.startRun({ agentId: "enricher", intentSummary: "Enrich leads" })).runId;
  const begin = (runId: string) => runs.recordEvent({ runId, eventType: "tool_call_started", ...importing });
  const end = (runId: string, happened?: boolean, as = runs) =>
    as.recordEvent({
      ...{ runId, eventType: "tool_call_finished", ...importing },
      ...(happened === undefined ? {} : { happened }),
    });
  const asked = { destination: "crm.import", idempotencyKey: "batch-1", policy: "ask-first", payload: "x" };
  const blocked = async (runId: string) => (await runs.resumeRun({ runId })).blockedSideEffectKeys;
  const holds = async (...runIds: string[]) => {
    for (const runId of runIds) expect(await runs.verifyRun({ runId })).toMatchObject({ valid: true });
  };
  return { app, runs, started, begin, end, asked, blocked, holds, gate: app.gate(agentOf(app)) };
};

describe("A side effect that was begun", () => {
  it("and is known not to have happened gives its key back to whoever comes next", async () => {
    const { runs, started, begin, end, blocked, holds, gate, asked } = await scene();
    const [first, second] = [await started(), await started()];
    await begin(first);
    expect(await begin(second)).toMatchObject({ status: "skipped", first: { runId: first } });
    expect(await blocked(second)).toEqual(new Set([KEY]));
    await end(first, false);
    expect(await blocked(first)).toEqual(new Set());
    expect(await blocked(second)).toEqual(new Set());
    expect((await runs.getRun({ runId: first })).run).toMatchObject({ begunSideEffects: [] });
    const { events } = await runs.getRunEvents({ runId: first });
    expect(events.map(({ status }) => status)).toContain("not_happened");
    expect(await begin(second)).toMatchObject({ status: "recorded" });
    await end(second, true);
    expect(await end(first)).toMatchObject({ status: "skipped", first: { runId: second } });
    expect(await gate.propose({ ...asked, runId: first })).toMatchObject({ status: "skipped" });
    await holds(first, second);
  });

  it("is answered where it was begun and under its class, also by a person when the run is over", async () => {
    const { app, runs, started, begin, end, holds } = await scene();
    const [first, second] = [await started(), await started()];
    await expect(end(first, false)).rejects.toMatchObject({ code: "effect_not_open" });
    await begin(first);
    const said = { eventType: "tool_call_finished", sideEffectKey: KEY, happened: false } as const;
    for (const other of [
      { ...said, runId: second, sideEffectClass: "external_mutation" } as const,
      { ...said, runId: first, sideEffectClass: "payment" } as const,
    ])
      await expect(runs.recordEvent(other)).rejects.toMatchObject({ code: "effect_not_open" });
    await runs.failRun({ runId: first });
    await expect(end(first, false)).rejects.toMatchObject({ code: "run_terminal" });
    expect(await begin(second)).toMatchObject({ status: "skipped" });
    await end(first, false, app.trackedRuns(personOf(app)));
    expect(await begin(second)).toMatchObject({ status: "recorded" });
    await holds(first, second);
  });

  it("under the key of an intent keeps that key, whatever becomes of the intent", async () => {
    const { started, begin, end, asked, blocked, holds, gate } = await scene();
    const [first, second] = [await started(), await started()];
    const { intentId } = await gate.propose({ ...asked, runId: first });
    expect(await begin(first)).toMatchObject({ status: "recorded" });
    await gate.cancel({ intentId, reason: "not now" });
    const ofSecond = await gate.propose({ ...asked, runId: second });
    expect(ofSecond).toMatchObject({ status: "skipped", first: { status: null } });
    expect(await end(first)).toMatchObject({ status: "recorded" });
    expect(await begin(second)).toMatchObject({ status: "skipped", first: { runId: first } });
    expect(await blocked(first)).toEqual(new Set([KEY]));
    await holds(first, second);
  });

  it("under the key of an intent that never happened gives it back once it is known not to have happened", async () => {
    const { started, begin, end, asked, holds, gate } = await scene();
    const [first, second] = [await started(), await started()];
    const { intentId } = await gate.propose({ ...asked, runId: first });
    await begin(first);
    await end(first, false);
    // The intent may still happen.
    expect(await begin(second)).toMatchObject({ status: "skipped" });
    await begin(first);
    await gate.cancel({ intentId, reason: "not now" });
    await end(first, false);
    expect(await gate.propose({ ...asked, runId: second })).toMatchObject({ status: "pending_approval" });
    await holds(first, second);
  });

  it("is begun once under the key of an intent, and stays done whatever is said of a second beginning", async () => {
    const { runs, started, begin, end, asked, blocked, holds, gate } = await scene();
    const [first, second] = [await started(), await started()];
    const { intentId } = await gate.propose({ ...asked, runId: first });
    await begin(first);
    expect(await begin(first)).toMatchObject({ status: "skipped", first: { runId: first } });
    await end(first);
    expect(await begin(first)).toMatchObject({ status: "skipped", first: { runId: first } });
    await expect(end(first, false)).rejects.toMatchObject({ code: "effect_not_open" });
    await gate.cancel({ intentId, reason: "not now" });
    expect(await begin(second)).toMatchObject({ status: "skipped", first: { runId: first } });
    expect(await blocked(first)).toEqual(new Set([KEY]));
    expect((await runs.getRun({ runId: first })).run).toMatchObject({ blockedSideEffects: 1 });
    await holds(first, second);
  });

  it("is begun again under the key of an intent that does no harm twice, until it is done", async () => {
    const { started, begin, end, asked, holds, gate } = await scene();
    const first = await started();
    await gate.propose({ ...asked, runId: first, idempotent: true });
    await begin(first);
    expect(await begin(first)).toMatchObject({ status: "recorded" });
    await end(first);
    expect(await begin(first)).toMatchObject({ status: "skipped" });
    await holds(first);
  });

  it("by two workers at once is undone by each for itself, and stays blocked for what the other one may be doing", async () => {
    const { app, runs, started, begin, end, asked, holds, gate } = await scene();
    const [first, second] = [await started(), await started()];
    const { intentId } = await gate.propose({ ...asked, runId: first, idempotent: true });
    const other = app.trackedRuns(agentOf(app, "other"));
    await begin(first);
    await other.recordEvent({ runId: first, eventType: "tool_call_started", ...importing });
    await end(first, false);
    const still = { begunSideEffects: [KEY], blockedSideEffects: 1 };
    expect((await runs.getRun({ runId: first })).run).toMatchObject(still);
    await expect(end(first, false)).rejects.toMatchObject({ code: "effect_not_open" });
    await gate.cancel({ intentId, reason: "not now" });
    expect(await begin(second)).toMatchObject({ status: "skipped", first: { runId: first } });
    await holds(first, second);
    await end(first, false, other);
    expect(await begin(second)).toMatchObject({ status: "recorded" });
    await holds(first, second);
  });

  it("is not undone by another worker of its run, whose own beginning was skipped, before that one resumes it", async () => {
    const { app, runs, started, begin, end, holds } = await scene();
    const runId = await started();
    const [other, third] = [app.trackedRuns(agentOf(app, "other")), app.trackedRuns(agentOf(app, "third"))];
    const mine = { runId, eventType: "tool_call_started", actorId: "one", ...importing } as const;
    await runs.recordEvent(mine);
    expect(await other.recordEvent(mine)).toMatchObject({ status: "skipped" });
    await expect(end(runId, false, other)).rejects.toMatchObject({ code: "effect_not_open" });
    // Two that share a credential tell themselves apart by their actorId.
    await expect(end(runId, false)).rejects.toMatchObject({ code: "effect_not_open" });
    // Resumed by somebody else, it may be under way all the same.
    expect((await third.resumeRun({ runId })).blockedSideEffectKeys).toEqual(new Set([KEY]));
    for (const as of [other, runs])
      await expect(end(runId, false, as)).rejects.toMatchObject({ code: "effect_not_open" });
    expect(await begin(await started())).toMatchObject({ status: "skipped" });
    await holds(runId);
    await other.resumeRun({ runId });
    await end(runId, false, other);
    expect(await begin(await started())).toMatchObject({ status: "recorded" });
    await holds(runId);
  });

  it("stays the word of the worker that began it, and of each that resumed its run since", async () => {
    const { app, runs, started, begin, end, holds } = await scene();
    const resumers = ["second", "third"].map((name) => app.trackedRuns(agentOf(app, name)));
    for (const teller of [runs, ...resumers]) {
      const runId = await started();
      const begun = { runId, eventType: "tool_call_started", ...importing } as const;
      expect(await begin(runId)).toMatchObject({ status: "recorded" });
      for (const resumer of [...resumers, ...resumers]) await resumer.resumeRun({ runId });
      const { begun: told } = await runs.resumeRun({ runId });
      const by = { name: "importer", actorId: "enricher" };
      expect(told).toMatchObject([{ key: KEY, by, resumedBy: ["second", "third"] }]);
      await end(runId, false, teller);
      expect((await runs.recordEvent(begun)).status).toBe("recorded");
      await end(runId, false);
      await holds(runId);
    }
  });

  it("by a worker that was there before somebody resumed is not undone with what that one begins and undoes", async () => {
    const { app, runs, started, begin, end, asked, holds, gate } = await scene();
    const [first, second] = [await started(), await started()];
    const { intentId } = await gate.propose({ ...asked, runId: first, idempotent: true });
    const [other, third] = [app.trackedRuns(agentOf(app, "other")), app.trackedRuns(agentOf(app, "third"))];
    await begin(first);
    await third.resumeRun({ runId: first });
    await other.recordEvent({ runId: first, eventType: "tool_call_started", ...importing });
    await end(first, false, other);
    await gate.cancel({ intentId, reason: "not now" });
    expect(await begin(second)).toMatchObject({ status: "skipped", first: { runId: first } });
    await holds(first, second);
    await end(first, false, third);
    expect((await runs.getRun({ runId: first })).run).toMatchObject({ begunSideEffects: [] });
    expect(await begin(second)).toMatchObject({ status: "recorded" });
  });

  it("is said to be done, and nothing more, by whoever may not do it, and that is answered again", async () => {
    const { app, started, begin, end, holds } = await scene();
    const [first, second] = [await started(), await started()];
    const narrow = app.gate(agentOf(app), { opensKey: (key) => key !== KEY });
    const said = { runId: first, eventType: "tool_call_finished", ...importing } as const;
    const requireRefused = async (): Promise<void> => {
      for (const other of [
        { ...said, eventType: "tool_call_started" } as const,
        { ...said, happened: false },
        { ...said, sideEffectClass: "payment" } as const,
      ])
        await expect(narrow.recordEvent(other)).rejects.toMatchObject({ code: "access_denied" });
    };
    await requireRefused();
    await expect(end(first, undefined, narrow)).rejects.toMatchObject({ code: "access_denied" });
    await begin(first);
    await requireRefused();
    expect(await begin(second)).toMatchObject({ status: "skipped" });
    const done = await narrow.recordEvent({ ...said, idempotencyKey: "end" });
    expect(done).toMatchObject({ status: "recorded" });
    expect(await narrow.recordEvent({ ...said, idempotencyKey: "end" })).toEqual(done);
    await expect(end(first, undefined, narrow)).rejects.toMatchObject({ code: "access_denied" });
    expect(await narrow.recordEvent({ ...said, sideEffectKey: "crm.import:batch-2" })).toMatchObject({
      status: "recorded",
    });
    await holds(first, second);
  });

  it("in a journal of before has no key that its ended intent gave back, and is done though begun twice", async () => {
    const { app, started, begin, end, asked, gate } = await scene();
    const runId = await started();
    const { intentId } = await gate.propose({ ...asked, runId });
    await begin(runId);
    await end(runId);
    await gate.cancel({ intentId, reason: "not now" });
    const events = await app.ledger.events(runId, 0, 100);
    const older = events.map((event): StoredEvent => {
      if (event.type !== "event_recorded") return event;
      const { underIntent, ...payload } = event.payload;
      expect(underIntent).toBe(true);
      return { ...event, payload };
    });
    expect(openKeys(events)).toEqual([KEY]);
    expect(openKeys(older)).toEqual([]);
    const recorded = older.filter((event) => event.type === "event_recorded");
    const twice = recorded.flatMap((event) => [event, { ...event, seq: event.seq + 100 }]);
    const ended = twice
      .sort((a, b) => a.seq - b.seq)
      .map((event, at) => (at < 3 ? event : notHappened(event)));
    expect(openKeys(ended)).toEqual([KEY]);
    const facts = followFacts({ forkedFrom: null });
    for (const event of ended) facts.take(event);
    expect(facts.blockedKeys()).toEqual(new Set([KEY]));
  });
});

const openKeys = (events: readonly StoredEvent[]): readonly string[] => {
  const keys = withKeys();
  for (const event of events) keys.take(event);
  return [...keys.open.values()].map(({ key }) => key);
};

const notHappened = (event: Extract<StoredEvent, { type: "event_recorded" }>): typeof event => ({
  ...event,
  payload: { ...event.payload, happened: false },
});
