import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { figure } from "../helpers/figures.js";
import { SWEEP_MS, sliceOf, sweepSeed, sweepSize, wholeSweeps } from "../helpers/sweep.js";
import { inLanes, type Life, openLives } from "./lives.js";

/** What an agent does, one effect after the other or all at once, with business keys or without. */
type Scenario = { readonly effects: readonly Effect[]; readonly together: boolean; readonly key: boolean };
type Effect = { readonly name: string; readonly class: string; readonly onAmbiguous?: string };
/** When the worker is killed: at one of its writes, or by the other side before or after it has counted the call. */
type Kill =
  | { readonly by: "itself"; readonly at: number; readonly how: "before" | "within" }
  | { readonly by: "server"; readonly name: string; readonly when: "not counted" | "counted" };
type Case = { readonly scenario: Scenario; readonly kill: Kill };

const NAMES = ["one", "two", "three"];
const kinds: readonly Omit<Effect, "name">[] = [
  { class: "pure" },
  { class: "idempotent" },
  ...["rerun", "skip", "fail"].map((onAmbiguous) => ({ class: "guarded", onAmbiguous })),
];
const scenarios: readonly Scenario[] = kinds.flatMap((kind) =>
  [false, true].flatMap((together) =>
    [false, true].map((key) => ({ effects: NAMES.map((name) => ({ name, ...kind })), together, key })),
  ),
);

const { endure, boundariesOf } = openLives();

/** Counts calls by name, and the keys they came with; answers each with a receipt. */
const countingServer = async (kill: Kill | undefined, victim: () => number) => {
  const calls: Record<string, string[]> = {};
  let isStruck = false;
  const strike = (name: string, when: "not counted" | "counted"): boolean => {
    if (isStruck || kill?.by !== "server" || kill.name !== name || kill.when !== when) return false;
    isStruck = true;
    process.kill(victim(), "SIGKILL");
    return true;
  };
  const server = createServer((request: IncomingMessage, response) => {
    const name = request.url?.slice(1) ?? "";
    const known = calls[name] ?? [];
    calls[name] = known;
    if (request.method === "GET") return void response.end(JSON.stringify({ calls: known.length }));
    if (strike(name, "not counted")) return void response.destroy();
    known.push(String(request.headers["idempotency-key"]));
    if (strike(name, "counted")) return void response.destroy();
    response.end(JSON.stringify({ receipt: `${name} ${known.length}` }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    calls,
    address: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
};

type Told = { readonly type: string; readonly payload: Readonly<Record<string, unknown>> };
type Lived = { readonly status: string; readonly told: readonly Told[] };
type Result = { readonly calls: Readonly<Record<string, readonly string[]>>; readonly lived: Lived };

/** What `work` does with a worker and the other side that it calls. */
const withServer = async <T>(
  scenario: Scenario,
  kill: Kill | undefined,
  work: (life: Life, calls: Result["calls"]) => Promise<T>,
): Promise<T> => {
  let pid = 0;
  const server = await countingServer(kill, () => pid);
  const begun = (started: number): void => {
    pid = started;
  };
  try {
    const argv = [JSON.stringify(scenario), server.address];
    return await work({ worker: "effect-worker.mjs", argv, begun }, server.calls);
  } finally {
    await server.close();
  }
};

/** One worker is killed, the next one goes on to the end. */
const endured = ({ scenario, kill }: Case): Promise<Result & { readonly wasKilled: boolean }> =>
  withServer(scenario, kill, async (life, calls) => {
    const boundaries = kill.by === "itself" ? { phase: PHASE, act: ACT, ...kill } : undefined;
    const { ended, wasKilled } = await endure(
      { ...life, boundaries },
      (said): Lived => JSON.parse(said) as Lived,
    );
    return { calls, lived: ended, wasKilled };
  });

/** The part of a run in which its agent is at work, and what of it changes the journal. */
const [PHASE, ACT] = ["step started", "sql"];

const killsOf = async (scenario: Scenario): Promise<readonly Kill[]> => {
  const boundaries = await withServer(scenario, undefined, boundariesOf);
  const writes = boundaries.filter(({ act, phase }) => phase === PHASE && act.startsWith(ACT));
  return [
    ...writes.flatMap((_, index) =>
      (["before", "within"] as const).map((how) => ({ by: "itself", at: index + 1, how }) as const),
    ),
    ...NAMES.flatMap((name) =>
      (["not counted", "counted"] as const).map((when) => ({ by: "server", name, when }) as const),
    ),
  ];
};

/** What is not as it was promised. */
const faultsOf = ({ scenario, kill }: Case, { calls, lived }: Result): string[] => {
  const receipts = JSON.parse(
    String(lived.told.find(({ type }) => type === "step_result_proposed")?.payload.result ?? "[]"),
  ) as ({ receipt: string } | null)[];
  const faults = lived.status === "run_completed" ? [] : [`it ended with ${lived.status}`];
  for (const [index, effect] of scenario.effects.entries()) {
    const keys = calls[effect.name] ?? [];
    const blame = (fault: string): void =>
      void faults.push(`${effect.name}: ${fault} (${keys.length} calls)`);
    if (new Set(keys).size > 1) blame("it came with several keys");
    const receipt = receipts[index]?.receipt;
    if (receipt !== undefined && receipt !== `${effect.name} ${keys.length}` && effect.onAmbiguous !== "skip")
      blame(`its receipt is ${receipt}`);
    const mayBeAgain = effect.class !== "guarded" || effect.onAmbiguous === "rerun";
    if (keys.length > (mayBeAgain ? 2 : 1)) blame("it happened again");
    // Skipped without a word is what this one asked for.
    if (keys.length === 0 && effect.onAmbiguous !== "skip") blame("it never happened");
    // Those that go together are under way together, whichever of them the other side heard of.
    const isInDoubt = kill.by === "server" && (scenario.together || kill.name === effect.name);
    if (keys.length === 0 && kill.by === "server" && !isInDoubt)
      blame("it never happened, and nobody was killed there");
  }
  return faults.map(
    (fault) => `${JSON.stringify({ ...scenario, effects: scenario.effects[0], kill })}: ${fault}`,
  );
};

describe(`kill -9 of a worker whose agent does effects (seed ${sweepSeed})`, () => {
  it(
    "at every write and on both sides of every call: each happens once for its key, or it is asked about",
    async () => {
      const cases: Case[] = [];
      for (const scenario of sliceOf(scenarios, sweepSize(scenarios.length, 4)))
        for (const kill of await killsOf(scenario)) cases.push({ scenario, kill });
      const struck = sliceOf(cases, sweepSize(cases.length, 12));
      const faults: string[] = [];
      let kills = 0;
      await inLanes(struck, async (one) => {
        const result = await endured(one);
        kills += result.wasKilled ? 1 : 0;
        faults.push(...faultsOf(one, result));
      });
      figure("effects", struck.length, faults.length, `effects (${kills} kills)`);
      expect(faults).toEqual([]);
      expect(kills).toBeGreaterThan(struck.length / 2);
      if (wholeSweeps) expect(struck.length).toBeGreaterThanOrEqual(600);
    },
    SWEEP_MS,
  );
});
