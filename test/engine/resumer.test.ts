import { describe, expect, it } from "vitest";
import { createResumer, type RunLedger } from "../../src/index.js";
import { refusalOf, sample } from "../helpers/bench.js";
import { pause, say } from "../helpers/driving.js";
import { PLAN_OF_LIVES } from "../helpers/lives.js";
import { orchestrator, SESSION } from "../helpers/project.js";

const HOUR_MS = 3_600_000;

/** Paused runs of two sessions, and a clock that the test moves. */
const opened = async () => {
  const shop = await sample({ "a.txt": "1\n" });
  let ms = Date.parse("2026-03-01T00:00:00.000Z");
  const app = await shop.open({}, () => new Date(ms).toISOString());
  const begin = async (sessionKey: string): Promise<string> => {
    const caller = app.issue({ name: "orchestrator", role: "orchestrator", sessionKey });
    const given = { plan: PLAN_OF_LIVES, sessionKey, originalRequest: "please" };
    return (await app.createRun(caller, given)).runId;
  };
  const move = (byMs: number): void => {
    ms += byMs;
  };
  return { app, begin, move, resumer: createResumer(app) };
};

const pausedIn = async (app: RunLedger, runId: string): Promise<string> => {
  await say(app, runId, pause);
  return runId;
};

describe("a message to a host with paused runs", () => {
  it("resumes the one run of its own session, when that is what it asks for", async () => {
    const { app, begin, resumer } = await opened();
    const mine = await pausedIn(app, await begin(SESSION));
    const theirs = await pausedIn(app, await begin("other"));
    const me = orchestrator(app);
    expect(await resumer.resume(me, "update my resume")).toMatchObject({
      ...{ intent: "none", run: null, why: "no_intent", resumed: null },
      candidates: [{ runId: mine, goal: PLAN_OF_LIVES.goal, stale: false }],
    });
    expect(await resumer.read(me, "please continue")).toMatchObject({ why: null, run: { runId: mine } });
    expect((await app.ledger.load(mine)).state.status).toBe("paused");
    const { resumed } = await resumer.resume(me, "이어서 해줘");
    expect(resumed).toMatchObject({ runId: mine, state: { status: "running" } });
    expect((await app.ledger.load(theirs)).state.status).toBe("paused");
    expect(await resumer.read(me, "continue")).toMatchObject({ run: null, why: "nothing_paused" });
  });

  it("asks which where several are meant, and takes the one that it names", async () => {
    const { app, begin, resumer } = await opened();
    const [first, second] = [
      await pausedIn(app, await begin(SESSION)),
      await pausedIn(app, await begin(SESSION)),
    ];
    const reply = await resumer.resume(orchestrator(app), "continue");
    expect(reply).toMatchObject({ run: null, why: "several", resumed: null });
    expect(reply.candidates.map(({ runId }) => runId)).toEqual([second, first]);
    const { resumed } = await resumer.resume(orchestrator(app), `resume run ${first}`);
    expect(resumed?.runId).toBe(first);
  });

  it("resumes no other run in place of the one that it names", async () => {
    const { app, begin, resumer } = await opened();
    const [running, mine] = [await begin(SESSION), await pausedIn(app, await begin(SESSION))];
    const theirs = await pausedIn(app, await begin("other"));
    for (const id of [running, theirs, mine.slice(0, -1), "run_01ab"])
      expect(await resumer.resume(orchestrator(app), `resume ${id}`)).toMatchObject({
        ...{ intent: "resume", run: null, why: "nothing_paused", resumed: null },
        candidates: [{ runId: mine }],
      });
    expect((await app.ledger.load(mine)).state.status).toBe("paused");
    const { resumed } = await resumer.resume(orchestrator(app), `Resume ${mine.toUpperCase()}, please`);
    expect(resumed?.runId).toBe(mine);
  });

  it("comes too late after staleTtl, and what is too old is in nobody's way", async () => {
    const { app, begin, move, resumer } = await opened();
    const old = await pausedIn(app, await begin(SESSION));
    move(HOUR_MS);
    expect(await resumer.read(orchestrator(app), "continue")).toMatchObject({ run: { runId: old } });
    move(1);
    expect(await resumer.resume(orchestrator(app), "continue")).toMatchObject({ run: null, why: "stale" });
    const young = await pausedIn(app, await begin(SESSION));
    expect(await resumer.read(orchestrator(app), "continue")).toMatchObject({ run: { runId: young } });
    expect(await resumer.read(orchestrator(app), `resume ${old}`)).toMatchObject({ run: null, why: "stale" });
  });

  it("is not heard from who works on a run", async () => {
    const { app, resumer } = await opened();
    const coder = app.issue({ name: "coder", role: "executor", sessionKey: SESSION });
    expect((await refusalOf(resumer.read(coder, "continue"))).code).toBe("access_denied");
  });
});
