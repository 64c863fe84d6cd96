import { openStore } from "../../../src/stores/open.js";
import { randomFrom } from "../../helpers/sweep.js";
import { type Actor, personOn, workerOn } from "./actors.js";
import { brokenIn } from "./checker.js";
import { type Plant, storeOf, virtualLeases, type Weather, type World } from "./world.js";

const WORKERS = 3;
const TURNS = 1_000;
const HOUR_MS = 3_600_000;
const BEGAN_MS = Date.parse("2026-01-02T03:04:05.000Z");

export type Simulated = {
  readonly broken: readonly string[];
  readonly events: number;
  readonly ended: number;
};

/**
 * Several workers and two people over one store, one at a time: whose call goes through next is drawn, and so is who dies and is
 * started again, how the clocks jump and which answers are lost. The same for the same seed.
 */
export const simulate = async (seed: number, plant: Plant = {}): Promise<Simulated> => {
  const draw = randomFrom(seed);
  const weather: Weather = {
    refused: draw() * 0.1,
    unanswered: draw() * 0.15,
    crash: draw() * 0.03,
    jump: draw() * 0.05,
  };
  const waiting = new Map<number, () => void>();
  const lives = new Set<number>();
  let failure: unknown;
  const world: World = {
    seen: { epochs: new Map(), claims: [], acknowledged: [], notes: new Map(), calls: new Map() },
    ...{ plant, weather, draw, nowMs: BEGAN_MS, leaseMs: BEGAN_MS },
    turn: (actor) => new Promise((resolve) => void (lives.has(actor) && waiting.set(actor, resolve))),
  };
  const inner = await openStore(":memory:");
  const leases = virtualLeases(world);
  let born = 0;
  const begin = (kind: "worker" | "person"): void => {
    born += 1;
    const store = storeOf(inner, leases, world, born);
    const actor: Actor =
      kind === "worker" ? workerOn(store, world, `w${born}`) : personOn(store, world, born);
    lives.add(born);
    kinds.set(born, kind);
    actor.live().catch((error: unknown) => {
      failure ??= error;
    });
  };
  const kinds = new Map<number, "worker" | "person">();
  begin("person");
  begin("person");
  for (let worker = 0; worker < WORKERS; worker += 1) begin("worker");
  for (let turn = 0; turn < TURNS && failure === undefined; turn += 1) {
    await untilAllWait(lives, waiting, () => failure !== undefined);
    const all = [...waiting.keys()].sort((a, b) => a - b);
    // People think longer than programs.
    const busy = draw() < 0.7 ? all.filter((actor) => kinds.get(actor) === "worker") : all;
    const chosen = busy[Math.floor(draw() * busy.length)] ?? 0;
    const go = waiting.get(chosen);
    waiting.delete(chosen);
    world.nowMs += 1_000;
    world.leaseMs += 1_000;
    if (draw() < weather.jump) world.nowMs += (draw() - 0.3) * 5 * HOUR_MS;
    if (draw() < weather.jump) world.leaseMs += (draw() - 0.3) * HOUR_MS;
    if (draw() < weather.crash) {
      lives.delete(chosen);
      begin(kinds.get(chosen) ?? "worker");
    } else go?.();
  }
  if (failure !== undefined) throw failure;
  await untilAllWait(lives, waiting, () => failure !== undefined);
  lives.clear();
  const rows = await inner.feed(0, 100_000);
  await inner.close();
  const ended = rows.filter(({ type }) => type === "run_completed" || type === "run_failed").length;
  return { broken: brokenIn(rows, world.seen), events: rows.length, ended };
};

/** Nobody is under way but the store, which answers by itself. */
const untilAllWait = async (
  lives: ReadonlySet<number>,
  waiting: ReadonlyMap<number, unknown>,
  isOver: () => boolean,
): Promise<void> => {
  while ([...lives].some((life) => !waiting.has(life)) && !isOver())
    await new Promise((resolve) => void setImmediate(resolve));
};
