// A process whose clock is put forward and back while it works: does what its first argument names, with jumps of so many milliseconds,
// and says what came of each as JSON.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { openRunLedger, type RunLedger, verifyAt } from "../../../src/index.js";
import { type HeldLease, holdLease } from "../../../src/ledger/lease.js";
import { ownerOfThisProcess, processIdentity } from "../../../src/ledger/owner.js";
import { openStore } from "../../../src/stores/open.js";
import type { Store } from "../../../src/stores/store.js";
import { batchOf } from "../../stores/batches.js";
import { putClock } from "./clock.js";

const [what = "", place = "", jumpsText = "[]"] = process.argv.slice(2);
const jumps = JSON.parse(jumpsText) as readonly number[];
const put = (aheadMs: number): void => putClock(process.env.TEST_CLOCK ?? "", aheadMs);

const RUN = "run_1";
const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
/** Beats come every third of it. */
const TTL_MS = 300;
const LOOKS_MAX = 500;

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    ({ code }) => String(code),
  );

/** Until its holder has renewed it by the new clock, or lost it. */
const afterBeat = async (store: Store, lease: HeldLease): Promise<boolean> => {
  for (let looks = 0; looks < LOOKS_MAX && !lease.lost.aborted; looks += 1) {
    if ((await store.leaseOf(RUN))?.live === true) return true;
    await delay(TTL_MS / 30);
  }
  return false;
};

/** A holder that lives: what it writes right after the jump, and whether it keeps its run. */
const holder = async (store: Store, jump: number, seq: number) => {
  const lease = await holdLease(store, RUN, TTL_MS);
  if (lease === undefined) return { jump, claimed: false };
  put(jump);
  const { epoch } = lease;
  const written = await codeOf(store.append(batchOf(RUN, seq, { epoch })));
  const kept = await afterBeat(store, lease);
  const other = await holdLease(store, RUN, TTL_MS);
  await lease.release();
  return { jump, written, kept, lost: lease.lost.aborted, other: other?.epoch ?? null };
};

/** A holder that is killed before the clock jumps. */
const dead = async (store: Store, jump: number) => {
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  await once(child, "spawn");
  const [, host] = /^(.+):\d+:\d+$/.exec(ownerOfThisProcess()) ?? [];
  const { pid, startTime } = processIdentity(child.pid ?? 0) ?? { pid: 0, startTime: 0 };
  const owner = `${host}:${pid}:${startTime}`;
  await store.claim({ runId: RUN, owner, ttlMs: HOUR_MS });
  const before = await holdLease(store, RUN, TTL_MS);
  child.kill("SIGKILL");
  await once(child, "exit");
  put(jump);
  const lease = await holdLease(store, RUN, TTL_MS);
  const isFromIt = lease?.takenFrom?.owner === owner;
  await lease?.release();
  return { jump, before: before?.epoch ?? null, isFromIt };
};

/** A holder of whom nobody here can know whether it lives. */
const elsewhere = async (store: Store, jump: number) => {
  await store.claim({ runId: RUN, owner: "another-host:1:1", ttlMs: HOUR_MS });
  put(jump);
  const lease = await holdLease(store, RUN, TTL_MS);
  const taken = lease !== undefined;
  await lease?.release();
  const left = await store.leaseOf(RUN);
  if (left !== undefined) await store.release(left);
  return { jump, taken };
};

/** A holder of whom nobody here can know, and that died after its first beat by the new clock. */
const beaten = async (store: Store, jump: number) => {
  const claimed = await store.claim({ runId: RUN, owner: "another-host:1:1", ttlMs: HOUR_MS });
  put(jump);
  if (claimed !== undefined) await store.renew(claimed, HOUR_MS);
  const early = await holdLease(store, RUN, TTL_MS);
  await early?.release();
  put(jump + HOUR_MS);
  const lease = await holdLease(store, RUN, TTL_MS);
  await lease?.release();
  const left = await store.leaseOf(RUN);
  if (left !== undefined) await store.release(left);
  return { jump, early: early !== undefined, taken: lease !== undefined };
};

const leases = (scene: (store: Store, jump: number, seq: number) => Promise<object>) => async () => {
  const store = await openStore(join(place, "ledger"));
  await store.append(batchOf(RUN, 0));
  const seen: object[] = [];
  for (const [index, jump] of jumps.entries()) {
    put(0);
    seen.push(await scene(store, jump, index + 1));
  }
  put(0);
  await store.close();
  return seen;
};

const PLAN = {
  goal: "Charge and wait",
  steps: ["a", "b"].map((id) => ({
    ...{ id, goal: "Charge and wait", owner_agent: "coder", max_retries: 0 },
    validator: { type: "command_pass", target: "true" },
  })),
};

type Told = { readonly seq: number; readonly type: string; readonly at: string; readonly payload: object };

/** A whole run, with the next jump after each of its events; then the clock goes on far ahead until it has ended. */
const life = async (app: RunLedger, jump: () => void, calls: string[]) => {
  const ada = app.issue({ name: "ada", role: "human", sessionKey: "clock" });
  const { runId } = await app.createRun(ada, { plan: PLAN, sessionKey: "clock", originalRequest: "please" });
  const stop = app.ledger.observe(jump);
  const worker = app.worker({ maxRuns: 1, onTrouble: (_, error) => void calls.push(String(error)) });
  const never = new AbortController().signal;
  for (let drains = 0; drains < 6; drains += 1) await worker.drain(never);
  stop();
  for (let drains = 1; drains <= 6; drains += 1) {
    put(20 * drains * YEAR_MS);
    await worker.drain(never);
  }
  put(0);
  const told: Told[] = (await app.ledger.events(runId, 0, 1_000)).map(({ seq, type, at, payload }) => ({
    ...{ seq, type, at, payload },
  }));
  return { runId, told };
};

const lives = async () => {
  let at = 0;
  const jump = (): void => {
    put(jumps[at % jumps.length] ?? 0);
    at += 1;
  };
  const calls: string[] = [];
  const projectDir = join(place, "repo");
  const app = await openRunLedger({
    projectDir,
    agents: {
      coder: async ({ stepId }, effects) => {
        const charge = (name: string) =>
          effects.effect(name, { class: "guarded", onAmbiguous: "fail" }, () => {
            jump();
            calls.push(`${stepId} ${name}`);
            return name;
          });
        await charge("first");
        await effects.sleep("1h");
        await charge("second");
        return "done";
      },
    },
  });
  const lived = await life(app, jump, calls);
  const [listed] = await app.list({ limit: 1 });
  await app.close();
  const { flaws } = await verifyAt({ projectDir });
  return { ...lived, calls, jumps: at, status: listed?.status, flaws };
};

const scenes: Readonly<Record<string, () => Promise<unknown>>> = {
  holder: leases(holder),
  dead: leases(dead),
  elsewhere: leases(elsewhere),
  beaten: leases(beaten),
  lives,
};
process.stdout.write(JSON.stringify(await scenes[what]?.()));
