import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Plan } from "../../src/core/spec.js";
import type { RunLedger } from "../../src/index.js";
import { createCredentials } from "../../src/ledger/credentials.js";
import { openLedger } from "../../src/ledger/ledger.js";
import { ownerOfThisProcess } from "../../src/ledger/owner.js";
import { type Browser, openBrowser } from "../../src/ui/tui/browser/browser.js";
import type { Size } from "../../src/ui/tui/kit/line.js";
import type { Palette } from "../../src/ui/tui/kit/theme.js";
import * as cast from "./cast.js";
import { AT, rules } from "./given.js";
import { NO_SECRETS } from "./no-secrets.js";
import { makeSample, person } from "./project.js";
import { type FakeTerminal, fakeTerminal, shown } from "./screens.js";

/** The moment at which screens are looked at: a while after everything in the story. */
export const NOW = Date.parse(AT) + 3_600_000;

/** Runs with names that never change, told by the cast of the rule tests, at times of their own. */
export type Story = {
  readonly app: RunLedger;
  /** Says it so many minutes before the screens are looked at. */
  tell(minutesAgo: number, runId: string, ...lines: readonly cast.Said[]): Promise<void>;
  dispose(): Promise<void>;
};

/** A project with an empty ledger, whose agents are there by name; told by somebody who knows none of its variables for a secret. */
export const openStory = async (variables: Readonly<Record<string, string>> = {}): Promise<Story> => {
  const sample = await makeSample(
    {
      "runledger.yaml":
        "agents:\n  coder: { kind: command, run: [sh, -c, 'true'] }\n  reviewer: { kind: command, run: [sh, -c, 'true'] }\n",
    },
    variables,
  );
  const app = await sample.open();
  const { store } = app.ledger;
  const { credentials, engine } = createCredentials();
  let at = AT;
  const ledger = openLedger({ store, rules, credentials, redactor: NO_SECRETS, now: () => at });
  return {
    app,
    dispose: sample.dispose,
    tell: async (minutesAgo, runId, ...lines) => {
      at = new Date(NOW - minutesAgo * 60_000).toISOString();
      for (const said of lines) {
        const run = (await store.runRow(runId)) && (await ledger.load(runId));
        const command = typeof said === "function" ? said(run ?? (await ledger.load(runId))) : said;
        const caller = cast.usualCaller(command, run);
        await ledger.submit(runId, command, caller.role === "engine" ? engine : ledger.issue(caller));
      }
    },
  };
};

const runId = (end: string): string => `run_01a2000000007000800000000${"0".repeat(7 - end.length)}${end}`;
export const RUNS = {
  done: runId("d0e5a1"),
  refused: runId("4ef05e"),
  asks: runId("a5c52b"),
  interrupted: runId("147e44"),
  planning: runId("91a22d"),
  cancelled: runId("ca2ce1"),
} as const;

const PATCH = `diff --git a/src/sum.mjs b/src/sum.mjs
index 8a1218a..d00491f 100644
--- a/src/sum.mjs
+++ b/src/sum.mjs
@@ -1 +1,2 @@
-export const sum = (prices) => prices.length;
+export const sum = (prices) =>
+\tprices.reduce((total, price) => total + price, 0);
`;

/** A shop's runs: one of every kind that can be met. */
export const tellAll = async ({ app, tell }: Story): Promise<void> => {
  const { store } = app.ledger;
  const patch = await store.putBlob(Buffer.from(PATCH));
  const judgeLog = await store.putBlob(Buffer.from("ok 1 - prices add up\nnot ok 2 - no prices\n"));
  const worked = (id: string) => [cast.start(id), cast.propose(id, `I have done ${id}.`), cast.pass(id)];
  const create = (plan: Plan, goal: string) => cast.create({ ...plan, goal });
  const steps = (...specs: readonly (readonly [string, ...string[]])[]) =>
    specs.map(([id, ...dependsOn]) => cast.stepSpec(id, { dependsOn }));
  await tell(
    50,
    RUNS.done,
    create(
      cast.planOf(
        steps(
          ["setup"],
          ["api", "setup"],
          ["ui", "setup"],
          ["docs", "setup"],
          ["release", "api", "ui", "docs"],
        ),
        [cast.criterion("the shop opens")],
      ),
      "Ship the new shop",
    ),
    ...worked("setup"),
    ...worked("api"),
    ...worked("ui"),
    cast.start("docs"),
    cast.propose("docs"),
    cast.fail("docs"),
    cast.policy("docs", cast.skip, "the wiki has them"),
    cast.note("owner", "Ada looks after this"),
    ...worked("release"),
    cast.meet(0),
  );
  await tell(
    40,
    RUNS.refused,
    create(
      cast.planOf(steps(["find"], ["fix", "find"], ["tell", "fix"])),
      "Fix the sum of prices: it counts them and does not add them up",
    ),
    ...worked("find"),
    cast.start("fix"),
    cast.propose("fix", "The sum is right now.\nAll tests pass.", { patch, filesChanged: 1 }),
    cast.fail("fix", {
      message: "2 of 3 tests failed.",
      reason: "protected",
      command: ["npm", "test", "--silent"],
      counts: { passed: 1, failed: 2, skipped: 0 },
      protectedPaths: ["test/sum.test.mjs"],
      tail: "not ok 2 - no prices\n  expected 0, got undefined",
      log: judgeLog,
    }),
    cast.policy("fix", cast.escalate, "tried often enough"),
  );
  await tell(
    30,
    RUNS.asks,
    create(
      cast.planOf([
        cast.stepSpec("draft"),
        cast.stepSpec("sign", {
          goal: "Say what the newsletter should say",
          dependsOn: ["draft"],
          validator: cast.approval,
        }),
        cast.stepSpec("pictures", { ownerAgent: "reviewer" }),
        cast.stepSpec("send", { dependsOn: ["sign", "pictures"] }),
      ]),
      "Write the newsletter",
    ),
    ...worked("draft"),
    cast.start("sign"),
    cast.propose("sign", "Dear customers,\n\nprices add up again. We are sorry for the free apples.", {
      patch,
    }),
    cast.start("pictures"),
  );
  const log = app.agentLog(RUNS.asks, "pictures", 1);
  await mkdir(dirname(log), { recursive: true });
  await writeFile(log, Array.from({ length: 40 }, (_, at) => `painting picture ${at + 1} of 90\n`).join(""));
  await tell(
    20,
    RUNS.interrupted,
    create(cast.planOf(steps(["one"], ["two", "one"])), "Move the database"),
    ...worked("one"),
    cast.start("two"),
  );
  await tell(
    10,
    RUNS.cancelled,
    create(cast.planOf(steps(["one"])), "Paint everything green"),
    cast.cancel("blue is nicer"),
  );
  await tell(5, RUNS.planning, cast.create(undefined, { goal: "Think about a second shop" }));
  // Somebody works on it, as long as this process lives.
  await store.claim({ runId: RUNS.asks, owner: ownerOfThisProcess(), ttlMs: 3_600_000 });
};

export type Looking = FakeTerminal & { readonly browser: Browser; readonly ended: Promise<void> };

/** Somebody looks at it. */
export const look = async (
  { app }: Pick<Story, "app">,
  size: Size,
  options: { readonly palette?: Palette; readonly runId?: string; readonly now?: () => number } = {},
): Promise<Looking> => {
  const terminal = fakeTerminal(size);
  const { palette, runId: at, now = () => NOW } = options;
  const made: { browser?: Browser } = {};
  const ended = shown(
    terminal,
    (stage) => {
      made.browser = openBrowser(
        { app, caller: person(app), project: "shop", now, ...(at === undefined ? {} : { runId: at }) },
        stage,
      );
      return made.browser;
    },
    palette === undefined ? {} : { palette },
  );
  // What draws is loaded first.
  await terminal.shows(/\S[\s\S]*\n.*\S/);
  if (made.browser === undefined) throw new Error("nothing is shown");
  return { ...terminal, browser: made.browser, ended };
};
