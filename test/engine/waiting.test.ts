import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { findAbandoned } from "../../src/engine/backends/watchdog.js";
import type { EffectContext, PromiseGiven } from "../../src/engine/effects/context.js";
import type { LedgerError } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import {
  began,
  cancel,
  clockAt,
  eventsOf,
  eventually,
  pause,
  say,
  stateOf,
  typesOf,
} from "../helpers/driving.js";
import { orchestrator, person, SESSION } from "../helpers/project.js";

const PLAN = planOfSteps(stepBy("a", "true", { max_retries: 1 }));
const HOUR_MS = 3_600_000;
const never = new AbortController().signal;

const projectOf = async (work: (effects: EffectContext, life: number) => Promise<string>) => {
  const shop = await sample({ "a.txt": "1\n" });
  const clock = clockAt("2026-03-01T00:00:00.000Z");
  let life = 0;
  const open = () =>
    shop.open(
      {
        coder: (_task, effects) => {
          life += 1;
          return work(effects, life);
        },
      },
      clock.now,
    );
  const app = await open();
  const runId = await began(app, PLAN);
  return { app, runId, clock, open, lives: () => life };
};

describe("a sleep", () => {
  it("that is short is left too when its run is paused, for then no timer fires", async () => {
    const { app, runId } = await projectOf(async (effects) => {
      await effects.sleep(400);
      return "awake";
    });
    const driven = app.drive(runId);
    await eventually("it sleeps", async () => (await typesOf(app, runId)).includes("timer_armed"));
    await say(app, runId, pause);
    expect((await driven).end).toBe("idle");
    expect(await typesOf(app, runId)).toContain("step_suspended");
  });

  it("lets go of everything until it is due, and goes on in the same attempt", async () => {
    const ended: string[] = [];
    const { app, runId, clock, lives } = await projectOf(async (effects, life) => {
      try {
        await effects.sleep("1h");
      } finally {
        ended.push(`life ${life}`);
      }
      return "awake";
    });
    const { run, end } = await app.drive(runId);
    expect(end).toBe("idle");
    expect(ended).toEqual(["life 1"]);
    expect(stateOf(run, "a")?.status).toBe("in_progress");
    expect((await app.ledger.store.leaseOf(runId))?.live ?? false).toBe(false);
    clock.move(HOUR_MS - 1);
    expect((await app.drive(runId)).end).toBe("idle");
    expect(lives()).toBe(1);
    clock.move(1);
    const again = await app.drive(runId);
    expect(again.run.state.status).toBe("completed");
    expect(again.run.steps[0]?.attempt).toBe(1);
    expect(stateOf(again.run, "a")).toMatchObject({ proposal: { result: "awake" } });
    expect(await typesOf(app, runId)).toEqual([
      ...["run_created", "plan_attached", "step_started", "timer_armed", "step_suspended", "timer_fired"],
      ...["step_result_proposed", "step_validation_passed", "run_completed"],
    ]);
  });

  it("armed before a crash is due when it was, however late the next life is, and the next process fires it", async () => {
    const stop = new AbortController();
    const { app, runId, clock, open } = await projectOf(async (effects, life) => {
      // The first life ends as a crash ends it: armed, and nothing said of waiting.
      const asleep = effects.sleep("1h");
      if (life === 1) {
        await effects.effect("mark", { class: "guarded", onAmbiguous: "rerun" }, () => 1);
        stop.abort();
        return new Promise<string>(() => undefined);
      }
      await effects.effect("mark", { class: "guarded", onAmbiguous: "rerun" }, () => 1);
      await asleep;
      return `life ${life}`;
    });
    await app.drive(runId, stop.signal);
    expect(stateOf(await app.ledger.load(runId), "a")?.status).toBe("in_progress");
    clock.move(HOUR_MS / 2);
    expect((await app.drive(runId)).end).toBe("idle");
    const [armed] = (await eventsOf(app, runId)).filter(({ type }) => type === "timer_armed");
    expect(armed?.payload).toMatchObject({ dueAt: "2026-03-01T01:00:00.000Z" });
    await app.close();
    clock.move(5 * HOUR_MS);
    const next = await open();
    await next
      .worker({ maxRuns: 1, onTrouble: (_, error) => expect.unreachable(String(error)) })
      .drain(never);
    const run = await next.ledger.load(runId);
    expect(stateOf(run, "a")).toMatchObject({ proposal: { result: "life 3" } });
    const types = await typesOf(next, runId);
    expect(types.filter((type) => type.startsWith("timer_"))).toEqual(["timer_armed", "timer_fired"]);
  });

  it("fires once, also when the clock goes back", async () => {
    const { app, runId, clock } = await projectOf(async (effects) => {
      await effects.sleep("1h");
      await effects.sleep("1h");
      return "twice";
    });
    await app.drive(runId);
    clock.move(HOUR_MS);
    await app.drive(runId);
    clock.move(-HOUR_MS);
    expect((await app.drive(runId)).end).toBe("idle");
    clock.move(2 * HOUR_MS);
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    const fired = (await typesOf(app, runId)).filter((type) => type === "timer_fired");
    expect(fired).toHaveLength(2);
  });

  it("that is short is waited for in place", async () => {
    const shop = await sample({ "a.txt": "1\n" });
    let lives = 0;
    const app = await shop.open({
      coder: async (_task, effects) => {
        lives += 1;
        await effects.sleep(1);
        return "soon";
      },
    });
    const runId = await began(app, PLAN);
    expect((await app.drive(runId)).run.state.status).toBe("completed");
    expect(lives).toBe(1);
  });

  it("that comes in the place of another call is refused by name", async () => {
    const { app, runId, clock } = await projectOf(async (effects, life) => {
      await effects.sleep(life === 1 ? "1h" : "2h");
      return "done";
    });
    await app.drive(runId);
    clock.move(HOUR_MS);
    await app.drive(runId);
    const reasons = (await eventsOf(app, runId)).flatMap((event) =>
      event.type === "step_interrupted" ? [event.payload.reason] : [],
    );
    expect(reasons[0]).toContain(
      'was "sleep" (timer) before and is "sleep" (timer) now; they differ in input',
    );
  });

  it("of a run that was cancelled does nothing, and nobody asks a worker for it", async () => {
    const { app, runId, clock, lives } = await projectOf(async (effects) => {
      await effects.sleep("1h");
      return "never";
    });
    await app.drive(runId);
    await say(app, runId, cancel);
    clock.move(HOUR_MS);
    expect(await findAbandoned(app.ledger)).toEqual([]);
    expect((await app.drive(runId)).run.state.status).toBe("failed");
    expect(lives()).toBe(1);
  });

  it("is told of, and is what a worker looks for", async () => {
    const { app, runId, clock } = await projectOf(async (effects) => {
      await effects.sleep("1h");
      return "awake";
    });
    await app.drive(runId);
    expect((await app.view(runId)).waiting).toMatchObject({
      for: "time",
      sentence: "It waits until 2026-03-01 01:00:00.000Z; nobody is at work until then.",
    });
    expect(await app.ledger.store.nextWake()).toBe(Date.parse("2026-03-01T01:00:00.000Z"));
    expect(await findAbandoned(app.ledger)).toEqual([]);
    clock.move(HOUR_MS);
    expect((await findAbandoned(app.ledger)).map((row) => row.runId)).toEqual([runId]);
    expect((await app.view(runId)).waiting).toMatchObject({ for: "worker" });
    expect((await app.list({ limit: 1 }))[0]).toMatchObject({ runId, interrupted: true });
  });
});

describe("a promise", () => {
  const asking = async (more: (effects: EffectContext) => Promise<unknown> = async () => undefined) => {
    const given: PromiseGiven[] = [];
    const project = await projectOf(async (effects) => {
      const answer = await effects.promise("sign-off", { deliver: (one) => void given.push(one) });
      return JSON.stringify([answer, await more(effects)]);
    });
    await project.app.drive(project.runId);
    return { ...project, given };
  };

  it("is resolved from outside with the token that was delivered, while its run is nowhere in memory", async () => {
    const { app, runId, given, open } = await asking();
    expect(given).toEqual([{ runId, id: "a/1/0", token: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
    const [{ token = "", id: promise = "" } = {}] = given;
    await app.close();
    const other = await open();
    await other.resolvePromise(person(other), runId, { promise, token, value: { by: "ada" } });
    const { run } = await other.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(stateOf(run, "a")).toMatchObject({ proposal: { result: '[{"by":"ada"},null]' } });
    expect(given).toHaveLength(1);
    expect(JSON.stringify(await eventsOf(other, runId))).not.toContain(token);
  });

  it("tells nobody its token when it cannot be delivered", async () => {
    let given = "";
    const { app, runId } = await projectOf(async ({ promise }) => {
      await promise("sign-off", {
        deliver: ({ token }) => {
          given = token;
          throw new Error(`no answer from https://example.org/?token=${token}`);
        },
      });
      return "done";
    });
    await app.drive(runId);
    const events = JSON.stringify(await eventsOf(app, runId));
    expect(events).toContain("no answer from https://example.org/?token=");
    expect(events).not.toContain(given);
  });

  it("keeps its token over a restart: a person at the ledger sees it, and nobody else", async () => {
    const { app, runId, given, open } = await asking();
    await app.close();
    const other = await open();
    const token = await other.promiseToken(person(other), runId, "a/1/0");
    expect(token).toBe(given[0]?.token);
    await expect(other.promiseToken(orchestrator(other), runId, "a/1/0")).rejects.toMatchObject({
      code: "access_denied",
    });
  });

  it("says nothing to who comes without its token, and is resolved once", async () => {
    const { app, runId, given } = await asking();
    const [{ token = "", id: promise = "" } = {}] = given;
    const trying = (over: object, caller = person(app)) =>
      app.resolvePromise(caller, runId, { promise, token, value: true, ...over }).then(
        () => "resolved",
        (error: LedgerError) => error.code,
      );
    const executor = app.issue({ name: "coder", role: "executor", sessionKey: SESSION });
    expect(await trying({}, executor)).toBe("access_denied");
    expect(await trying({ token: "0".repeat(64) })).toBe("promise_refused");
    expect(await trying({})).toBe("resolved");
    expect(await trying({ token: "0".repeat(64) })).toBe("promise_refused");
    expect(await trying({})).toBe("resolved");
    expect(await trying({ value: false })).toBe("promise_resolved");
    expect((await typesOf(app, runId)).filter((type) => type === "promise_resolved")).toHaveLength(1);
  });

  it("that is rejected throws in the agent, the same in each life", async () => {
    const { app, runId, given } = await asking();
    const [{ token = "", id: promise = "" } = {}] = given;
    await app.resolvePromise(person(app), runId, { promise, token, error: "not like this" });
    await app.drive(runId);
    expect(JSON.stringify(await eventsOf(app, runId))).toContain("The agent threw: not like this");
  });

  it("that was answered is read back by the lives that follow", async () => {
    const { app, runId, given, clock, lives } = await asking((effects) => effects.sleep("1h"));
    const [{ token = "", id: promise = "" } = {}] = given;
    await app.resolvePromise(person(app), runId, { promise, token, value: 7 });
    expect((await app.drive(runId)).end).toBe("idle");
    clock.move(HOUR_MS);
    expect((await app.drive(runId)).run.state.status).toBe("completed");
    expect(lives()).toBe(3);
    expect(given).toHaveLength(1);
  });

  it("that a fork took over is resolved there by the same token", async () => {
    const { app, runId, given } = await asking();
    const [{ token = "", id: promise = "" } = {}] = given;
    const fork = await app.fork(person(app), { runId });
    expect(await app.promiseToken(person(app), fork.runId, promise)).toBe(token);
    await app.resolvePromise(person(app), fork.runId, { promise, token, value: 1 });
    expect((await app.promises(runId)).map(({ id }) => id)).toEqual([promise]);
  });
});

describe("candidates of a race", () => {
  it("wait each for themselves, and nobody wakes one that has lost", async () => {
    const shop = await sample({ "a.txt": "1\n" });
    const clock = clockAt("2026-03-01T00:00:00.000Z");
    const seen: (number | null)[] = [];
    const app = await shop.open(
      {
        coder: async ({ candidate }, effects) => {
          seen.push(candidate);
          await effects.sleep(candidate === 1 ? "1h" : "2h");
          return `candidate ${candidate}`;
        },
      },
      clock.now,
    );
    const race = { candidates: ["coder", "coder"], pick: "first" };
    const runId = await began(app, planOfSteps(stepBy("a", "true", { max_retries: 0, ...race })));
    expect((await app.drive(runId)).end).toBe("idle");
    clock.move(HOUR_MS);
    const { run } = await app.drive(runId);
    expect(stateOf(run, "a")).toMatchObject({ proposal: { result: "candidate 1" } });
    expect(run.state.status).toBe("completed");
    expect([...seen].sort()).toEqual([1, 1, 2]);
    expect((await typesOf(app, runId)).filter((type) => type === "timer_fired")).toHaveLength(1);
  });
});

describe("several at once", () => {
  it("are finished and recorded before the attempt leaves for those that wait", async () => {
    const happened: string[] = [];
    const { app, runId, clock } = await projectOf(async (effects) => {
      const parts = await effects.all([
        effects.sleep("1h"),
        effects.effect("slow", { class: "guarded", onAmbiguous: "fail" }, async () => {
          for (let turn = 0; turn < 20; turn += 1) await nextTurn();
          happened.push("slow");
          return "done";
        }),
      ]);
      return JSON.stringify(parts);
    });
    await app.drive(runId);
    expect((await typesOf(app, runId)).slice(3)).toEqual([
      ...["timer_armed", "effect_intended", "effect_settled", "step_suspended"],
    ]);
    clock.move(HOUR_MS);
    const { run } = await app.drive(runId);
    expect(stateOf(run, "a")).toMatchObject({ proposal: { result: '[null,"done"]' } });
    expect(happened).toEqual(["slow"]);
  });

  it("fail with the first that failed by its place, whichever failed first", async () => {
    const { app, runId } = await projectOf(async (effects) => {
      const failing = (name: string, turns: number) =>
        effects.effect(name, { class: "pure" }, async () => {
          for (let turn = 0; turn < turns; turn += 1) await nextTurn();
          throw new Error(name);
        });
      await effects.all([failing("late", 20), failing("early", 1)]);
      return "never";
    });
    await app.drive(runId);
    expect(JSON.stringify(await eventsOf(app, runId))).toContain("The agent threw: late");
  });

  it("race to one end, the same in each life, and nobody waits for the others", async () => {
    const { app, runId, clock, lives } = await projectOf(async (effects) => {
      const first = await effects.race([
        effects.promise("answer"),
        effects.sleep("1h").then(() => "nobody answered"),
      ]);
      await effects.sleep("3h");
      return String(first);
    });
    await app.drive(runId);
    clock.move(HOUR_MS);
    expect((await app.drive(runId)).end).toBe("idle");
    const token = await app.promiseToken(person(app), runId, "a/1/0");
    await app.resolvePromise(person(app), runId, { promise: "a/1/0", token, value: "too late" });
    expect((await app.drive(runId)).end).toBe("idle");
    clock.move(3 * HOUR_MS);
    const { run } = await app.drive(runId);
    expect(stateOf(run, "a")).toMatchObject({ proposal: { result: "nobody answered" } });
    expect(lives()).toBe(4);
  });

  it("wait for nobody who lost before it came to wait", async () => {
    const { app, runId, clock, lives } = await projectOf(async (effects) => {
      const first = await effects.race([
        effects.promise("sign-off", { deliver: () => undefined }),
        effects.sleep("1h").then(() => "nobody signed"),
      ]);
      // What the ledger does not see: only nothing that is waited for keeps it from leaving.
      for (let turn = 0; turn < 500; turn += 1) await nextTurn();
      return String(first);
    });
    await app.drive(runId);
    clock.move(HOUR_MS);
    const { run } = await app.drive(runId);
    expect(stateOf(run, "a")).toMatchObject({ proposal: { result: "nobody signed" } });
    expect(lives()).toBe(2);
  });
});

describe("functions that race", () => {
  /** What the ledger does not see: only nothing that is waited for keeps an agent from leaving. */
  const somethingElse = async (): Promise<void> => {
    for (let turn = 0; turn < 500; turn += 1) await nextTurn();
  };

  it("are not waited for when they have lost, however they wrap what they call", async () => {
    const letGo: string[] = [];
    const { app, runId, clock, lives } = await projectOf(async (effects, life) => {
      const first = await effects.race([
        async () => {
          try {
            return await effects.promise("sign-off").then((by) => `signed by ${by}`);
          } finally {
            letGo.push(`life ${life}`);
          }
        },
        () => effects.sleep("1h").then(() => "nobody signed"),
      ]);
      await somethingElse();
      return first;
    });
    await app.drive(runId);
    clock.move(HOUR_MS);
    const { run } = await app.drive(runId);
    expect(stateOf(run, "a")).toMatchObject({ proposal: { result: "nobody signed" } });
    expect(lives()).toBe(2);
    expect(letGo).toEqual(["life 1", "life 2"]);
  });

  it("do nothing more once they have lost, in no life", async () => {
    const did: string[] = [];
    let called = 0;
    const { app, runId, clock, lives } = await projectOf(async (effects) => {
      const first = await effects.race([
        async () => {
          called += 1;
          await effects.sleep("2h");
          return effects.effect("remind", { class: "guarded", onAmbiguous: "fail" }, () => {
            did.push("reminded");
            return "reminded";
          });
        },
        () => effects.sleep("1h").then(() => "in time"),
      ]);
      await effects.sleep("3h");
      return `${first} ${await effects.random()}`;
    });
    for (let hour = 0; hour < 6; hour += 1) {
      await app.drive(runId);
      clock.move(HOUR_MS);
    }
    const run = await app.ledger.load(runId);
    expect(stateOf(run, "a")).toMatchObject({ proposal: { result: expect.stringMatching(/^in time 0\./) } });
    expect(did).toEqual([]);
    // The race was over in the second of them.
    expect([lives(), called]).toEqual([4, 2]);
  });

  it("number their calls for themselves, so that it does not matter how far the others have come", async () => {
    const seen: unknown[] = [];
    const { app, runId, clock } = await projectOf(async (effects, life) => {
      const counting = (name: string, slow: boolean) => async () => {
        for (let call = 0; call < 3; call += 1) {
          const value = await effects.effect(name, { class: "idempotent" }, async () => {
            // Who is the faster one changes from life to life.
            if (slow) await somethingElse();
            return `${life} ${call}`;
          });
          seen.push([life, name, value]);
        }
        await effects.sleep("1h");
        return name;
      };
      const inner = () => effects.race([counting("c", life === 1), () => effects.promise<string>("never")]);
      return effects.race([counting("a", life === 1), counting("b", life === 2), inner]);
    });
    await app.drive(runId);
    clock.move(HOUR_MS);
    const { run } = await app.drive(runId);
    expect(stateOf(run, "a")).toMatchObject({ status: "completed" });
    const of = (life: number) => seen.filter((one) => (one as unknown[])[0] === life);
    expect(of(1)).toHaveLength(9);
    for (const [, name, value] of of(2) as [number, string, string][])
      expect(of(1)).toContainEqual([1, name, value]);
  });

  it("are told apart from calls that race, and make no more calls than they have numbers for", async () => {
    const reasons: string[] = [];
    const { app, runId, clock } = await projectOf(async (effects, life) => {
      const many = async () => {
        for (let call = 0; call < 11; call += 1) await effects.now();
        return "many";
      };
      const within = () => effects.race([() => effects.race([many])]);
      await effects.race([within]).catch(({ message }: Error) => reasons.push(message));
      await effects.race([life === 1 ? () => effects.now() : effects.now()]);
      await effects.sleep("1h");
      return "never";
    });
    await app.drive(runId);
    expect(reasons[0]).toMatch(
      /^A function that races has 1000 numbers for its calls, and each function .+ a tenth/,
    );
    clock.move(HOUR_MS);
    await app.drive(runId);
    const interrupted = (await eventsOf(app, runId)).find(({ type }) => type === "step_interrupted");
    expect(interrupted?.payload).toMatchObject({ reason: expect.stringContaining("differ in") });
  });
});
