import { afterEach, describe, expect, test, vi } from "vitest";
import { isLedgerError } from "../../src/core/errors.js";
import { fold } from "../../src/core/evolve.js";
import type { Store } from "../../src/stores/store.js";
import * as cast from "../helpers/cast.js";
import { create, orchestrator, person, planOf, policy, stepSpec } from "../helpers/cast.js";
import { AT, stepIn } from "../helpers/given.js";
import { type Opened, openedIn, openedOn, temporaryFolder } from "../helpers/ledgers.js";

const plan = planOf([stepSpec("a"), stepSpec("b")]);

/** Two ledgers with stores of their own on one file, as two processes have them. */
const pair = async (): Promise<readonly [Opened, Opened]> => {
  const folder = await temporaryFolder();
  return [await openedIn(folder), await openedIn(folder)];
};

const outcomesOf = async (answers: readonly Promise<{ events: readonly unknown[] }>[]) => {
  const settled = await Promise.allSettled(answers);
  const codes = settled.map((answer) => {
    if (answer.status === "fulfilled") return answer.value.events.length > 0 ? "done" : "done before";
    if (isLedgerError(answer.reason)) return answer.reason.code;
    throw answer.reason;
  });
  return codes.sort();
};

describe("Two ledgers on one file", () => {
  test("take the words of eight at once: none is lost, none is doubled, both know the same", async () => {
    const [left, right] = await pair();
    await left.tell("run_1", create(plan));
    const speakers = Array.from({ length: 8 }, (_, who) => (who % 2 === 0 ? left : right));
    await Promise.all(
      speakers.map(async ({ tell }, who) => {
        for (let count = 0; count < 25; count += 1) await tell("run_1", cast.note(`k${who}`, `${count}`));
      }),
    );
    const events = await left.ledger.events("run_1", 0, 1_000);
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 202 }, (_, index) => index + 1));
    const notes = events.flatMap((event) => (event.type === "note_written" ? [event.payload] : []));
    for (const who of speakers.keys())
      expect(notes.filter(({ key }) => key === `k${who}`).map(({ value }) => value)).toEqual(
        Array.from({ length: 25 }, (_, count) => `${count}`),
      );
    const run = await left.ledger.load("run_1");
    expect(await right.ledger.load("run_1")).toEqual(run);
    expect(fold(events)).toEqual(run);
  });

  test("start a step once, whoever of eight is first (W20)", async () => {
    const [left, right] = await pair();
    await left.tell("run_1", create(plan));
    await right.ledger.load("run_1");
    const outcomes = await outcomesOf(
      [left, right, left, right, left, right, left, right].map(({ tell }) => tell("run_1", cast.start("a"))),
    );
    expect(outcomes.filter((outcome) => outcome === "done")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "done before")).toHaveLength(7);
    expect((await left.ledger.load("run_1")).seq).toBe(3);
  });

  test("never decide on what is no longer so: of eight different answers to one request one counts", async () => {
    const [left, right] = await pair();
    for (const said of [create(plan), cast.start("a"), cast.propose("a"), cast.fail("a")])
      await left.tell("run_1", said);
    await right.ledger.load("run_1");
    const outcomes = await outcomesOf(
      [left, right, left, right, left, right, left, right].map(({ tell }, who) =>
        tell("run_1", policy("a", cast.retry, `reason ${who}`)),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === "done")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "no_policy_request")).toHaveLength(7);
    expect(stepIn(await right.ledger.load("run_1"), "a").retryCount).toBe(1);
  });

  test("end a run once, whether it is cancelled or completed first (W77)", async () => {
    const [left, right] = await pair();
    await left.tell("run_1", create(planOf([stepSpec("a")])));
    for (const said of [cast.start("a"), cast.propose("a")]) await left.tell("run_1", said);
    await outcomesOf([left.tell("run_1", cast.pass("a")), right.tell("run_1", cast.cancel())]);
    const ends = (await left.ledger.events("run_1", 0, 100)).filter(
      ({ type }) => type === "run_completed" || type === "run_failed",
    );
    expect(ends).toHaveLength(1);
  });

  test("create a run once, also when both bring the same id or the same key", async () => {
    const [left, right] = await pair();
    const same = await outcomesOf([left, right].map(({ tell }) => tell("run_1", create(plan))));
    expect(same).toEqual(["done", "done before"]);
    const keyed = await Promise.all(
      [left, right, left, right].map(({ ledger }, who) =>
        ledger.submit(`run_2${who}`, create(plan), ledger.issue(orchestrator), { idempotencyKey: "key-1" }),
      ),
    );
    expect(new Set(keyed.map(({ run }) => run.runId)).size).toBe(1);
    for (const { events } of keyed) expect(events).toEqual(keyed[0]?.events);
    expect(await left.ledger.list({ limit: 10 })).toHaveLength(2);
  });

  test("answer one key of two processes with one note", async () => {
    const [left, right] = await pair();
    await left.tell("run_1", create(plan));
    const answers = await Promise.all(
      [left, right, left, right].map(({ ledger }) =>
        ledger.submit("run_1", cast.note("k", "v"), ledger.issue(person), { idempotencyKey: "key-1" }),
      ),
    );
    for (const { events } of answers) expect(events).toEqual(answers[0]?.events);
    expect(answers[0]?.events).toHaveLength(1);
  });

  test('trust their memory of a run with no refusal and no "done already": the other may have changed it', async () => {
    const [left, right] = await pair();
    await left.tell("run_1", create(plan));
    const note = (opened: Opened, value: string) =>
      opened.ledger.submit("run_1", cast.note("k", value), opened.ledger.issue(person));
    await note(left, "one");
    await note(right, "two");
    // What the left one remembers says "one" still, and so that there is nothing to write.
    expect((await note(left, "one")).events).toHaveLength(1);
    const refusedBefore = { code: "run_not_running" };
    const start = (opened: Opened) =>
      opened.ledger.submit("run_1", { type: "start_step", stepId: "a", base: "commit-0" }, opened.engine);
    await left.ledger.submit("run_1", { type: "pause_run", reason: "r" }, left.ledger.issue(orchestrator));
    await expect(start(left)).rejects.toMatchObject(refusedBefore);
    await right.ledger.submit(
      "run_1",
      { type: "resume_run", reason: "r", overrideStale: false },
      right.ledger.issue(orchestrator),
    );
    expect((await start(left)).events).toHaveLength(1);
    const events = await right.ledger.events("run_1", 0, 100);
    expect(fold(events)).toEqual(await left.ledger.load("run_1"));
  });

  test("append on top of what the other wrote, not beside it, when their memory of a run is old", async () => {
    const [left, right] = await pair();
    await left.tell("run_1", create(plan));
    const note = ({ ledger }: Opened, key: string) =>
      ledger.submit("run_1", cast.note(key, key), ledger.issue(person));
    await note(left, "a");
    await note(right, "b");
    const { run, events } = await note(left, "c");
    expect(run.notes).toEqual({ a: "a", b: "b", c: "c" });
    expect(events).toEqual(await right.ledger.events("run_1", 4, 1));
    expect(await left.ledger.events("run_1", 0, 100)).toHaveLength(5);
  });

  test("do not write to a run they remember and the other took out", async () => {
    const [left, right] = await pair();
    await left.tell("run_1", create(plan));
    const lastHash = (await right.store.runRow("run_1"))?.lastHash ?? "";
    await right.store.remove("run_1", { lastHash, removedAt: AT, archive: null });
    await expect(
      left.ledger.submit("run_1", cast.note("k", "v"), left.ledger.issue(person)),
    ).rejects.toMatchObject({ code: "run_not_found" });
    expect(await right.store.feed(0, 10)).toEqual([]);
  });

  test("see in every answer what the other wrote before", async () => {
    const [left, right] = await pair();
    await left.tell("run_1", create(plan));
    await right.tell("run_1", cast.note("from", "right"));
    expect((await left.ledger.load("run_1")).notes).toEqual({ from: "right" });
    expect((await left.tell("run_1", cast.note("also", "left"))).run.notes).toEqual({
      from: "right",
      also: "left",
    });
  });
});

test("A decision that is overtaken again and again is given up with a word, not tried for ever", async () => {
  const { store, tell } = await openedIn(":memory:");
  await tell("run_1", create(plan));
  let appends = 0;
  const busy: Store = Object.assign(Object.create(store) as Store, {
    append: async (batch: Parameters<Store["append"]>[0]) => {
      appends += 1;
      await tell("run_1", cast.note("other", `${appends}`));
      return store.append(batch);
    },
  });
  await expect(openedOn(busy).tell("run_1", cast.note("k", "v"))).rejects.toMatchObject({
    code: "seq_conflict",
  });
  expect(appends).toBe(61);
});

test("Whoever speaks with a lease that is not current is not heard", async () => {
  const { ledger, store, engine, tell } = await openedIn(":memory:");
  await tell("run_1", create(plan));
  const lease = await store.claim({ runId: "run_1", owner: "elsewhere:1:1", ttlMs: 60_000 });
  const epoch = lease?.epoch ?? 0;
  const start = { type: "start_step", stepId: "a", base: "commit-0" } as const;
  await expect(ledger.submit("run_1", start, engine, { epoch: epoch + 1 })).rejects.toMatchObject({
    code: "lease_lost",
  });
  expect((await ledger.submit("run_1", start, engine, { epoch })).events).toHaveLength(1);
});

describe("changed", () => {
  afterEach(() => void vi.useRealTimers());

  /** Far beyond what anything here takes: these tests end because they are woken. */
  const LONG_MS = 50_000;

  test("wakes for an append of this ledger and of another", async () => {
    const [left, right] = await pair();
    await left.tell("run_1", create(plan));
    const own = left.ledger.changed("run_1", 2, LONG_MS);
    const foreign = right.ledger.changed("run_1", 2, LONG_MS);
    await left.tell("run_1", cast.note("k", "v"));
    await Promise.all([own, foreign]);
    expect((await right.ledger.load("run_1")).seq).toBe(3);
  });

  test("answers at once when it has happened already, for a run that comes later, and when it is called off", async () => {
    const { ledger, tell } = await openedIn(":memory:");
    const coming = ledger.changed("run_1", 0, LONG_MS);
    await tell("run_1", create(plan));
    await coming;
    await ledger.changed("run_1", 1, LONG_MS);
    await ledger.changed("run_1", 2, LONG_MS, AbortSignal.abort());
    const stop = new AbortController();
    const waiting = ledger.changed("run_1", 2, LONG_MS, stop.signal);
    stop.abort();
    await waiting;
  });

  test("sleeps through what does not matter to whoever waits, but for what others wrote", async () => {
    const [{ ledger, tell }, other] = await pair();
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    await tell("run_1", create(plan));
    const woken: string[] = [];
    const waits = async (name: string): Promise<void> => {
      const { seq } = await ledger.load("run_1");
      await ledger.changed("run_1", seq, LONG_MS, undefined, ({ type }) => type !== "note_written");
      woken.push(name);
    };
    const first = waits("for a pause");
    await tell("run_1", cast.note("k", "v"));
    expect(woken).toEqual([]);
    await tell("run_1", { type: "pause_run", reason: "enough" });
    await first;
    const second = waits("until it looks");
    await tell("run_1", cast.note("k", "v2"));
    vi.advanceTimersByTime(1_000);
    await ledger.load("run_1");
    expect(woken).toEqual(["for a pause"]);
    await other.tell("run_1", cast.note("k", "v3"));
    vi.advanceTimersByTime(1_000);
    await second;
    // Between two of its own it hears of one that was not.
    const third = waits("in between");
    await tell("run_1", cast.note("k", "v4"));
    await other.tell("run_1", cast.note("k", "v5"));
    await ledger.load("run_1");
    expect(woken).toEqual(["for a pause", "until it looks"]);
    await tell("run_1", cast.note("k", "v6"));
    await third;
  });

  test("sleeps through what happens to other runs, and wakes when its time is over", async () => {
    const { ledger, tell } = await openedIn(":memory:");
    await tell("run_1", create(plan));
    let woken = false;
    const stop = new AbortController();
    const waiting = ledger.changed("run_1", 2, LONG_MS, stop.signal).then(() => {
      woken = true;
    });
    await tell("run_2", create(plan));
    await tell("run_2", cast.note("k", "v"));
    expect(woken).toBe(false);
    stop.abort();
    await waiting;
    await ledger.changed("run_1", 2, 1);
    expect((await ledger.load("run_1")).seq).toBe(2);
  });
});
