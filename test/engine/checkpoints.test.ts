import { existsSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import type { CheckpointContent } from "../../src/core/checkpoints.js";
import { LedgerError } from "../../src/core/errors.js";
import { type EffectContext, type Resumed, verifyAt } from "../../src/index.js";
import { planOfSteps, refusalOf, sample, stepBy } from "../helpers/bench.js";
import { began, cancel, eventsOf, pause, resume, say } from "../helpers/driving.js";
import { person, type Sample, SESSION } from "../helpers/project.js";
import { checkpointsIn, flipped, inLedger, type Life, lifeOf, shopOf, spoil } from "../helpers/turns.js";

type Memory = { readonly done: readonly string[] };

/** Three turns of one effect each; cut off behind the effect of the third. */
const threeTurns =
  (done: string[], upTo = 3): Life =>
  async (effects) => {
    const said: string[] = [];
    for (const name of ["one", "two", "three"].slice(0, upTo)) {
      await effects.effect(name, { class: "guarded", key: `key-${name}`, onAmbiguous: "fail" }, () => {
        done.push(name);
        return name;
      });
      said.push(name);
      if (name !== "three")
        await effects.checkpoint({ workingMemory: { done: said }, metrics: { toolCalls: said.length } });
    }
    return undefined;
  };

/** Goes on from wherever it was; the effects of turns that are behind it are not even asked for. */
const goOn =
  (done: string[], seen: (Resumed<Memory> | null)[]): Life =>
  async (effects) => {
    const from = await effects.resumed<Memory>();
    seen.push(from);
    const said = [...(from?.workingMemory.done ?? [])];
    for (const name of ["one", "two", "three"].filter((one) => !said.includes(one))) {
      await effects.effect(name, { class: "guarded", key: `key-${name}`, onAmbiguous: "fail" }, () => {
        done.push(name);
        return name;
      });
      said.push(name);
      await effects.checkpoint({ workingMemory: { done: said } });
    }
    return said.join(" ");
  };

const found = (shop: Sample) => verifyAt({ projectDir: shop.repo, env: shop.env });

describe("an agent that ends turns", () => {
  it("goes on behind the last one, with its memory, and nothing happens twice", async () => {
    const shop = await shopOf();
    const done: string[] = [];
    const seen: (Resumed<Memory> | null)[] = [];
    await lifeOf(shop, threeTurns(done));
    const { run } = await lifeOf(shop, goOn(done, seen));
    expect(run.state.status).toBe("completed");
    expect(done).toEqual(["one", "two", "three"]);
    expect(seen).toMatchObject([{ turn: 2, workingMemory: { done: ["one", "two"] }, broken: [] }]);
    expect(seen[0]?.metrics).toEqual({ tokensIn: 0, tokensOut: 0, toolCalls: 2, cost: 0 });
    // Also the one that came after the checkpoint was taken.
    expect([...(seen[0]?.blockedEffectKeys ?? [])]).toEqual(["key-one", "key-two", "key-three"]);
    expect(seen[0]?.blockedEffectKeys.has("key-three")).toBe(true);
    const kinds = (await checkpointsIn(shop)).map(({ reason, turn, holds }) => [reason, turn, holds]);
    expect(kinds).toEqual([
      ["turn", 1, true],
      ["turn", 2, true],
      ["interruption", 2, true],
      ["turn", 3, true],
    ]);
    expect(await found(shop)).toMatchObject({ flaws: [], checkpoints: 4 });
  });

  it("may as well begin at its first line: what it did is read back, and no turn is signed again", async () => {
    const shop = await shopOf();
    const done: string[] = [];
    await lifeOf(shop, threeTurns(done));
    const { run } = await lifeOf(shop, async (effects) => {
      await threeTurns(done)(effects);
      return "all three";
    });
    expect(run.state.status).toBe("completed");
    expect(done).toEqual(["one", "two", "three"]);
    expect((await checkpointsIn(shop)).map(({ reason }) => reason)).toEqual(["turn", "turn", "interruption"]);
  });

  it("ends a turn at the same call in each life", async () => {
    const shop = await shopOf();
    await lifeOf(shop, threeTurns([], 1));
    const { run } = await lifeOf(shop, async (effects) => {
      await effects.checkpoint({ workingMemory: {} });
      return "too early";
    });
    expect(run.steps[0]?.feedback).toMatchObject({
      reason: expect.stringContaining("Turn 1 ended after 1 calls in an earlier life, and after 0"),
    });
  });

  it("ends a turn only when nothing is under way, and asks for its memory before anything else", async () => {
    const shop = await shopOf();
    const refusals: string[] = [];
    const { run } = await lifeOf(shop, async (effects) => {
      const slow = effects.effect("slow", { class: "pure" }, () => 1);
      await effects.checkpoint({ workingMemory: {} }).catch((error: Error) => refusals.push(error.message));
      await slow;
      await effects.resumed().catch((error: Error) => refusals.push(error.message));
      const large = { text: "x".repeat(1_048_576) };
      await effects
        .checkpoint({ workingMemory: large })
        .catch((error: Error) => refusals.push(error.message));
      await effects
        .checkpoint({ workingMemory: {}, metrics: { cost: -1 } })
        .catch((error: Error) => refusals.push(error.message));
      return "done";
    });
    expect(run.state.status).toBe("completed");
    expect(refusals).toEqual([
      "A turn ends when nothing of it is under way.",
      "What an earlier life remembered is asked for before anything else.",
      "The working memory has 1048587 bytes; 1048576 are the most.",
      expect.stringContaining("metrics"),
    ]);
    expect(await checkpointsIn(shop)).toEqual([]);
  });

  it("is stored as what differs, and now and then whole", async () => {
    const shop = await shopOf();
    const log: string[] = [];
    await lifeOf(shop, async (effects) => {
      for (let turn = 1; turn <= 13; turn += 1) {
        log.push(`what was said in turn ${turn}`);
        await effects.checkpoint({ workingMemory: { log, turn, __proto__: null } });
      }
      return undefined;
    });
    const whole = (await checkpointsIn(shop)).map(({ full }) => full);
    expect(whole.flatMap((full, index) => (full ? [index] : []))).toEqual([0, 10]);
    let memory: unknown;
    await lifeOf(shop, async (effects) => {
      memory = (await effects.resumed())?.workingMemory;
      return "done";
    });
    expect(memory).toEqual({ log, turn: 13 });
  });
});

describe.each(["sqlite", "file"] as const)("a checkpoint in %s that is not as it was signed", (store) => {
  const settings = `durable: { checkpoints: ${store} }\n`;

  it("is passed over and named, and the one before counts", async () => {
    const shop = await shopOf(settings);
    const done: string[] = [];
    const seen: (Resumed<Memory> | null)[] = [];
    await lifeOf(shop, threeTurns(done));
    const [, second, last] = await checkpointsIn(shop);
    if (second === undefined || last === undefined) throw new Error("there are three");
    expect(last.keptIn).toBe(store);
    await spoil(shop, last, flipped);
    await spoil(shop, second, flipped);
    expect((await found(shop)).flaws.map(({ kind, message }) => [kind, message])).toEqual([
      ["checkpoint", expect.stringMatching(`^${second.id} is not as it was (written|signed)\\.$`)],
      ["checkpoint", expect.stringMatching(`^${last.id} `)],
    ]);
    const { run } = await lifeOf(shop, goOn(done, seen));
    expect(run.state.status).toBe("completed");
    expect(done).toEqual(["one", "two", "three"]);
    expect(seen[0]).toMatchObject({ turn: 1, workingMemory: { done: ["one"] } });
    expect(seen[0]?.broken.map(({ id }) => id)).toEqual([last.id, second.id]);
  });

  it("may be gone altogether: the journal alone is enough, and they are signed again on the way", async () => {
    const shop = await shopOf(settings);
    const done: string[] = [];
    const seen: (Resumed<Memory> | null)[] = [];
    await lifeOf(shop, threeTurns(done));
    for (const one of await checkpointsIn(shop)) await spoil(shop, one, null);
    const points = await inLedger(shop, {}, (app, runId) => app.resumePoints(runId));
    expect(points).toMatchObject([{ stepId: "a", from: null }]);
    expect(points[0]?.broken).toHaveLength(3);
    const { run } = await lifeOf(shop, goOn(done, seen));
    expect(run.state.status).toBe("completed");
    expect(done).toEqual(["one", "two", "three"]);
    expect(seen).toEqual([null]);
    const after = await checkpointsIn(shop);
    expect(after.map(({ turn, holds }) => [turn, holds])).toEqual([
      [1, false],
      [2, false],
      [2, false],
      [1, true],
      [2, true],
      [3, true],
    ]);
  });

  it("is read all the same when it was written in the form of before", async () => {
    const shop = await shopOf(settings);
    await lifeOf(shop, threeTurns([]));
    const [, second] = await checkpointsIn(shop);
    if (second === undefined) throw new Error("there are three");
    let changed = 0;
    await spoil(shop, second, (bytes) => {
      const { format, ...packed } = JSON.parse(gunzipSync(bytes).toString()) as Record<string, unknown>;
      expect(format).toBe(2);
      const text = JSON.stringify(packed).replace(
        /\{"edits":\[\{"keep":(\d+)\},\{"add":(\[[^\]]*\])\}\]\}/g,
        (_all, keep: string, add: string) => {
          changed += 1;
          return `{"keep":${keep},"add":${add}}`;
        },
      );
      return gzipSync(text);
    });
    expect(changed).toBeGreaterThan(0);
    expect((await checkpointsIn(shop)).map(({ holds }) => holds)).toEqual([true, true, true]);
  });

  it("cannot be one that somebody packed himself", async () => {
    const shop = await shopOf(settings);
    await lifeOf(shop, threeTurns([], 1));
    for (const one of await checkpointsIn(shop))
      await spoil(shop, one, (bytes) =>
        gzipSync(
          gunzipSync(bytes).toString().replace('"done":["one"]', '"done":["two"]').replace("20", "21"),
        ),
      );
    expect((await checkpointsIn(shop)).map(({ why }) => why)).toEqual([
      "is not as it was signed",
      expect.stringMatching(/^builds on ckpt_\w+, which is not as it was signed$/),
    ]);
  });
});

describe("older checkpoints", () => {
  const manyTurns =
    (turns: number): Life =>
    async (effects) => {
      for (let turn = 1; turn <= turns; turn += 1) await effects.checkpoint({ workingMemory: { turn } });
      return undefined;
    };
  const resumedOf = async (shop: Sample): Promise<Resumed | null> => {
    let from: Resumed | null = null;
    await lifeOf(shop, async (effects) => {
      from = await effects.resumed();
      return "done";
    });
    return from;
  };

  it.each(["sqlite", "file"])("are thinned out of %s, and verify finds no flaw", async (store) => {
    const shop = await shopOf(`durable: { checkpoints: ${store}, checkpointsKept: 2 }\n`);
    await lifeOf(shop, manyTurns(25));
    const all = await checkpointsIn(shop);
    expect(all.filter(({ thinned }) => thinned).map(({ turn }) => turn)).toEqual(
      Array.from({ length: 20 }, (_, at) => at + 1),
    );
    for (const { thinned, holds, why, bytes } of all)
      expect([holds, why, bytes === null]).toEqual(
        thinned ? [false, "was thinned out", true] : [true, null, false],
      );
    expect(await found(shop)).toMatchObject({ flaws: [], checkpoints: 26 });
    expect(await resumedOf(shop)).toMatchObject({ turn: 25, broken: [] });
  });

  it("say so when all newer ones are spoilt, and the journal alone is enough", async () => {
    const shop = await shopOf("durable: { checkpointsKept: 1 }\n");
    await lifeOf(shop, manyTurns(25));
    const all = await checkpointsIn(shop);
    for (const one of all.filter(({ thinned }) => !thinned)) await spoil(shop, one, flipped);
    const [point] = await inLedger(shop, {}, (app, runId) => app.resumePoints(runId));
    const last = all.findLast(({ thinned }) => thinned);
    expect(point).toMatchObject({ from: null });
    expect(point?.broken.at(-1)).toEqual({ id: last?.id, why: "was thinned out" });
  });

  it("that a crash left behind the event that thinned them out go with the next cleaning", async () => {
    const shop = await shopOf("durable: { checkpoints: file, checkpointsKept: 1 }\n");
    await lifeOf(shop, manyTurns(25));
    const [first] = (await checkpointsIn(shop)).filter(({ thinned }) => thinned);
    await inLedger(shop, {}, async (app, runId) => {
      const left = join(app.dataDir, "checkpoints", runId, first?.id ?? "");
      await writeFile(left, "bytes");
      await writeFile(join(app.dataDir, "checkpoints", runId, "ckpt_0000000000000000"), "not yet named");
      const seen = { checkpoints: 1, checkpointBytes: 5 };
      expect(await app.collectGarbage({ dryRun: true })).toMatchObject(seen);
      expect(await app.collectGarbage()).toMatchObject(seen);
      expect(existsSync(left)).toBe(false);
      expect(await app.collectGarbage()).toMatchObject({ checkpoints: 0, checkpointBytes: 0 });
    });
  });
});

describe("gc", () => {
  const withLeft = async () => {
    const shop = await shopOf("durable: { checkpoints: file, checkpointsKept: 1 }\n");
    await lifeOf(shop, async (effects) => {
      for (let turn = 1; turn <= 25; turn += 1) await effects.checkpoint({ workingMemory: { turn } });
      return undefined;
    });
    const [first] = (await checkpointsIn(shop)).filter(({ thinned }) => thinned);
    return { shop, id: first?.id ?? expect.unreachable("some were thinned out") };
  };
  const leave = async (dataDir: string, runId: string, id: string): Promise<string> => {
    const left = join(dataDir, "checkpoints", runId, id);
    await writeFile(left, "bytes");
    return left;
  };

  it("that is refused to write the file anew has taken no checkpoint", async () => {
    const { shop, id } = await withLeft();
    await inLedger(shop, {}, async (app, runId) => {
      const left = await leave(app.dataDir, runId, id);
      await app.ledger.store.claim({ runId, owner: "elsewhere:1:1", ttlMs: 3_600_000 });
      await refusalOf(app.collectGarbage({ vacuum: true }));
      expect(existsSync(left)).toBe(true);
    });
  });

  it("leaves those of a journal that it cannot read, says so, and cleans up all the same", async () => {
    const { shop, id } = await withLeft();
    await inLedger(shop, {}, async (app, runId) => {
      const left = await leave(app.dataDir, runId, id);
      const { events } = app.ledger;
      const damaged = new LedgerError("journal_tampered", "Its chain is broken.");
      app.ledger.events = async (...asked) => (asked[1] === 0 ? events(...asked) : Promise.reject(damaged));
      expect(await app.collectGarbage()).toMatchObject({ checkpoints: 0, unread: [runId] });
      expect(existsSync(left)).toBe(true);
    });
  });
});

describe("an agent that has changed", () => {
  const left = async () => {
    const shop = await shopOf();
    await lifeOf(shop, threeTurns([]));
    return shop;
  };
  const other: Life = async (effects) => JSON.stringify((await effects.resumed())?.workingMemory ?? null);

  it("does not go on with the memory of what it was, and nothing is written", async () => {
    const shop = await left();
    await inLedger(shop, {}, (app, runId) => say(app, runId, pause));
    const before = await inLedger(shop, {}, eventsOf);
    const refused = await refusalOf(lifeOf(shop, other, { version: "2" }));
    expect(refused.code).toBe("agent_changed");
    expect(refused.message).toBe('Agent "coder" is not the one that left its memory at turn 2 of "a".');
    expect(refused.hint).toContain("--anew");
    const coder = { work: async () => "", version: "2" };
    await inLedger(shop, { coder }, async (app, runId) => {
      expect((await refusalOf(say(app, runId, resume))).code).toBe("agent_changed");
    });
    expect(await inLedger(shop, {}, eventsOf)).toEqual(before);
  });

  it("goes on with what its migrations make of it, one after the other", async () => {
    const shop = await left();
    const migrations = [
      { from: "2", to: "3", migrate: (memory: unknown) => ({ twice: memory }) },
      { from: "1", to: "2", migrate: (memory: unknown) => ({ once: memory }) },
    ];
    const { run } = await lifeOf(shop, other, { version: "3", migrations });
    const [step] = run.steps;
    expect(step?.state.status === "completed" && step.state.proposal?.result).toBe(
      JSON.stringify({ twice: { once: { done: ["one", "two"] } } }),
    );
  });

  it("goes on from the journal alone when somebody says so", async () => {
    const shop = await left();
    await inLedger(shop, {}, (app, runId) =>
      say(app, runId, { type: "discard_checkpoints", reason: "another agent" }),
    );
    const done: string[] = [];
    const seen: (Resumed<Memory> | null)[] = [];
    const { run } = await lifeOf(shop, goOn(done, seen), { version: "2" });
    expect(run.state.status).toBe("completed");
    expect(seen).toEqual([null]);
    expect(done).toEqual([]);
  });

  it("is one whose text has changed, where its host gives it no version", async () => {
    const shop = await left();
    expect((await refusalOf(lifeOf(shop, other, {}))).code).toBe("agent_changed");
  });
});

describe("a checkpoint that nobody's turn asks for", () => {
  it("is taken before an agent waits, with what it remembers", async () => {
    const shop = await shopOf();
    await lifeOf(shop, async (effects) => {
      await effects.checkpoint({ workingMemory: { asks: "ada" }, suggestedNextAction: "ask ada" });
      return effects.promise<string>("sign-off");
    });
    const [, waits] = await checkpointsIn(shop);
    expect(waits).toMatchObject({ reason: "wait", turn: 1, holds: true, full: false });
    const points = await inLedger(shop, {}, (app, runId) => app.resumePoints(runId));
    expect(points).toMatchObject([{ from: { checkpoint: waits?.id, turn: 1 }, broken: [] }]);
    // It knows of the promise, which the turn's own could not.
    const seen: (Resumed | null)[] = [];
    await inLedger(shop, {}, async (app, runId) => {
      const token = await app.promiseToken(person(app), runId, "a/1/0");
      await app.resolvePromise(person(app), runId, { promise: "a/1/0", token, value: "yes" });
    });
    const { run } = await lifeOf(shop, async (effects) => {
      seen.push(await effects.resumed());
      return effects.promise<string>("sign-off");
    });
    expect(run.state.status).toBe("completed");
    expect(seen).toMatchObject([
      {
        suggestedNextAction: "ask ada",
        unresolvedApprovals: [{ kind: "promise", stepId: "a", position: 0 }],
      },
    ]);
  });

  it("is the run's own where nobody has a memory, and names what waits for its judge", async () => {
    const shop = await sample({ "a.txt": "1\n" });
    const app = await shop.open({ coder: async () => "look at it" });
    const runId = await began(
      app,
      planOfSteps({ ...stepBy("a", ""), validator: { type: "orchestrator_approval" } }),
    );
    await app.drive(runId);
    const [signed] = await app.checkpoint(person(app), runId);
    expect(signed).toMatchObject({ of: null, reason: "demand", turn: 0, agentVersion: null });
    expect((await app.checkpoints(runId)).map(({ why }) => why)).toEqual([null]);
    const db = new Database(join(shop.place, "data", "ledger.db"), { readonly: true });
    const bytes = db.prepare("SELECT bytes FROM checkpoints").pluck().get() as Buffer;
    db.close();
    const { content } = JSON.parse(gunzipSync(bytes).toString()) as { content: CheckpointContent };
    expect(content).toMatchObject({
      eventLogPosition: signed?.eventLogPosition,
      pendingProposals: [
        { stepId: "a", attempt: 1, seq: 4, digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
      ],
      artifacts: [{ seq: 4, stepId: "a" }],
      unresolvedApprovals: [{ kind: "approval", stepId: "a", attempt: 1, position: null }],
    });
    await say(app, runId, cancel);
    expect((await refusalOf(app.checkpoint(person(app), runId))).code).toBe("run_terminal");
    const coder = app.issue({ name: "coder", role: "executor", sessionKey: SESSION });
    expect((await refusalOf(app.checkpoint(coder, runId))).code).toBe("access_denied");
  });
});

describe("what checkpoints do not outlive", () => {
  it("is their key: without it none holds, and the journal alone is enough", async () => {
    const shop = await shopOf();
    const done: string[] = [];
    await lifeOf(shop, threeTurns(done));
    await rm(join(shop.place, "data", "ledger.key"));
    const flaws = (await found(shop)).flaws.map(({ message }) => message);
    expect(flaws).toHaveLength(3);
    expect(flaws[0]).toMatch(/^ckpt_\w+ cannot be checked: the ledger's key is not there\.$/);
    const seen: (Resumed<Memory> | null)[] = [];
    const { run } = await lifeOf(shop, goOn(done, seen));
    expect(run.state.status).toBe("completed");
    expect([done, seen]).toEqual([["one", "two", "three"], [null]]);
    expect((await checkpointsIn(shop)).slice(0, 3).map(({ why }) => why)).toEqual(
      Array.from({ length: 3 }, () => "does not hold under its signature"),
    );
  });

  it("is their run: a fork begins without them, and reads back what it took over", async () => {
    const shop = await shopOf();
    const done: string[] = [];
    await lifeOf(shop, threeTurns(done));
    const seen: unknown[] = [];
    const work = async (_task: unknown, effects: EffectContext): Promise<string> => {
      seen.push(await effects.resumed());
      return (await goOn(done, [])({ ...effects, resumed: async () => null })) ?? "";
    };
    await inLedger(shop, { coder: { version: "2", work } }, async (app, runId) => {
      const fork = await app.fork(person(app), { runId });
      expect(fork.checkpoint).toBeNull();
      const { run } = await app.drive(fork.runId);
      expect(run.state.status).toBe("completed");
      expect((await app.checkpoints(fork.runId)).map(({ turn, holds }) => [turn, holds])).toEqual([
        [1, true],
        [2, true],
        [3, true],
      ]);
    });
    expect([done, seen]).toEqual([["one", "two", "three"], [null]]);
    expect((await found(shop)).flaws).toEqual([]);
  });

  it.each(["sqlite", "file"])("is the archiving of their run, in %s", async (store) => {
    const shop = await shopOf(`durable: { checkpoints: ${store} }\n`);
    await lifeOf(shop, goOn([], []));
    const app = await shop.open({}, () => new Date(Date.now() + 7_200_000).toISOString());
    const pruned = await app.prune({ keep: 0 });
    expect(pruned.runs).toHaveLength(1);
    expect(pruned.checkpointBytes).toBeGreaterThan(0);
    const db = new Database(join(shop.place, "data", "ledger.db"), { readonly: true });
    expect(db.prepare("SELECT count(*) FROM checkpoints").pluck().get()).toBe(0);
    db.close();
    expect(await readdir(join(shop.place, "data", "checkpoints")).catch(() => [])).toEqual([]);
  });
});
