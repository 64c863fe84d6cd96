import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EffectContext } from "../../../src/index.js";
import { type Desk, openDesk, shop, step } from "../../helpers/cli.js";
import { began } from "../../helpers/driving.js";
import { person } from "../../helpers/project.js";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk(shop);
});
afterAll(() => desk.dispose());

/** A run whose agent, a function of another program, waits. */
const waitingFor = async (work: (effects: EffectContext) => Promise<unknown>): Promise<string> => {
  const app = await desk.open({ waiter: async (_task, effects) => String(await work(effects)) });
  const runId = await began(app, { goal: "wait", steps: [step("a", "waiter")] });
  await app.drive(runId);
  return runId;
};
const tokenOf = async (id: string): Promise<string> => {
  const app = await desk.open();
  return app.promiseToken(person(app), id, "a/1/0");
};
const signing = () => waitingFor((effects) => effects.promise("legal sign-off"));

describe("promises", () => {
  it("are listed, without their tokens unless a person asks for them", async () => {
    const id = await signing();
    const { code, out } = await desk.type("promises", id);
    expect(code).toBe(0);
    expect(desk.masked(out)).toMatch(/^PROMISE +NAME +WAITS SINCE\na\/1\/0 +legal sign-off +AGO *\n$/);
    const token = await tokenOf(id);
    expect(out).not.toContain(token);
    expect((await desk.type("promises", id, "--reveal")).out).toContain(token);
    expect((await desk.type("journal", id, "--json")).out).not.toContain(token);
  });

  it("are told of by why, list and show", async () => {
    const id = await signing();
    expect(desk.masked((await desk.type("why", id)).out)).toBe(
      'It waits for "legal sign-off", which somebody outside resolves.\n  runledger promise resolve RUN a/1/0 --value JSON --token TOKEN\n',
    );
    expect((await desk.type("show", id)).out).toContain('waits for "legal sign-off"');
    expect((await desk.type("list", "--limit", "1")).out).toContain('It waits for "legal sign-off"');
  });

  it("are resolved once, with the token of the argument or of the environment", async () => {
    const id = await signing();
    const token = await tokenOf(id);
    const resolve = (...words: string[]) => desk.type("promise", "resolve", id, "a/1/0", ...words);
    expect((await resolve("--value", "true")).err).toContain("is resolved with its token");
    expect((await resolve("--value", "yes", "--token", token)).err).toContain("--value is no JSON");
    expect((await resolve("--token", token)).err).toContain("resolved with --value or rejected with --error");
    const wrong = await resolve("--value", "true", "--token", "0".repeat(64));
    expect([wrong.code, wrong.err]).toEqual([5, expect.stringContaining("[promise_refused]")]);
    const env = { RUNLEDGER_PROMISE_TOKEN: token };
    const right = await desk.typeWith({ env }, "promise", "resolve", id, "a/1/0", "--value", "true");
    expect(right.code).toBe(0);
    expect((await resolve("--value", "false", "--token", token)).err).toContain("[promise_resolved]");
    expect(JSON.parse((await desk.type("promises", id, "--json")).out)).toMatchObject({ promises: [] });
  });
});

describe("a run that waits for a time", () => {
  it("says until when, and that a worker goes on with it", async () => {
    const id = await waitingFor((effects) => effects.sleep("1h"));
    const { out } = await desk.type("why", id);
    expect(desk.masked(out)).toBe(
      "It waits until TIME; nobody is at work until then.\n  A worker goes on with it: runledger worker\n",
    );
    const { code, err } = await desk.type("resume", id);
    expect([code, desk.masked(err)]).toEqual([3, expect.stringContaining("It waits until TIME")]);
    expect((await desk.type("worker", "--once")).code).toBe(0);
    expect((await desk.type("show", id)).out).toContain("waits until");
  });
});
