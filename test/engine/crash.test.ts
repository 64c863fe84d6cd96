import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { StoredEvent } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "../helpers/bench.js";
import { buildPackage } from "../helpers/built.js";
import { eventsOf, eventually, lives, pidIn, placesOf, untilFile } from "../helpers/driving.js";
import type { Sample } from "../helpers/project.js";

let built: ReturnType<typeof buildPackage>;
beforeAll(() => {
  built = buildPackage();
});
afterAll(() => built.remove());

const started: ChildProcess[] = [];
const strays: string[] = [];
afterEach(async () => {
  for (const child of started.splice(0)) await kill(child);
  for (const file of strays.splice(0)) if (lives(pidIn(file))) process.kill(pidIn(file), "SIGKILL");
});

const kill = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
};

/** A shell line that says where it runs, and then waits until the file is there. */
const waiting = (shop: Sample, name: string, until: string): string =>
  `echo $$ > ${join(shop.place, name)}; ${untilFile(join(shop.place, until))}`;

/** A project, and its ledger's program as processes of their own. */
type Parts = {
  readonly agent: string;
  readonly settings?: string;
  readonly judge: string;
  /** Of the step. */
  readonly over?: object;
};

const projectOf = async (parts: (shop: Sample) => Parts) => {
  const shop = await sample({ "a.txt": "1\n" });
  const { agent, settings = "", judge, over = {} } = parts(shop);
  await shop.write({
    "agent.sh": `#!/bin/sh\nset -e\n${agent}\n`,
    // Judges say outside of their rooms where they are, which walls would not let them.
    "runledger.yaml": `agents:\n  coder: { kind: command, run: [./agent.sh] }\nisolation: { maximum: 1 }\n${settings}`,
    "plan.json": JSON.stringify(planOfSteps(stepBy("a", judge, { timeout: "5m", ...over }))),
  });
  shop.commit("the project's own files");
  const tmp = join(shop.place, "tmp");
  await mkdir(tmp);
  const env = { ...shop.env, TMPDIR: tmp };
  const start = (...argv: string[]): ChildProcess => {
    const child = spawn(process.execPath, [built.bin, ...argv], { cwd: shop.repo, env, stdio: "ignore" });
    started.push(child);
    return child;
  };
  const type = (...argv: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        [built.bin, ...argv],
        { cwd: shop.repo, env },
        (_error, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
      );
    });
  /** Everything of ours that is left on the machine, but for the data. */
  const leftOver = async () => {
    const app = await shop.open();
    const roots = await Promise.all((await readdir(tmp)).map((root) => readdir(join(tmp, root))));
    const workspaces = await readdir(join(shop.place, "state", "runledger", "workspaces"));
    return { places: await placesOf(app), rooms: roots.flat(), workspaces };
  };
  const journal = async () => {
    const app = await shop.open();
    const [row] = await app.ledger.list({ limit: 1 });
    const events = await eventsOf(app, row?.runId ?? "");
    return { run: await app.ledger.load(row?.runId ?? ""), events, types: events.map(({ type }) => type) };
  };
  const marker = (name: string): string => {
    strays.push(join(shop.place, name));
    return join(shop.place, name);
  };
  return { shop, start, type, leftOver, journal, marker };
};

const nothing = { places: [], rooms: [], workspaces: [] };

describe("kill -9 of an export", () => {
  /** Loaded into it: it is gone before the file that it wrote has its name. */
  const KILLS = `import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
const { rename } = fs;
fs.rename = async (from, to) =>
  from.endsWith(".unfinished") ? process.kill(process.pid, "SIGKILL") : rename(from, to);
syncBuiltinESMExports();
`;

  it.each([
    ["gc", ["gc"]],
    ["the next export", ["export", "last", "-o", "out/next.jsonl"]],
    ["whoever drives a run", ["run", "plan.json"]],
  ])(
    "leaves a file with the run's key, which %s removes; doctor counts it until then",
    async (_who, next) => {
      const { shop, type } = await projectOf(() => ({
        agent: "echo done > a.txt",
        judge: "true",
        settings: "durable: { encryption: true }\n",
      }));
      expect(await type("run", "plan.json")).toMatchObject({ code: 0 });
      await mkdir(join(shop.repo, "out"));
      await writeFile(join(shop.place, "kills.mjs"), KILLS);
      const { signal } = spawnSync(
        process.execPath,
        ["--import", join(shop.place, "kills.mjs"), built.bin, "export", "last", "-o", "out/run.jsonl"],
        { cwd: shop.repo, env: { ...shop.env, TMPDIR: join(shop.place, "tmp") } },
      );
      expect(signal).toBe("SIGKILL");
      const [left = ""] = await readdir(join(shop.repo, "out"));
      expect(left).toMatch(/^\.runledger-.*\.unfinished$/);
      expect(await readFile(join(shop.repo, "out", left), "utf8")).toMatch(/"key":"[\w+/=]{40,}"/);
      expect((await type("doctor")).out).toMatch(/leftovers +1 /);
      expect(JSON.parse((await type("gc", "--dry-run", "--json")).out)).toMatchObject({ drafts: 1 });
      expect(await readdir(join(shop.repo, "out"))).toContain(left);
      expect(await type(...next)).toMatchObject({ code: 0 });
      expect(await readdir(join(shop.repo, "out"))).not.toContain(left);
      expect(await placesOf(await shop.open())).toEqual([]);
    },
  );
});

describe("kill -9 of the orchestrator", () => {
  it("while an agent works: the same attempt goes on in the same folder, and nothing is left over", async () => {
    const { shop, start, type, leftOver, journal, marker } = await projectOf((place) => ({
      agent: `echo "$RUNLEDGER_ATTEMPT $PWD" >> ${join(place.place, "attempts")}
if [ -e half.txt ]; then mv half.txt whole.txt; echo went on; exit 0; fi
echo half > half.txt
${waiting(place, "agent", "never")}`,
      judge: "test -f whole.txt",
    }));
    const agent = marker("agent");
    const orchestrator = start("run", "plan.json");
    await eventually("the agent works", () => pidIn(agent) > 0);
    const second = await type("resume", "last");
    expect(second).toMatchObject({ code: 5, err: expect.stringContaining("lease_held") });
    await kill(orchestrator);
    expect(lives(pidIn(agent))).toBe(true);
    const why = await type("why", "last");
    expect(why.out).toContain("no worker drives it");

    const resumed = await type("resume", "last");
    expect(resumed).toMatchObject({ code: 0 });
    expect(lives(pidIn(agent))).toBe(false);
    const { types, events, run } = await journal();
    expect(types).toEqual([
      "run_created",
      "plan_attached",
      "step_started",
      "worker_lost",
      "step_result_proposed",
      "step_validation_passed",
      "run_completed",
    ]);
    expect(events.flatMap((event) => ("attempt" in event ? [event.attempt] : []))).toEqual([1, 1, 1]);
    expect(run.steps[0]?.state).toMatchObject({ proposal: { result: "went on" } });
    const attempts = (await readFile(join(shop.place, "attempts"), "utf8")).trimEnd().split("\n");
    expect(attempts).toHaveLength(2);
    expect(attempts[0]).toMatch(/^1 \//);
    expect(attempts[1]).toBe(attempts[0]);
    expect(await leftOver()).toEqual(nothing);
  });

  it("while the work is judged: the same proposal is judged again, and the room is gone", async () => {
    const { shop, start, type, leftOver, journal, marker } = await projectOf((place) => ({
      agent: "echo made > made.txt",
      judge: `${waiting(place, "judge", "go")}; test -f made.txt`,
    }));
    const judge = marker("judge");
    const orchestrator = start("run", "plan.json");
    await eventually("the work is being judged", () => pidIn(judge) > 0);
    await kill(orchestrator);
    const orphan = pidIn(judge);
    expect(lives(orphan)).toBe(true);
    expect((await leftOver()).rooms).toHaveLength(1);
    const resuming = start("resume", "last");
    await eventually("another judge is at work", () => pidIn(judge) > 0 && pidIn(judge) !== orphan);
    expect(lives(orphan)).toBe(false);
    await writeFile(join(shop.place, "go"), "");
    const [code] = await once(resuming, "exit");
    expect(code).toBe(0);
    expect((await journal()).types).toEqual([
      "run_created",
      "plan_attached",
      "step_started",
      "step_result_proposed",
      "worker_lost",
      "step_validation_passed",
      "run_completed",
    ]);
    expect(await leftOver()).toEqual(nothing);
    expect(await type("resume", "last")).toMatchObject({ code: 0 });
  });

  it("while a workspace is being prepared: it is made anew, the half-made one goes, and the step starts once", async () => {
    const { shop, start, type, leftOver, journal, marker } = await projectOf((place) => ({
      settings: `workspace:\n  setup: ${JSON.stringify([["sh", "-c", waiting(place, "setup", "go")]])}\n`,
      agent: `ls ${join(place.place, "state", "runledger", "workspaces")} > ${join(place.place, "seen")}`,
      judge: "true",
    }));
    const setup = marker("setup");
    const orchestrator = start("run", "plan.json");
    await eventually("the workspace is being prepared", () => pidIn(setup) > 0);
    await kill(orchestrator);
    expect((await leftOver()).workspaces).toHaveLength(1);
    await writeFile(join(shop.place, "go"), "");
    expect(await type("resume", "last")).toMatchObject({ code: 0 });
    const seen = (await readFile(join(shop.place, "seen"), "utf8")).trimEnd().split("\n");
    expect(seen).toHaveLength(1);
    expect((await journal()).types).toEqual([
      "run_created",
      "plan_attached",
      "worker_lost",
      "step_started",
      "step_result_proposed",
      "step_validation_passed",
      "run_completed",
    ]);
    expect(await leftOver()).toEqual(nothing);
  });
});

describe("kill -9 of the orchestrator in the middle of a race", () => {
  /** What the journal says of the candidates. */
  const told = (events: readonly StoredEvent[], type: StoredEvent["type"]): number[] =>
    events.flatMap((event) =>
      event.type === type && "candidate" in event.payload ? [event.payload.candidate ?? 0] : [],
    );

  it("who proposed is not run again, who was at work goes on in its folder, and the losers end with the race", async () => {
    const { shop, start, type, leftOver, journal, marker } = await projectOf((place) => ({
      agent: `echo "$RUNLEDGER_CANDIDATE $RUNLEDGER_ATTEMPT $PWD" >> ${join(place.place, "attempts")}
case $RUNLEDGER_CANDIDATE in
  1) echo "All done, tests pass!" ;;
  2) if [ -e half.txt ]; then mv half.txt whole.txt; exit 0; fi
     echo half > half.txt; ${waiting(place, "second", "never")} ;;
  3) ${waiting(place, "third", "never")} ;;
esac`,
      judge: "test -f whole.txt",
      over: { candidates: 3 },
    }));
    const [second, third] = [marker("second"), marker("third")];
    const orchestrator = start("run", "plan.json");
    await eventually("two are at work and one was refused", async () => {
      if (pidIn(second) === 0 || pidIn(third) === 0) return false;
      return (await type("journal", "last")).out.includes("step_validation_failed");
    });
    const [orphan, other] = [pidIn(second), pidIn(third)];
    await kill(orchestrator);
    expect([lives(orphan), lives(other)]).toEqual([true, true]);

    expect(await type("resume", "last")).toMatchObject({ code: 0 });
    expect([orphan, other, pidIn(third)].filter(lives)).toEqual([]);
    const { run, events } = await journal();
    expect(run.steps[0]).toMatchObject({ attempt: 1, retryCount: 0, state: { how: "verified" } });
    expect(told(events, "step_started").sort()).toEqual([1, 2, 3]);
    expect(told(events, "step_result_proposed")).toEqual([1, 2]);
    expect(told(events, "step_validation_passed")).toEqual([2]);
    expect(told(events, "candidate_cancelled")).toEqual([3]);
    const attempts = (await readFile(join(shop.place, "attempts"), "utf8")).trimEnd().split("\n");
    const of = (candidate: number) => attempts.filter((line) => line.startsWith(`${candidate} `));
    expect(of(1)).toHaveLength(1);
    expect(of(2)).toHaveLength(2);
    for (const candidate of [2, 3]) expect(new Set(of(candidate)).size).toBe(1);
    expect(await leftOver()).toEqual(nothing);
  });

  it("what was being judged is judged again; one wins, and the head moves once", async () => {
    const { shop, start, type, leftOver, journal, marker } = await projectOf((place) => ({
      agent: `echo "by $RUNLEDGER_CANDIDATE" > made.txt`,
      judge: `${waiting(place, "judge", "go")}; test -f made.txt`,
      over: { candidates: 2 },
    }));
    const judge = marker("judge");
    const orchestrator = start("run", "plan.json");
    await eventually("both proposed and one is being judged", async () => {
      const said =
        pidIn(judge) > 0 ? (await type("journal", "last", "--type", "step_result_proposed")).out : "";
      return said.trimEnd().split("\n").length === 2;
    });
    await kill(orchestrator);
    await writeFile(join(shop.place, "go"), "");
    expect(await type("resume", "last")).toMatchObject({ code: 0 });
    const { run, events } = await journal();
    expect(told(events, "step_result_proposed").sort()).toEqual([1, 2]);
    const [winner] = told(events, "step_validation_passed");
    expect(told(events, "step_validation_passed")).toHaveLength(1);
    expect(told(events, "candidate_cancelled")).toEqual([winner === 1 ? 2 : 1]);
    expect(shop.git("-C", join(shop.place, "data", "store.git"), "show", `${run.head}:made.txt`)).toBe(
      `by ${winner}\n`,
    );
    expect(await leftOver()).toEqual(nothing);
  });
});

describe("Ctrl-C of the orchestrator", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)(
    "%s ends the agent, says so by exit code %i, and the run can be resumed",
    async (signal, code) => {
      const { start, type, leftOver, marker, journal } = await projectOf((place) => ({
        agent: `if [ -e half.txt ]; then exit 0; fi; echo half > half.txt; ${waiting(place, "agent", "never")}`,
        judge: "true",
      }));
      const agent = marker("agent");
      const orchestrator = start("run", "plan.json");
      await eventually("the agent works", () => pidIn(agent) > 0);
      const exited = once(orchestrator, "exit");
      orchestrator.kill(signal);
      expect(await exited).toEqual([code, null]);
      expect(lives(pidIn(agent))).toBe(false);
      expect(await leftOver()).toMatchObject({ places: ["workspace"], rooms: [] });
      expect(await type("resume", "last")).toMatchObject({ code: 0 });
      expect((await journal()).types).not.toContain("worker_lost");
      expect(await leftOver()).toEqual(nothing);
    },
  );
});
