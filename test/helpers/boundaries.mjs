import childProcess from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import Database from "better-sqlite3";

/**
 * Loaded before an orchestrator (`node --import`), which knows nothing of it: counts its acts on the outside world, and
 * either writes down what they are (`trace`) or ends something at the one with the number `at` among those of a phase, of
 * a kind of act, or of all.
 *
 * `how`: "before", itself just before the act; "within", itself when the act has begun; "together", the same with the git
 * processes it has started; "child", the git process that this act starts; "signal", itself in a friendly way.
 */
const wanted = JSON.parse(process.env.TEST_BOUNDARIES ?? "{}");
const { trace, at, how, delayMs = 0, signal, mark } = wanted;
const { appendFileSync, writeFileSync } = fs;

let count = 0;
let countWanted = 0;
let inside = false;

/** Performs an act as one that is counted; what node calls to perform it is part of it. */
const counted = (act, perform) => {
  if (inside) return perform();
  inside = true;
  try {
    count += 1;
    const isWanted = (wanted.phase ?? phase()) === phase() && act.startsWith(wanted.act ?? "");
    if (isWanted) countWanted += 1;
    if (trace !== undefined)
      appendFileSync(trace, `${JSON.stringify({ number: count, act, phase: phase() })}\n`);
    return isWanted && countWanted === at ? struck[how](act, perform) : perform();
  } finally {
    inside = false;
  }
};

const note = (act) => writeFileSync(mark, JSON.stringify({ number: count, act, phase: phase() }));

const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

const die = (pid) => {
  process.kill(pid, "SIGKILL");
  sleep(60_000);
};

const struck = {
  before: (act) => {
    note(act);
    die(process.pid);
  },
  within: (act, perform) => {
    note(act);
    perform();
    sleep(delayMs);
    die(process.pid);
  },
  together: (act, perform) => {
    note(act);
    perform();
    sleep(delayMs);
    die(0);
  },
  child: (act, perform) => {
    note(act);
    const child = perform();
    sleep(delayMs);
    child.kill("SIGKILL");
    return child;
  },
  signal: (act, perform) => {
    note(act);
    process.kill(process.pid, signal);
    return perform();
  },
};

/** Which part of a run this is, told by the last event on the disk and by what was made since. */
const since = { event: "", agents: 0, agent: "", judge: "", room: false, leased: false };

const phase = () => {
  const { event, agent, agents, judge, room, leased } = since;
  if (event === "") return "run being made";
  if (event === "run_completed") return leased ? "run completing" : "run completed";
  if (judge !== "") return judge === "running" ? "validator running" : "judged";
  if (agents > 0) return "agent running";
  if (room) return "room built";
  if (agent === "ended") return "being captured";
  return AFTER[event] ?? event;
};

/** A verdict that passed moves the head: both are the same event. */
const AFTER = {
  plan_attached: "workspace being made",
  step_started: "step started",
  step_result_proposed: "captured",
  step_validation_passed: "verdict written, head moved",
  step_validation_failed: "verdict written",
};

const learnSql = (source, args) => {
  if (/^\s*insert into "?leases"?/i.test(source)) since.leased = true;
  if (/^\s*update "?leases"? set "?owner"?/i.test(source)) since.leased = false;
  if (/^\s*insert into "?events"?/i.test(source)) since.written = typeIn(args);
  if (!/^\s*commit/i.test(source) || since.written === undefined) return;
  Object.assign(since, { event: since.written, written: undefined });
  if (since.event === "step_result_proposed") since.agent = "";
  if (/validation|criterion|run_completed/.test(since.event))
    Object.assign(since, { judge: "", room: false });
};
/** Bound by place or by name. */
const typeIn = (args) =>
  args
    .flatMap((arg) => (typeof arg === "object" && arg !== null ? Object.values(arg) : [arg]))
    .find((value) => EVENT.test(value));
const EVENT = /^(run|plan|step|policy|criterion|worker)_[a-z_]+$/;

/** A path without the parts that differ from run to run. */
const kindOf = (path) =>
  String(path)
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID")
    .replace(/run_[0-9a-f]+/g, "RUN")
    .replace(/[0-9a-f]{40,64}/g, "HASH")
    .replace(/(draft|scratch|store|runledger-trial)-[^/]*/g, "$1-")
    .split("/")
    .slice(-3)
    .join("/");

const patch = (object, name, labelOf) => {
  const original = object[name];
  if (typeof original !== "function") return;
  object[name] = function (...args) {
    return counted(labelOf(args), () => original.apply(this, args));
  };
};

const WRITES = (
  "appendFile chmod copyFile cp ftruncate link mkdir mkdtemp rename rm rmdir symlink truncate unlink utimes write " +
  "writeFile writev"
).split(" ");
for (const name of WRITES) {
  const labelOf = ([where]) => {
    // Laid out long before, it is furnished when somebody is to be judged in it.
    if (name === "mkdir" && /\/runledger-\d+\/[^/]+\/scratch$/.test(String(where))) since.room = true;
    return typeof where === "string" ? `${name} ${kindOf(where)}` : name;
  };
  patch(fs.promises, name, labelOf);
  patch(fs, name, labelOf);
  patch(fs, `${name}Sync`, labelOf);
}
const handle = await fs.promises.open("/dev/null");
for (const name of ["appendFile", "sync", "truncate", "write", "writeFile"])
  patch(Object.getPrototypeOf(handle), name, () => `handle ${name}`);
await handle.close();

const { spawn } = childProcess;
childProcess.spawn = function (program, ...rest) {
  const { env = {} } = rest.at(-1) ?? {};
  const role =
    env.RUNLEDGER_PROCESS === undefined ? "git" : env.RUNLEDGER_STEP_ID === undefined ? "judge" : "agent";
  const words = Array.isArray(rest[0]) ? rest[0] : [];
  const act = role === "git" ? `git ${words.find((word) => /^[a-z][a-z-]+$/.test(word))}` : role;
  const child = counted(`start ${act}`, () => spawn.call(this, program, ...rest));
  if (role === "judge") since.judge = "running";
  if (role === "agent") since.agents += 1;
  child.prependOnceListener("exit", () => {
    if (role === "judge") since.judge = "ended";
    if (role === "agent") Object.assign(since, { agents: since.agents - 1, agent: "ended" });
    counted(`end of ${act}`, () => undefined);
  });
  return child;
};

const CHANGES =
  /^\s*(begin|commit|insert|update|delete|create|alter|drop|pragma (\w+ = |incremental_vacuum|wal_checkpoint))/i;
const memory = new Database(":memory:");
const statements = Object.getPrototypeOf(memory.prepare("SELECT 1"));
memory.close();
for (const name of ["run", "get", "all"]) {
  const original = statements[name];
  statements[name] = function (...args) {
    const { source } = this;
    if (!CHANGES.test(source)) return original.apply(this, args);
    const act = `sql ${source
      .trim()
      .split(/[\s(]+/)
      .slice(0, 3)
      .join(" ")}`
      .replaceAll('"', "")
      .toLowerCase();
    const done = counted(act, () => original.apply(this, args));
    learnSql(source, args);
    return done;
  };
}

syncBuiltinESMExports();
