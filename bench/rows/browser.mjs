// The run browser as people use it: the bundled command at a terminal of its own (util-linux `script`), in a ledger of 10,000
// runs and 100,000 events and one run of 100,000 more. A key is pressed when the last one was answered; a frame is there when
// the terminal is told that it is whole.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openRunLedger } from "runledger";
import { fillRun, fillRuns } from "../fill.mjs";
import { environmentIn, inFolder } from "../ledgers.mjs";
import { median, percentile, row } from "../measure.mjs";

const cli = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

const RUNS = 10_000;
const EVENTS_PER_RUN = 10;
const LONG = "run_ffffffffffffffffffffffffffffffff";
const LONG_EVENTS = 100_000;
/** A frame that comes later is felt (docs/browser.md). */
const FRAME_MS = 50;
const KEYS = Number(process.env.RUNLEDGER_BENCH_KEYS ?? 400);
const MANY_KEYS = Number(process.env.RUNLEDGER_BENCH_MANY_KEYS ?? 5_000);
/** A frame that came by itself may have been taken for a key's; then that key has none, and is not counted. */
const LOST_MS = 3_000;
const LOST_SHARE_MAX = 0.1;
const REST_MS = 10_000;
const FRAME_IS_WHOLE = "\u001b[?2026l";

export const rows = () => inFolder(all);

async function* all(place) {
  try {
    execFileSync("script", ["--version"]);
  } catch {
    console.log("There is no `script` (util-linux) here, which gives the browser its terminal.");
    return;
  }
  const env = { ...environmentIn(place), TERM: "xterm-256color" };
  await writeFile(join(place, "runledger.yaml"), "");
  await fill(place, env);
  const keys = ["j", "j", "\u001b[6~", "k", "G", "k", "g", "\u001b[6~", "\u001b[6~", "k"];
  for (const [columns, lines] of [
    [80, 24],
    [200, 60],
  ]) {
    const size = `${columns}×${lines}`;
    yield* await timed(`list of 10,000 runs at ${size}`, await open(place, env, columns, lines), keys);
    const journal = await open(place, env, columns, lines, LONG);
    await journal.press("e");
    await journal.press("g");
    yield* await timed(`journal of 100,000 events at ${size}`, journal, keys);
  }
  yield* await overTime(await open(place, env, 80, 24));
}

const fill = async (place, env) => {
  const app = await openRunLedger({ projectDir: place, env });
  const { store } = app.ledger;
  await fillRuns(store, { runs: RUNS, eventsPerRun: EVENTS_PER_RUN, bytes: 100 });
  await fillRun(store, LONG, LONG_EVENTS, { bytes: 100, tail: 0 });
  await app.close();
};

/** The browser at a terminal of that size, with its first frame drawn. */
const open = async (place, env, columns, lines, ...more) => {
  const pidFile = join(place, "pid");
  const command = `stty cols ${columns} rows ${lines}; echo $$ > ${pidFile}; exec node ${cli} tui ${more.join(" ")}`;
  const child = spawn("script", ["-qfec", command, "/dev/null"], {
    cwd: place,
    env,
    stdio: ["pipe", "pipe", "ignore"],
  });
  let whole = () => undefined;
  child.stdout.on("data", (chunk) => {
    if (chunk.includes(FRAME_IS_WHOLE)) whole();
  });
  const frame = () =>
    new Promise((resolve) => {
      whole = resolve;
    });
  // A key that changes nothing has no frame; none of those that are pressed here is one.
  const press = async (key) => {
    const drawn = frame();
    const from = process.hrtime.bigint();
    child.stdin.write(key);
    const lost = await Promise.race([drawn, sleep(LOST_MS, true, { ref: false })]);
    return lost ? undefined : Number(process.hrtime.bigint() - from) / 1e6;
  };
  await frame();
  await sleep(1_500);
  const pid = Number(await readFile(pidFile, "utf8"));
  return {
    press,
    /** Bytes in memory. */
    memory: async () =>
      Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))[1]) * 1_024,
    /** Milliseconds of processor time so far. */
    processor: async () => {
      const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1].split(" ");
      return (Number(fields[11]) + Number(fields[12])) * 10;
    },
    close: async () => {
      child.stdin.write("\u0003");
      await once(child, "exit");
    },
  };
};

async function* timed(name, browser, keys) {
  const times = [];
  const before = await browser.processor();
  for (let at = 0; at < KEYS; at += 1) times.push(await browser.press(keys[at % keys.length]));
  const spent = ((await browser.processor()) - before) / KEYS;
  await browser.close();
  const seen = times.filter((time) => time !== undefined);
  if (seen.length < KEYS * (1 - LOST_SHARE_MAX))
    throw new Error(`${KEYS - seen.length} keys of ${KEYS} drew nothing.`);
  const over = (what, ours) =>
    row({
      name: `key to frame, ${name}, ${what}, over 50 ms`,
      ratio: ours / FRAME_MS,
      ours,
      floor: FRAME_MS,
      unit: "ms",
      aim: { max: 1 },
    });
  yield over("median", median(seen));
  yield over("p95", percentile(seen, 0.95));
  // Beside others at work only this tells what a key costs.
  yield over("processor time", spent);
}

async function* overTime(browser) {
  const before = await browser.processor();
  await sleep(REST_MS);
  const rest = (await browser.processor()) - before;
  yield row({
    name: "browser at rest: processor time of 10 s, over 100 ms (1 %)",
    ratio: rest / 100,
    ours: rest,
    floor: 100,
    unit: "ms",
    aim: { max: 1 },
  });
  const keys = ["j", "\u001b[6~", "k", "\u001b[6~", "G", "k", "g", "\u001b[6~"];
  for (let at = 0; at < MANY_KEYS / 5; at += 1) await browser.press(keys[at % keys.length]);
  const early = await browser.memory();
  for (let at = 0; at < MANY_KEYS; at += 1) await browser.press(keys[at % keys.length]);
  const late = await browser.memory();
  await browser.close();
  yield row({
    name: `browser after ${MANY_KEYS} keys more, memory`,
    ratio: late / early,
    ours: late / 1e6,
    floor: early / 1e6,
    unit: "MB",
    aim: { max: 1.2 },
  });
}
