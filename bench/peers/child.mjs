// One peer in a process of its own: what is told from outside (memory, start, syncs, a kill) is its alone.
// Usage, forked: child.mjs PEER MODE PLACE COUNT, with PLACE a folder or, for a server, the address of a database.
import { percentile } from "../measure.mjs";

const [peer, mode, place, given] = process.argv.slice(2);
const count = Number(given);
const RUNS_AT_ONCE = 100;
const EACH = 10;
const FIVE = 5;
const VALUE = "v".repeat(200);

const begun = new Map();
const ended = new Map();
const taken = [];
const origin = process.hrtime.bigint();
let last = origin;
/** The effect that nobody comes back from; in a life after a kill it is what is waited for. */
const fatal = mode === "seed" || mode === "resume" ? count : -1;

/** Of many runs at once: nobody begins before everybody is there, so that what is timed is their effects alone. */
let gate;
const meeting = (size) => {
  const here = [];
  let open;
  const all = new Promise((resolve) => {
    open = resolve;
  });
  return async (id) => {
    here.push(id);
    if (here.length === size) open();
    await all;
  };
};

/** What every workflow of every peer calls, so that all do the same. */
const watch = {
  begin: async (id) => {
    await gate?.(id);
    last = process.hrtime.bigint();
    if (!begun.has(id)) begun.set(id, last);
  },
  effect: (at) => {
    const now = process.hrtime.bigint();
    taken.push(Number(now - last) / 1e3);
    last = now;
    if (at !== fatal) return VALUE;
    process.send({ reached: true, repeated: taken.length - 1 });
    return new Promise(() => undefined);
  },
  end: (id) => ended.set(id, process.hrtime.bigint()),
};

const { open } = await import(`./drivers/${peer}.mjs`);
const app = await open(place, watch);
process.send({ ready: true });

const inside = (id) => Number(ended.get(id) - begun.get(id)) / 1e6;
const whole = async (id, effects) => {
  const from = process.hrtime.bigint();
  await app.run(id, effects);
  return Number(process.hrtime.bigint() - from) / 1e6;
};

if (mode === "some") await app.run("some", count);
else if (mode === "seed") await app.run("seed", count + 1);
else if (mode === "resume") await app.resume("seed", count + 1);
else if (mode === "long") {
  await app.run("warm", 50);
  const fives = { inside: [], whole: [] };
  for (let at = 0; at < 5; at += 1) {
    fives.whole.push(await whole(`five-${at}`, FIVE));
    fives.inside.push(inside(`five-${at}`));
  }
  taken.length = 0;
  const all = await whole("long", count);
  // The first one waits for nothing before it.
  const each = taken.slice(1);
  const middle = (list) => percentile(list, 0.5);
  process.send({
    effectUs: middle(each),
    effectP99Us: percentile(each, 0.99),
    perEffectUs: (inside("long") * 1e3) / count,
    longMs: all,
    fiveMs: middle(fives.inside),
    fiveWholeMs: middle(fives.whole),
    memoryMb: process.resourceUsage().maxRSS / 1_024,
  });
} else if (mode === "many" || mode === "grouped") {
  const ids = (turn) => Array.from({ length: RUNS_AT_ONCE }, (_, at) => `many-${turn}-${at}`);
  const together = async (turn) => {
    gate = mode === "many" && peer !== "bare" ? meeting(RUNS_AT_ONCE) : undefined;
    const from = process.hrtime.bigint();
    await (mode === "grouped"
      ? app.grouped(ids(turn), EACH)
      : Promise.all(ids(turn).map((id) => app.run(id, EACH))));
    return Number(process.hrtime.bigint() - from) / 1e6;
  };
  await together("warm");
  const wholeMs = await together("timed");
  const times = (of) => ids("timed").map((id) => Number(of.get(id) - origin) / 1e6);
  const insideMs = Math.max(...times(ended)) - Math.min(...times(begun));
  const perSecond = (ms) => (RUNS_AT_ONCE * EACH * 1e3) / ms;
  process.send({
    manyPerSecond: perSecond(insideMs),
    manyWholePerSecond: perSecond(wholeMs),
    manyMemoryMb: process.resourceUsage().maxRSS / 1_024,
  });
}
await app.close();
process.disconnect();
