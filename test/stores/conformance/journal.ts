import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { batchOf, eventAt, projection } from "../batches.js";
import { refused, type Suite, seqs } from "./suite.js";

export const appends = ({ store }: Suite): void => {
  it("answers with the rows it kept, and reads back the same", async () => {
    const batch = batchOf("a", 0, { count: 3 });
    const rows = await store().append(batch);
    expect(rows.map(({ runId: _run, position: _position, ...event }) => event)).toEqual(batch.events);
    expect(rows.map(({ runId }) => runId)).toEqual(["a", "a", "a"]);
    expect(await store().read("a", 0, 100)).toEqual(rows);
  });

  it("keeps the list row with the events", async () => {
    await store().append(batchOf("a", 0, { count: 2 }));
    const changed = { ...projection, status: "paused", blocker: "Waits for Ada.", runnable: false } as const;
    await store().append(
      batchOf("a", 2, { projection: { ...changed, stepsCompleted: 2, sessionKey: "s2" } }),
    );
    expect(await store().runRow("a")).toEqual({
      ...changed,
      stepsCompleted: 2,
      sessionKey: "s2",
      runId: "a",
      lastSeq: 3,
      lastHash: eventAt("a", 3).hash,
      createdAt: eventAt("a", 1).at,
      updatedAt: eventAt("a", 3).at,
      quarantine: null,
      seal: "plain",
    });
    expect(await store().runRow("b")).toBeUndefined();
    expect(await store().end("a")).toEqual({ lastSeq: 3, lastHash: eventAt("a", 3).hash });
    expect(await store().end("b")).toBeUndefined();
  });

  it("changes what lists show also when status and runnable stay", async () => {
    await store().append(batchOf("a", 0));
    await store().append(
      batchOf("a", 1, {
        projection: { ...projection, goal: "Other", stepsTotal: 9, stepsCompleted: 7, blocker: "b" },
      }),
    );
    expect(await store().runRow("a")).toMatchObject({
      goal: "Other",
      stepsTotal: 9,
      stepsCompleted: 7,
      blocker: "b",
      lastSeq: 2,
    });
  });

  it("refuses a seq that somebody else has used already", async () => {
    await store().append(batchOf("a", 0, { count: 2 }));
    await refused(store().append(batchOf("a", 1)), "seq_conflict");
    await refused(store().append(batchOf("a", 3)), "seq_conflict");
    expect(await seqs(store(), "a")).toEqual([1, 2]);
  });

  it("refuses a batch whose events leave a gap", async () => {
    await refused(
      store().append({ ...batchOf("a", 0), events: [eventAt("a", 1), eventAt("a", 3)] }),
      "invalid_input",
    );
    await refused(
      store().append({ ...batchOf("a", 0), events: [eventAt("a", 2, "run_created")] }),
      "invalid_input",
    );
    expect(await store().feed(0, 10)).toEqual([]);
    expect(await store().runRow("a")).toBeUndefined();
  });

  it("lets a run begin with run_created only", async () => {
    await refused(
      store().append({ ...batchOf("a", 0), events: [eventAt("a", 1, "note_written")] }),
      "run_not_found",
    );
    await refused(store().append(batchOf("a", 0, { count: 0 })), "run_not_found");
    await refused(store().append(batchOf("a", 4)), "run_not_found");
    expect(await store().runRow("a")).toBeUndefined();
  });

  it("makes a run once", async () => {
    await store().append(batchOf("a", 0));
    await refused(store().append(batchOf("a", 0)), "run_exists");
    expect(await seqs(store(), "a")).toEqual([1]);
  });

  it("keeps a key for a command that changed nothing", async () => {
    await store().append(batchOf("a", 0, { count: 2 }));
    const key = { scope: "s", key: "k", digest: "d" };
    expect(await store().append(batchOf("a", 2, { count: 0, key }))).toEqual([]);
    expect(await store().findKey("s", "k")).toEqual({ runId: "a", digest: "d", firstSeq: 3, lastSeq: 2 });
    expect(await store().runRow("a")).toMatchObject({
      lastSeq: 2,
      lastHash: eventAt("a", 2).hash,
      updatedAt: eventAt("a", 2).at,
    });
  });

  it("keeps text as it is, whatever is in it", async () => {
    const payload = JSON.stringify({ text: "'); DROP TABLE events;-- \u0000 \ud83d\ude00 \u2028" });
    await store().append({ ...batchOf("a", 0), events: [{ ...eventAt("a", 1), payload }] });
    expect((await store().read("a", 0, 1))[0]?.payload).toBe(payload);
  });
};

export const groups = ({ store, another, itNeeding }: Suite): void => {
  it("appends what arrives together, and one refused batch harms no other", async () => {
    await store().append(batchOf("b", 0));
    const outcomes = await Promise.allSettled([
      store().append(batchOf("a", 0, { count: 2 })),
      store().append(batchOf("b", 7)),
      store().append(batchOf("c", 0)),
      store().append(batchOf("a", 2)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
    expect(await seqs(store(), "a")).toEqual([1, 2, 3]);
    expect(await seqs(store(), "b")).toEqual([1]);
    expect(await seqs(store(), "c")).toEqual([1]);
  });

  it("undoes everything of a batch that is refused half way", async () => {
    await store().append(batchOf("b", 0));
    const broken = { ...eventAt("a", 2), payload: null as unknown as string };
    const key = { scope: "s", key: "k", digest: "d" };
    const outcomes = await Promise.allSettled([
      store().append(batchOf("b", 1)),
      store().append({ ...batchOf("a", 0, { key }), events: [eventAt("a", 1), broken] }),
      store().append(batchOf("b", 2)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await store().runRow("a")).toBeUndefined();
    expect(await store().read("a", 0, 10)).toEqual([]);
    expect(await store().findKey("s", "k")).toBeUndefined();
    expect(await seqs(store(), "b")).toEqual([1, 2, 3]);
  });

  it("lets one of many win a seq", async () => {
    await store().append(batchOf("a", 0));
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => store().append(batchOf("a", 1))),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await seqs(store(), "a")).toEqual([1, 2]);
  });

  it("makes more appends wait than one group holds, and loses none of them", async () => {
    const runIds = Array.from({ length: 1_500 }, (_, index) => `run-${index}`);
    const rows = await Promise.all(runIds.map((runId) => store().append(batchOf(runId, 0))));
    expect(rows.map(([row]) => row?.runId)).toEqual(runIds);
    expect((await store().feed(0, 10_000)).map(({ runId }) => runId)).toEqual(runIds);
  });

  itNeeding("two connections", "keeps two connections out of each other's way", async () => {
    const other = await another();
    await store().append(batchOf("a", 0));
    const race = await Promise.allSettled([store().append(batchOf("a", 1)), other.append(batchOf("a", 1))]);
    expect(race.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    for (let seq = 2; seq < 40; seq += 2) {
      await store().append(batchOf("a", seq));
      await other.append(batchOf("a", seq + 1));
    }
    expect(await seqs(other, "a")).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect(await other.feed(0, 1_000)).toEqual(await store().feed(0, 1_000));
  });
};

export const reads = ({ store }: Suite): void => {
  it("reads one run after a seq and within a limit", async () => {
    await store().append(batchOf("a", 0, { count: 10 }));
    await store().append(batchOf("b", 0, { count: 3 }));
    expect((await store().read("a", 4, 3)).map(({ seq }) => seq)).toEqual([5, 6, 7]);
    expect(await store().read("a", 10, 3)).toEqual([]);
    expect(await store().read("c", 0, 3)).toEqual([]);
  });

  it("feeds the events of all runs in the order they were appended", async () => {
    await store().append(batchOf("a", 0, { count: 2 }));
    await store().append(batchOf("b", 0));
    await store().append(batchOf("a", 2));
    await store().append(batchOf("b", 1));
    const all = await store().feed(0, 100);
    expect(all.map(({ runId, seq }) => `${runId}${seq}`)).toEqual(["a1", "a2", "b1", "a3", "b2"]);
    expect(all.map(({ position }) => position)).toEqual(
      all.map(({ position }) => position).sort((a, b) => a - b),
    );
    expect(await store().feed(all[1]?.position ?? 0, 2)).toEqual(all.slice(2, 4));
    expect(await store().feed(all[4]?.position ?? 0, 2)).toEqual([]);
  });

  it("never feeds a position below one it has fed", async () => {
    await store().append(batchOf("a", 0));
    const seen: number[] = [];
    const appending = Promise.all(
      Array.from({ length: 50 }, async (_, run) => {
        for (let seq = 0; seq < 5; seq += 1) await store().append(batchOf(`r${run}`, seq));
      }),
    );
    while (seen.length < 251) {
      const rows = await store().feed(seen.at(-1) ?? 0, 7);
      seen.push(...rows.map(({ position }) => position));
      if (rows.length === 0) await nextTurn();
    }
    await appending;
    expect(seen).toEqual((await store().feed(0, 1_000)).map(({ position }) => position));
  });
};
