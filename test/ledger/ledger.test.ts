import { once } from "node:events";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import type { Command } from "../../src/core/commands.js";
import type { ErrorCode } from "../../src/core/errors.js";
import type { StoredEvent } from "../../src/core/events.js";
import { fold } from "../../src/core/evolve.js";
import * as limit from "../../src/core/limits.js";
import { projectionOf } from "../../src/ledger/projection.js";
import { newRunId } from "../../src/ledger/run-id.js";
import * as cast from "../helpers/cast.js";
import { create, criterion, orchestrator, person, planOf, policy, stepSpec } from "../helpers/cast.js";
import { AT } from "../helpers/given.js";
import { type Opened, openedIn, openedOn, temporaryFolder } from "../helpers/ledgers.js";

const plan = planOf([stepSpec("a"), stepSpec("b", { dependsOn: ["a"] })], [criterion("all is well")]);
const work = (id: string) => [cast.start(id), cast.propose(id), cast.pass(id)] as const;

const refused = (promise: Promise<unknown>, code: ErrorCode) =>
  expect(promise).rejects.toMatchObject({ name: "LedgerError", code });

describe("submit", () => {
  test("carries a run from its creation to its end, and every reader sees the same", async () => {
    const { ledger, store, tell } = await openedIn(":memory:");
    const runId = newRunId();
    const created = await tell(runId, create(plan));
    expect(created.events.map(({ type, seq, position }) => [type, seq, position])).toEqual([
      ["run_created", 1, 1],
      ["plan_attached", 2, 2],
    ]);
    for (const said of [...work("a"), ...work("b")]) await tell(runId, said);
    const done = await tell(runId, cast.meet(0));
    expect(done.events.map(({ type }) => type)).toEqual(["criterion_met", "run_completed"]);
    expect(await ledger.load(runId)).toEqual(done.run);
    expect(await openedOn(store).ledger.load(runId)).toEqual(done.run);
    const events = await ledger.events(runId, 0, 100);
    expect(fold(events)).toEqual(done.run);
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 10 }, (_, index) => index + 1));
    expect((await ledger.events(runId, 8, 100)).map(({ seq }) => seq)).toEqual([9, 10]);
  });

  test("keeps the list row in step, without anybody reading the run (W70)", async () => {
    const { ledger, tell } = await openedIn(":memory:");
    const row = async () => (await ledger.list({ limit: 1 }))[0];
    await tell("run_1", create(plan));
    expect(await row()).toMatchObject({
      status: "running",
      goal: "Ship it",
      sessionKey: cast.SESSION,
      stepsTotal: 2,
      stepsCompleted: 0,
      blocker: null,
      runnable: true,
      lastSeq: 2,
      createdAt: AT,
    });
    for (const said of [cast.start("a"), cast.propose("a"), cast.fail("a")]) await tell("run_1", said);
    await tell("run_1", policy("a", cast.escalate));
    expect(await row()).toMatchObject({
      status: "paused",
      blocker:
        'It is paused because step "a" was refused in attempt 1 (1 test failed.), and waits for a person.',
      runnable: false,
    });
    await tell("run_1", policy("a", cast.skip), person);
    await tell("run_1", cast.resume());
    for (const said of [...work("b"), cast.meet(0)]) await tell("run_1", said);
    expect(await row()).toMatchObject({
      status: "completed",
      stepsCompleted: 2,
      blocker: null,
      runnable: false,
    });
  });

  test("names in the list row what a person is asked while others are at work", async () => {
    const { ledger, tell } = await openedIn(":memory:");
    const steps = [stepSpec("sign", { validator: cast.approval }), stepSpec("b")];
    await tell("run_1", create(planOf(steps)));
    const blocker = async () => (await ledger.list({ limit: 1 }))[0]?.blocker;
    for (const said of [cast.start("b"), cast.start("sign"), cast.propose("sign")]) await tell("run_1", said);
    expect(await blocker()).toBe('Step "sign" waits for approval.');
    await tell("run_1", cast.approve("sign"), person);
    expect(await blocker()).toBeNull();
  });

  test("appends nothing when it refuses", async () => {
    const { ledger, tell } = await openedIn(":memory:");
    await tell("run_1", create(plan));
    await refused(tell("run_1", cast.start("b")), "step_not_ready");
    await refused(tell("run_1", cast.pass("a"), cast.executor("coder")), "access_denied");
    await refused(tell("run_2", cast.pause()), "run_not_found");
    expect(await ledger.feed(0, 100)).toHaveLength(2);
    expect(await ledger.list({ limit: 10 })).toHaveLength(1);
  });

  test("answers a command that was carried out before without writing it again", async () => {
    const { ledger, tell } = await openedIn(":memory:");
    await tell("run_1", create(plan));
    expect((await tell("run_1", create(plan))).events).toEqual([]);
    await tell("run_1", cast.start("a"));
    expect((await tell("run_1", cast.start("a"))).events).toEqual([]);
    expect(await ledger.feed(0, 100)).toHaveLength(3);
  });

  test("refuses what does not fit a command, with each defect, before anything is read", async () => {
    const { ledger, tell } = await openedIn(":memory:");
    await tell("run_1", create(plan));
    const unfit: readonly unknown[] = [
      { type: "write_note", key: "  ", value: "v" },
      { type: "write_note", key: "k", value: "v".repeat(limit.NOTE_VALUE_CHARS + 1) },
      { type: "write_note", key: "k", value: "v", more: true },
      { type: "pause_run", reason: "  " },
      { type: "delete_run" },
      { type: "write_note", key: "k" },
      null,
    ];
    for (const command of unfit)
      await refused(ledger.submit("run_1", command as Command, ledger.issue(person)), "invalid_input");
    expect(await ledger.feed(0, 100)).toHaveLength(2);
  });

  test.each(["", "../run", "run 1", "-run", "a".repeat(65), "run\ud800"])(
    "refuses to create a run named %j",
    async (runId) => {
      const { tell } = await openedIn(":memory:");
      await refused(tell(runId, create(plan)), "invalid_input");
    },
  );

  test("takes no command from a caller that this ledger did not issue", async () => {
    const { ledger, store, tell } = await openedIn(":memory:");
    await tell("run_1", create(plan));
    const real = ledger.issue(person);
    const elsewhere = openedOn(store).ledger.issue(person);
    for (const caller of [person, { ...real }, JSON.parse(JSON.stringify(real)), elsewhere, cast.engine])
      await refused(ledger.submit("run_1", cast.pause(), caller), "access_denied");
    await ledger.submit("run_1", cast.pause(), real);
  });

  test("does not let somebody change a command or a caller after it was handed in", async () => {
    const { ledger, tell } = await openedIn(":memory:");
    await tell("run_1", create(plan));
    const command = { type: "write_note" as const, key: "k", value: "before" };
    const caller = { ...person };
    const submitted = ledger.submit("run_1", command, ledger.issue(caller));
    command.value = "after";
    caller.name = "eve";
    expect((await submitted).events[0]).toMatchObject({
      payload: { value: "before" },
      actor: { name: "ada" },
    });
    expect((await ledger.load("run_1")).notes).toEqual({ k: "before" });
  });
});

describe("What lists show", () => {
  test("is worked out of the run as it is, whatever agents record of their effects and waits", async () => {
    const { store, tell } = await openedIn(":memory:");
    const runId = newRunId();
    await tell(runId, create(plan));
    const said = [
      cast.start("a"),
      cast.intend("a"),
      cast.settle("a", { kind: "skipped" }),
      cast.beginWait("a", { ...cast.sleepCall, position: 1 }),
      cast.intend("a", { position: 2 }),
      cast.promiseOf("a", "word", 3),
      cast.settle("a", { kind: "skipped" }, { position: 2 }),
      { type: "pause_run", reason: "look" } as const,
      cast.propose("a"),
    ];
    const waking: (number | null)[] = [];
    for (const one of said) {
      const { run } = await tell(runId, one);
      const row = await store.runRow(runId);
      expect(row).toMatchObject(projectionOf(run));
      waking.push(row?.wakeAt ?? null);
    }
    expect(new Set(waking).size).toBe(2);
  });
});

describe("An idempotency key", () => {
  const keyed = async ({ ledger }: Opened, runId: string, said: Command, key: string, by = person) =>
    ledger.submit(runId, said, ledger.issue(by), { idempotencyKey: key });

  test("answers with the first answer, also after the run went on, and in another process", async () => {
    const opened = await openedIn(":memory:");
    await opened.tell("run_1", create(plan));
    const first = await keyed(opened, "run_1", cast.note("k", "1"), "key-1");
    await opened.tell("run_1", cast.note("k", "2"));
    const again = await keyed(opened, "run_1", cast.note("k", "1"), "key-1");
    expect(again.events).toEqual(first.events);
    expect(again.run.notes).toEqual({ k: "2" });
    const other = openedOn(opened.store);
    expect((await keyed(other, "run_1", cast.note("k", "1"), "key-1")).events).toEqual(first.events);
    expect(await opened.ledger.feed(0, 100)).toHaveLength(4);
  });

  test("is refused for another command, and for another caller with the same command", async () => {
    const opened = await openedIn(":memory:");
    await opened.tell("run_1", create(plan));
    await keyed(opened, "run_1", cast.note("k", "1"), "key-1");
    await refused(keyed(opened, "run_1", cast.note("k", "2"), "key-1"), "idempotency_key_reused");
    const callers = [orchestrator, { ...orchestrator, sessionKey: "session-2" }, { ...person, name: "eve" }];
    for (const by of callers)
      await refused(keyed(opened, "run_1", cast.note("k", "1"), "key-1", by), "idempotency_key_reused");
  });

  test("is used up by a command that changed nothing, too", async () => {
    const opened = await openedIn(":memory:");
    await opened.tell("run_1", create(plan));
    await opened.tell("run_1", cast.note("k", "1"));
    expect((await keyed(opened, "run_1", cast.note("k", "1"), "key-1")).events).toEqual([]);
    expect((await keyed(opened, "run_1", cast.note("k", "1"), "key-1")).events).toEqual([]);
    await refused(keyed(opened, "run_1", cast.note("k", "2"), "key-1"), "idempotency_key_reused");
    expect(await opened.ledger.feed(0, 100)).toHaveLength(3);
  });

  test("belongs to its run: another run may use the same", async () => {
    const opened = await openedIn(":memory:");
    for (const runId of ["run_1", "run_2"]) {
      await opened.tell(runId, create(plan));
      const { events } = await keyed(opened, runId, cast.note("k", "1"), "key-1");
      expect(events).toMatchObject([{ runId, seq: 3 }]);
    }
  });

  test("for a creation belongs to the session: a retried tool call finds its run, whatever id it brings (W22)", async () => {
    const opened = await openedIn(":memory:");
    const first = await keyed(opened, "run_1", create(plan), "key-1", orchestrator);
    const again = await keyed(opened, "run_2", create(plan), "key-1", orchestrator);
    expect(again).toEqual(first);
    const elsewhere = { ...orchestrator, sessionKey: "session-2" };
    expect((await keyed(opened, "run_3", create(plan), "key-1", elsewhere)).run.runId).toBe("run_3");
    expect(await opened.ledger.list({ limit: 10 })).toHaveLength(2);
  });

  test("used at the same moment makes one run and one note, with the same answers", async () => {
    const opened = await openedIn(":memory:");
    const runs = await Promise.all(
      ["run_1", "run_2", "run_3", "run_4"].map((runId) =>
        keyed(opened, runId, create(plan), "key-1", orchestrator),
      ),
    );
    expect(new Set(runs.map(({ run }) => run.runId)).size).toBe(1);
    for (const answer of runs) expect(answer).toEqual(runs[0]);
    const runId = runs[0]?.run.runId ?? "";
    const notes = await Promise.all(
      [1, 2, 3, 4].map(() => keyed(opened, runId, cast.note("k", "1"), "key-2")),
    );
    for (const answer of notes) expect(answer.events).toEqual(notes[0]?.events);
    expect(await opened.ledger.feed(0, 100)).toHaveLength(3);
  });

  test("that is empty or too long is refused, and a refused command leaves its key free", async () => {
    const opened = await openedIn(":memory:");
    await opened.tell("run_1", create(plan));
    await refused(keyed(opened, "run_1", cast.note("k", "1"), ""), "invalid_input");
    const long = "k".repeat(limit.IDEMPOTENCY_KEY_CHARS + 1);
    await refused(keyed(opened, "run_1", cast.note("k", "1"), long), "invalid_input");
    await refused(keyed(opened, "run_1", cast.approve("a"), "key-1"), "access_denied");
    expect((await keyed(opened, "run_1", cast.note("k", "1"), "key-1")).events).toHaveLength(1);
  });
});

describe("A snapshot", () => {
  const long = async (opened: Opened) => {
    await opened.tell("run_1", create(plan));
    for (let count = 0; count < 250; count += 1)
      await opened.tell("run_1", cast.note(`k${count % 9}`, `${count}`));
    return opened.ledger.load("run_1");
  };

  test("and the events behind it are the whole journal, folded", async () => {
    const opened = await openedIn(":memory:");
    const run = await long(opened);
    expect((await opened.store.readSnapshot("run_1"))?.seq).toBe(200);
    expect(await openedOn(opened.store).ledger.load("run_1")).toEqual(run);
    expect(fold(await opened.ledger.events("run_1", 0, 1_000))).toEqual(run);
  });

  test("of a longer plan is made less often: all of them together grow with the journal, not with its square", async () => {
    const { ledger, store, tell } = await openedIn(":memory:");
    const steps = Array.from({ length: 500 }, (_, index) => stepSpec(`s${index}`));
    await tell("run_1", create(planOf(steps)));
    const kept = new Set<number | undefined>();
    for (let count = 0; count < 1_050; count += 1) {
      await tell("run_1", cast.note("k", `${count}`));
      kept.add((await store.readSnapshot("run_1"))?.seq);
    }
    expect([...kept]).toEqual([undefined, 500, 1_000]);
    expect(await openedOn(store).ledger.load("run_1")).toEqual(await ledger.load("run_1"));
  });

  test("is made at the end of a run", async () => {
    const { store, tell } = await openedIn(":memory:");
    await tell("run_1", create(plan));
    await tell("run_1", cast.cancel());
    expect((await store.readSnapshot("run_1"))?.seq).toBe(3);
  });

  test("that was changed, cut or made by another version is not believed: the journal is read instead", async () => {
    const folder = await temporaryFolder();
    const opened = await openedIn(folder);
    const run = await long(opened);
    const raw = new Database(`${folder}/ledger.db`);
    const whole = String(raw.prepare("SELECT body FROM snapshots").pluck().get());
    const set = raw.prepare("UPDATE snapshots SET body = ?");
    for (const body of [whole.replace('"Ship it"', '"Sink it"'), whole.slice(0, 500), "", "{}"]) {
      expect(body).not.toBe(whole);
      set.run(body);
      expect(await openedOn(opened.store).ledger.load("run_1")).toEqual(run);
    }
    set.run(whole);
    raw.prepare("UPDATE snapshots SET seq = 100").run();
    expect(await openedOn(opened.store).ledger.load("run_1")).toEqual(run);
    raw.prepare("UPDATE snapshots SET seq = 200, shape = 0").run();
    expect(await openedOn(opened.store).ledger.load("run_1")).toEqual(run);
    raw.close();
  });
});

describe("Observers", () => {
  test("are told each append of this process once, in the order of the feed", async () => {
    const { ledger, tell } = await openedIn(":memory:");
    const told: StoredEvent[] = [];
    const stop = ledger.observe((events, run) => {
      expect(run.seq).toBe(events.at(-1)?.seq);
      told.push(...events);
    });
    await Promise.all(["run_1", "run_2", "run_3"].map((runId) => tell(runId, create(plan))));
    await Promise.all(["run_1", "run_2", "run_3"].map((runId) => tell(runId, cast.note("k", "v"))));
    await tell("run_1", cast.note("k", "v"));
    expect(told).toEqual(await ledger.feed(0, 100));
    expect(told.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    stop();
    await tell("run_1", cast.pause());
    expect(told).toHaveLength(9);
  });

  test("of one run are told of that run alone, and of the births of its children", async () => {
    const { ledger, tell, engine } = await openedIn(":memory:");
    await tell("run_1", create(plan));
    const told: string[] = [];
    const stop = ledger.observe((events, { runId }) => {
      told.push(...events.map(({ type }) => `${runId} ${type}`));
    }, "run_1");
    const parent = { runId: "run_1", seq: 2, stepId: "a", attempt: 1, position: 0, depth: 1 };
    const born = create(plan, { child: { parent, sessionKey: cast.SESSION } });
    await tell("run_2", create(plan));
    await tell("run_3", born, engine);
    for (const runId of ["run_2", "run_3", "run_1"]) await tell(runId, cast.note("k", "v"));
    const heard = ["run_3 run_created", "run_3 plan_attached", "run_1 note_written"];
    expect(told).toEqual(heard);
    stop();
    await tell("run_1", cast.pause());
    expect(told).toEqual(heard);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("a broken screen");
      },
    ],
    [
      "rejects later",
      async () => {
        throw new Error("a broken screen");
      },
    ],
  ])(
    "of which one %s harm neither the command nor the others, and a warning tells of it",
    async (_how, broken) => {
      const { ledger, tell } = await openedIn(":memory:");
      const warned = once(process, "warning");
      let told = 0;
      ledger.observe(broken as () => void);
      ledger.observe(() => {
        told += 1;
      });
      const { run } = await tell("run_1", create(plan));
      expect([run.seq, told]).toEqual([2, 1]);
      expect((await warned)[0]).toMatchObject({ message: "a broken screen" });
      expect(await ledger.load("run_1")).toEqual(run);
    },
  );

  test("may stop themselves and start others while they are told", async () => {
    const { ledger, tell } = await openedIn(":memory:");
    const told: string[] = [];
    const stop = ledger.observe(() => {
      told.push("first");
      stop();
      ledger.observe(() => {
        told.push("second");
      });
    });
    await tell("run_1", create(plan));
    expect(told).toEqual(["first"]);
    await tell("run_1", cast.pause());
    expect(told).toEqual(["first", "second"]);
  });
});

describe("The feed", () => {
  test("is every event of every run by position, in pages", async () => {
    const { ledger, tell } = await openedIn(":memory:");
    for (const runId of ["run_1", "run_2"]) await tell(runId, create(plan));
    for (const runId of ["run_2", "run_1"]) await tell(runId, cast.note("k", "v"));
    const all = await ledger.feed(0, 100);
    expect(all.map(({ runId, seq }) => `${runId} ${seq}`)).toEqual([
      "run_1 1",
      "run_1 2",
      "run_2 1",
      "run_2 2",
      "run_2 3",
      "run_1 3",
    ]);
    const paged: StoredEvent[] = [];
    for (;;) {
      const page = await ledger.feed(paged.at(-1)?.position ?? 0, 2);
      if (page.length === 0) break;
      paged.push(...page);
    }
    expect(paged).toEqual(all);
  });
});
