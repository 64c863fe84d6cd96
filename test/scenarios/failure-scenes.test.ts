import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Run } from "../../src/index.js";
import { buildPackage } from "../helpers/built.js";
import { killed, openStage, type Spoken, spokenBy } from "../helpers/stage.js";
import { openWorld, type Reaction, type WorldCall } from "../helpers/world.js";

let built: ReturnType<typeof buildPackage>;
beforeAll(() => {
  built = buildPackage();
});
afterAll(() => built.remove());

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

const sceneOf = async (
  play: Parameters<typeof openStage>[2],
  react: (call: WorldCall, times: number) => Reaction = () => undefined,
) => {
  let times = 0;
  const world = await openWorld((call) => {
    times += 1;
    return react(call, times);
  });
  opened.push(world);
  const stage = await openStage(built, world.address, play);
  opened.push(stage);
  const typesOf = async (): Promise<string[]> =>
    (await stage.type("journal", "last", "--json")).out
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { type: string }).type);
  const effects = async (...flags: string[]): Promise<readonly Listed[]> =>
    (await stage.json("effects", "last", ...flags)).effects;
  const run = async (): Promise<Run> => (await stage.json("show", "last")).run;
  return { ...stage, world, typesOf, effects, run };
};
type Listed = {
  readonly stepId: string;
  readonly position: number;
  readonly name: string;
  readonly status: string;
  readonly givenKey: string;
};

const done: Partial<Spoken> = { code: 0 };
const waitsForAPerson: Partial<Spoken> = { code: 3 };
const happened = ["--value", '{"receipt":"theirs"}', "--reason", "the other side shows it"];

/** Until it says this. */
const says = (child: ChildProcess, word: string): Promise<void> =>
  new Promise((resolve, reject) => {
    if (child.stdout === null) throw new Error("it cannot be heard");
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line === word) resolve();
    });
    child.once("close", () => reject(new Error(`it ended and never said ${word}`)));
  });

describe("a network interruption during an API call", () => {
  it("leaves nothing imported twice: 847 leads, and a connection that drops half-way", async () => {
    const agent = `
      const lead = (number) => programEffect(
        { key: "lead-" + number, name: "import lead", class: "guarded", onAmbiguous: "fail" },
        async ({ key }) => {
          try {
            return { status: "done", value: await (await call("lead", key)).json() };
          } catch {
            return { status: "lost" };
          }
        });
      for (let first = 1; first <= 847; first += 11) {
        const some = await Promise.all(Array.from({ length: 11 }, (_, index) => lead(first + index)));
        if (some.some(({ status }) => status === "lost")) process.exit(1);
      }`;
    const { type, world, effects } = await sceneOf({ agent }, ({ key }) =>
      key === "lead-424" ? "hang up" : undefined,
    );
    expect(await type("run", "plan.json")).toMatchObject(waitsForAPerson);
    expect(world.keysOf("lead").length).toBeLessThan(500);
    const [asked, ...others] = await effects("--open");
    expect(others).toEqual([]);
    expect(asked).toMatchObject({ status: "asked", givenKey: "lead-424" });
    expect(await type("decide", "last", "a", String(asked?.position), "done", ...happened)).toMatchObject(
      done,
    );
    expect(await type("resume", "last")).toMatchObject(done);
    const keys = world.keysOf("lead");
    expect(keys).toHaveLength(847);
    expect(new Set(keys).size).toBe(847);
  });
});

describe("an approval that comes while the worker is dead", () => {
  it("is kept, and the next worker goes on from there", async () => {
    const { host, json, run, typeWith, world } = await sceneOf({});
    const first = host("approval-host.mjs", world.address);
    await says(first, "step_suspended");
    await killed(first);
    const [promise] = (await json("promises", "last", "--reveal")).promises;
    expect(
      await typeWith(
        { RUNLEDGER_PROMISE_TOKEN: promise.token },
        ...["promise", "resolve", "last", promise.id, "--value", '"yes"'],
      ),
    ).toMatchObject(done);
    expect(world.keysOf("buy")).toEqual([]);
    expect(await spokenBy(host("approval-host.mjs", world.address))).toMatchObject(done);
    for (const name of ["reserve", "buy", "tell"]) expect(world.keysOf(name)).toHaveLength(1);
    expect((await run()).state.status).toBe("completed");
  });
});

describe("a worker that crashes after it asked for a payment, before it was told", () => {
  const charging = (kind: string) => `
    import { execFileSync } from "node:child_process";
    const script = 'await fetch(process.env.WORLD + "/charge", { method: "POST", headers: { "idempotency-key": process.env.RUNLEDGER_EFFECT_KEY } })';
    execFileSync("runledger", ["effect", "--key", "order-17", ...${kind}, "--", "node", "--eval", script]);`;

  /** The bank takes the money, and the worker is gone before it hears so. */
  const crashed = async (kind: string) => {
    let victim: ChildProcess | undefined;
    const scene = await sceneOf({ agent: charging(kind) }, (_, times) => {
      if (times > 1) return undefined;
      victim?.kill("SIGKILL");
      return "keep waiting";
    });
    await scene.type("run", "plan.json", "--no-drive");
    victim = scene.begin("worker");
    await once(victim, "close");
    return scene;
  };

  it("asks a person, who looks at the bank; the card is charged once", async () => {
    const { type, world, effects } = await crashed('["--risk", "money"]');
    expect(await type("worker", "--once")).toMatchObject(done);
    expect(await effects("--open")).toMatchObject([{ status: "asked", givenKey: "order-17" }]);
    expect(await type("decide", "last", "a", "0", "done", ...happened)).toMatchObject(done);
    expect(await type("resume", "last")).toMatchObject(done);
    expect(world.keysOf("charge")).toEqual(["order-17"]);
  });

  it("asks nobody where the bank knows its keys: it comes again under the same one", async () => {
    const { type, run, world } = await crashed('["--class", "idempotent"]');
    expect(await type("worker", "--once")).toMatchObject(done);
    expect((await run()).state.status).toBe("completed");
    expect(world.keysOf("charge")).toEqual(["order-17", "order-17"]);
  });
});

describe("a deploy that restarts the process in a sync of several steps", () => {
  it("finds everything that was written, and writes the rest", async () => {
    let victim: ChildProcess | undefined;
    const agent = `
      for (const record of [1, 2, 3]) {
        await programEffect(
          { key: step + "-" + record, name: "write record", class: "guarded", onAmbiguous: "fail" },
          async ({ key }) => ({ status: "done", value: await (await call("write", key)).json() }));
        if (step === "b" && record === 2) await (await call("half-way", "")).text();
      }`;
    const { type, begin, world, run } = await sceneOf({ agent, steps: ["a", "b", "c"] }, ({ name }) => {
      if (name !== "half-way" || victim === undefined) return undefined;
      victim.kill("SIGTERM");
      return "keep waiting";
    });
    await type("run", "plan.json", "--no-drive");
    victim = begin("worker");
    const [code] = await once(victim, "close");
    victim = undefined;
    expect(code).toBe(143);
    expect(world.keysOf("write")).toHaveLength(5);
    expect(await type("worker", "--once")).toMatchObject(done);
    const each = ["a", "b", "c"].flatMap((step) => [1, 2, 3].map((record) => `${step}-${record}`));
    expect(world.keysOf("write")).toEqual(each);
    expect((await run()).state.status).toBe("completed");
  });
});

describe("a webhook whose answer does not come in time", () => {
  it("is fired once: that it timed out does not say that it did not happen", async () => {
    const agent = `
      const { status } = await programEffect(
        { key: "alert-7", name: "webhook", class: "guarded", risk: "notify", onAmbiguous: "fail" },
        async ({ key }) => {
          const giveUp = new AbortController();
          const answer = await call("webhook", key, { signal: giveUp.signal });
          setTimeout(() => giveUp.abort(), 10);
          return answer.json().then((value) => ({ status: "done", value }), () => ({ status: "lost" }));
        });
      if (status === "lost") process.exit(1);`;
    const { type, run, world, effects } = await sceneOf({ agent }, () => "keep waiting");
    expect(await type("run", "plan.json")).toMatchObject(waitsForAPerson);
    // Whoever only tries again is asked again, and nothing is fired.
    expect(await type("resume", "last")).toMatchObject(waitsForAPerson);
    expect(await effects("--open")).toMatchObject([{ status: "asked", name: "webhook" }]);
    expect(await type("decide", "last", "a", "0", "done", ...happened)).toMatchObject(done);
    expect(await type("resume", "last")).toMatchObject(done);
    expect(world.keysOf("webhook")).toEqual(["alert-7"]);
    expect((await run()).state.status).toBe("completed");
  });
});

describe("what was executed and approved, after a crash", () => {
  it("is read from the ledger by another process, which goes on with the run", async () => {
    let victim: ChildProcess | undefined;
    const { host, json, run, typeWith, type, effects, typesOf, world } = await sceneOf({}, ({ name }) => {
      if (name !== "tell" || victim === undefined) return undefined;
      victim.kill("SIGKILL");
      return "hang up";
    });
    const first = host("approval-host.mjs", world.address);
    await says(first, "step_suspended");
    const [promise] = (await json("promises", "last", "--reveal")).promises;
    victim = first;
    const token = { RUNLEDGER_PROMISE_TOKEN: promise.token };
    await typeWith(token, "promise", "resolve", "last", promise.id, "--value", '"yes"');
    await once(first, "close");
    const executed = async () => (await effects()).map(({ name, status }) => [name, status]);
    expect(await executed()).toEqual([
      ["reserve", "done"],
      ["buy", "done"],
      ["tell", "open"],
    ]);
    expect((await typesOf()).filter((one) => one === "promise_resolved")).toHaveLength(1);
    // Nobody knows of the third: the next host asks, and what a person finds out is what its agent gets.
    await once(host("approval-host.mjs", world.address), "close");
    expect(await executed()).toContainEqual(["tell", "asked"]);
    const position = (await effects("--open"))[0]?.position;
    expect(await type("decide", "last", "a", String(position), "done", ...happened)).toMatchObject(done);
    expect(await spokenBy(host("approval-host.mjs", world.address))).toMatchObject(done);
    expect((await run()).state.status).toBe("completed");
    for (const name of ["reserve", "buy", "tell"]) expect(world.keysOf(name)).toHaveLength(1);
  });
});

describe("the trace of a step that crashed (seed 004)", () => {
  it("goes on at step_c: a and b are read back, and c comes under the key of its run, step and attempt", async () => {
    let victim: ChildProcess | undefined;
    const agent = `
      const own = (of) => [process.env.RUNLEDGER_RUN_ID, of, process.env.RUNLEDGER_ATTEMPT].join("/");
      const told = async (of) => (await programEffect(
        { key: own(of), name: "call", class: "idempotent" },
        async ({ key }) => ({ status: "done", value: await (await call(of, key)).json() }))).value.receipt;
      const before = { step_a: [], step_b: ["step_a"], step_c: ["step_a", "step_b"] }[step];
      const receipts = [];
      for (const one of [...before, step]) receipts.push(await told(one));
      console.log(receipts.join(", "));`;
    const { type, begin, run, typesOf, world } = await sceneOf(
      { agent, steps: ["step_a", "step_b", "step_c"] },
      ({ name }) => {
        if (name !== "step_c" || victim === undefined) return undefined;
        victim.kill("SIGKILL");
        victim = undefined;
        return "hang up";
      },
    );
    await type("run", "plan.json", "--no-drive");
    victim = begin("worker");
    await once(victim, "close");
    const before = await typesOf();
    expect(before.filter((one) => one === "step_started")).toHaveLength(3);
    expect(before.filter((one) => one === "step_validation_passed")).toHaveLength(2);
    // Another one notices at once that the holder of the lease is dead, though it would last for an hour.
    expect(await type("worker", "--once")).toMatchObject(done);
    const { runId, state, steps } = await run();
    expect(state.status).toBe("completed");
    expect(steps.map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
    const types = await typesOf();
    expect(types.slice(0, before.length)).toEqual(before);
    expect(types.filter((one) => one === "step_started")).toHaveLength(3);
    expect(types.filter((one) => one === "worker_lost")).toHaveLength(1);
    expect(world.keysOf("step_a")).toEqual([`${runId}/step_a/1`]);
    expect(world.keysOf("step_b")).toEqual([`${runId}/step_b/1`]);
    expect(world.keysOf("step_c")).toEqual([`${runId}/step_c/1`, `${runId}/step_c/1`]);
    const { out } = await type("logs", "last", "step_c");
    expect(out).toContain("step_a 1, step_b 2, step_c 4");
  });
});
