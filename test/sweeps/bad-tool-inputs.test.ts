import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Caller } from "../../src/core/commands.js";
import { type ErrorCode, errorKinds, type LedgerError } from "../../src/core/errors.js";
import * as limit from "../../src/core/limits.js";
import { allTools } from "../../tools/index.js";
import {
  DEEP,
  deepList,
  expectTyped,
  gettersLast,
  HOSTILE_VALUES,
  type Hurt,
  newTally,
  ODD_TEXTS,
  ODD_VALUES,
  type Pick,
  pickFrom,
  tried,
} from "../helpers/bad-input.js";
import { hurtPlan, jsonOf, type WirePlan } from "../helpers/bad-plans.js";
import { brokenText } from "../helpers/bad-text.js";
import { type Bench, keptBy, openBench, planOfSteps, stepBy } from "../helpers/bench.js";
import { openedOn } from "../helpers/ledgers.js";
import { SESSION } from "../helpers/project.js";
import { SWEEP_MS, sweepSeed, sweepSize } from "../helpers/sweep.js";

const CASES = sweepSize(10_000, 300);

type Input = Record<string, unknown>;
type ToolCase = { readonly tool: string; readonly caller: Caller; readonly input: Input };
type Kind = keyof typeof hurtInput;
type Bad = { readonly tool: number; readonly hurts: readonly Hurt<Kind>[] };

/** Does one thing wrong to an input, and says what the refusal must name; undefined where the tool has no such input. */
type HurtInput = (input: Input, pick: Pick) => string | undefined;

/** A value of its own for one of the keys that are there. */
const inKey =
  (keys: readonly string[], value: (pick: Pick) => unknown): HurtInput =>
  (input, pick) => {
    const there = keys.filter((key) => Object.hasOwn(input, key));
    if (there.length === 0) return undefined;
    const key = pick.of(there);
    input[key] = value(pick);
    return key;
  };

const TEXT_KEYS = [
  "run_id",
  "step_id",
  "reason",
  "key",
  "value",
  "result",
  "original_request",
  "session_key",
  "destination",
  "policy",
  "payload",
  "intent_id",
];
const NO_TEXT = [null, true, 7, Number.NaN, [], {}, { length: 3 }, ["a"]];
/** Longer than any of them may be. */
const TOO_LONG = "x".repeat(limit.PLAN_TEXT_CHARS + 1);

const steps = (): WirePlan => ({
  steps: [{ id: "new", goal: "g", owner_agent: "coder", validator: { type: "build_pass" } }],
});
const evidence = (count: number, chars: number) =>
  JSON.stringify(Array.from({ length: count }, () => ({ type: "log", content: "x".repeat(chars) })));
/** What the refusals of each call it. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  plan_json: "plan",
  new_steps_json: "list of steps",
  new_validator_json: "validator",
};
const JSON_KEYS = ["plan_json", "new_steps_json", "new_validator_json", "evidence_json"];

const hurtInput = {
  missingKey: (input, pick) => {
    const keys = Object.keys(input).filter((key) =>
      /^(run_id|step_id|action|key|plan_json|result|destination|payload|intent_id)$/.test(key),
    );
    if (keys.length === 0) return undefined;
    const key = pick.of(keys);
    delete input[key];
    return key;
  },
  unknownKey: (input, pick) => {
    const key = pick.of(["runid", "Run_Id", "x".repeat(100_000), "\u202ekey", "a.b", "0"]);
    input[key] = 1;
    return /^\w{1,60}$/.test(key) ? key : "unknown key";
  },
  manyUnknownKeys: (input) => {
    for (let n = 0; n < 20_000; n += 1) input[`nonsense${n}`] = n;
    return "nonsense0";
  },
  protoKey: (input, pick) => {
    const key = pick.of(["__proto__", "constructor", "toString", "hasOwnProperty"]);
    Object.defineProperty(input, key, { value: { run_id: "x" }, enumerable: true, configurable: true });
    return key;
  },
  wrongKind: inKey(TEXT_KEYS, (pick) => pick.of(NO_TEXT)),
  empty: inKey(["run_id", "step_id", "key", "result", "session_key", "plan_json"], () => ""),
  blank: inKey(["key", "original_request", "destination", "payload"], (pick) =>
    pick.of([" ", "\t\n", "\u00a0"]),
  ),
  tooLong: inKey(["reason", "key", "value", "result", "original_request", "session_key"], () => TOO_LONG),
  unknownRun: (input, pick) => {
    if (!Object.hasOwn(input, "run_id")) return undefined;
    input.run_id = pick.of(["run_x", "last", TOO_LONG, ...ODD_TEXTS.filter((text) => text !== "")]);
    return "There is no run";
  },
  unknownStep: (input, pick) => {
    if (!Object.hasOwn(input, "step_id")) return undefined;
    input.step_id = pick.of(["ghost", "A", TOO_LONG, ...ODD_TEXTS.filter((text) => text !== "")]);
    return "has no step";
  },
  deep: inKey([...TEXT_KEYS, ...JSON_KEYS], () => deepList(DEEP)),
  hostile: inKey([...TEXT_KEYS, ...JSON_KEYS], (pick) => pick.of(Object.values(HOSTILE_VALUES))()),
  hostileList: inKey(["valid_agents"], (pick) =>
    HOSTILE_VALUES[pick.of(["throws", "revoked", "holes", "endless", "function", "map"])]?.(),
  ),
  getter: (input, pick) => {
    const key = pick.of([...Object.keys(input), "run_id"]);
    const get = () => {
      throw new TypeError("do not look");
    };
    Object.defineProperty(input, key, { enumerable: true, configurable: true, get, set: () => undefined });
    return "cannot be looked at";
  },
  badFlag: inKey(["fresh", "reject"], (pick) => pick.of(["true", 1, null, [], {}])),
  badNumber: inKey(["proposal_seq"], (pick) =>
    pick.of([1.5, "1", Number.NaN, Number.POSITIVE_INFINITY, 1e300, null, 10n]),
  ),
  badAction: inKey(["action"], (pick) => pick.of(["Retry", "redo", null, 7, ...ODD_TEXTS])),
  anothersInput: (input, pick) => {
    if (!Object.hasOwn(input, "action")) return undefined;
    const given = { fresh: true, new_agent: "coder", new_steps_json: "[]", new_validator_json: "{}" };
    const owners = { fresh: "retry", new_agent: "change_agent", new_steps_json: "decompose" } as const;
    const key = pick.of(Object.keys(owners) as (keyof typeof owners)[]);
    input[key] = given[key];
    input.action = pick.of(["skip", "abort", "escalate"]);
    return "belongs to action";
  },
  missingInput: (input, pick) => {
    if (!Object.hasOwn(input, "action")) return undefined;
    for (const key of ["fresh", "new_agent", "new_steps_json", "new_validator_json"]) delete input[key];
    input.action = pick.of(["change_agent", "decompose", "change_validator"]);
    return "needs";
  },
  badKey: inKey(["idempotency_key"], (pick) => pick.of(["", "k".repeat(201), null, 7])),
  strangeAgents: (input, pick) => {
    if (!Object.hasOwn(input, "valid_agents")) return undefined;
    input.valid_agents = pick.of([[], ["nobody"], [null], "coder", [["coder"]], {}]);
    return "agent";
  },
  noJson: inKey(["evidence_json"], (pick) =>
    pick.of(["no", "{", "[", "null", "7", '"x"', "{}{}", "[1e999]", "\0"]),
  ),
  noDocument: (input, pick) => {
    const key = ["plan_json", "new_steps_json", "new_validator_json"].find((one) =>
      Object.hasOwn(input, one),
    );
    if (key === undefined) return undefined;
    input[key] = pick.of(["no", "{", "[", "null", "7", '"x"', "{}{}", "[1e999]", "\0", "```json\n```"]);
    return DOCUMENTS[key];
  },
  badPlan: (input, pick) => {
    if (!Object.hasOwn(input, "plan_json")) return undefined;
    const plan: WirePlan = { goal: "ship it", ...steps() };
    pick.of(Object.values(hurtPlan).slice(2))(plan, pick);
    input.plan_json = jsonOf(plan);
    return "plan";
  },
  badSteps: (input, pick) => {
    if (input.action !== "decompose") return undefined;
    const list = steps();
    const kinds = ["badId", "ghostDependency", "circle", "unknownAgent", "badPath", "badGlob"] as const;
    hurtPlan[pick.of(kinds)](list, pick);
    input.new_steps_json = jsonOf(list.steps as unknown as WirePlan);
    return "list of steps";
  },
  badValidator: (input, pick) => {
    if (input.action !== "change_validator") return undefined;
    const list = steps();
    const kinds = ["unknownJudge", "unknownParameter", "badParameter", "badExitCode", "badPath"] as const;
    hurtPlan[pick.of(kinds)](list, pick);
    input.new_validator_json = JSON.stringify(list.steps[0]?.validator);
    return "validator";
  },
  badEvidence: inKey(["evidence_json"], (pick) =>
    pick.of([
      '[{"type":"log"}]',
      '[{"type":"log","content":7}]',
      '[{"type":"log","content":"x","__proto__":1}]',
      evidence(limit.EVIDENCE_ITEMS + 1, 1),
      evidence(1, limit.EVIDENCE_CHARS + 1),
      "[".repeat(DEEP) + "]".repeat(DEEP),
    ]),
  ),
  brokenJson: (input, pick) => {
    const key = JSON_KEYS.find((one) => Object.hasOwn(input, one));
    if (key === undefined || typeof input[key] !== "string") return undefined;
    input[key] = pick.of(Object.values(brokenText))(String(input[key]), pick);
    return "";
  },
  oddValue: (input, pick) => {
    const odd = inKey([...TEXT_KEYS, "action"], () => pick.of([...ODD_VALUES, ...ODD_TEXTS]));
    return odd(input, pick) === undefined ? undefined : "";
  },
} satisfies Readonly<Record<string, HurtInput>>;

const KINDS = Object.keys(hurtInput) as Kind[];

/** A valid input for every tool and every action, each on a run in which it could do something. */
const casesOf = async (bench: Bench): Promise<readonly ToolCase[]> => {
  const coder = bench.issue("coder");
  const boss = bench.issue("orchestrator", { role: "orchestrator" });
  const runOf = async (...more: readonly Input[]) => (await bench.create(planOfSteps(...more))).runId;
  const fresh = () => runOf(stepBy("a", "true"));
  const started = async (...more: readonly Input[]) => {
    const run_id = await runOf(...more);
    await bench.call(coder, "run_start_step", { run_id, step_id: "a" });
    return run_id;
  };
  const proposed = async (...more: readonly Input[]) => {
    const run_id = await started(...more);
    await bench.call(coder, "run_propose_step_result", { run_id, step_id: "a", result: "done" });
    return run_id;
  };
  const paused = await fresh();
  await bench.call(boss, "run_pause", { run_id: paused });
  const refused = await proposed(stepBy("a", "false"));
  const waiting = await proposed(stepBy("a", "", { validator: { type: "orchestrator_approval" } }));
  const asking = await fresh();
  const intent = {
    ...{ run_id: asking, destination: "salesforce.import", policy: "nobody", payload: "name\n" },
    idempotency_key: "k4",
  };
  await bench.call(coder, "intent_propose", intent);
  const asked = (await bench.ledger.load(asking)).intents[0]?.seq;
  const step_id = "a";
  const policy = { run_id: refused, step_id, reason: "because", idempotency_key: "k1" };
  const call = (tool: string, caller: Caller, input: Input): ToolCase => ({ tool, caller, input });
  return [
    call("run_create", boss, {
      plan_json: JSON.stringify({ goal: "ship it", ...steps() }),
      session_key: SESSION,
      original_request: "please",
      valid_agents: ["coder"],
      idempotency_key: "k2",
    }),
    call("run_apply_policy", boss, { ...policy, action: "retry", fresh: true }),
    call("run_apply_policy", boss, { ...policy, action: "change_agent", new_agent: "reviewer" }),
    call("run_apply_policy", boss, {
      ...policy,
      action: "decompose",
      new_steps_json: JSON.stringify(steps().steps),
    }),
    call("run_apply_policy", boss, {
      ...policy,
      action: "change_validator",
      new_validator_json: '{"type":"command_pass","target":"true"}',
    }),
    call("run_approve_step", boss, {
      run_id: waiting,
      step_id,
      reason: "seen",
      reject: true,
      proposal_seq: 4,
    }),
    call("run_pause", boss, { run_id: await fresh(), reason: "lunch" }),
    call("run_resume", boss, { run_id: paused, reason: "back" }),
    call("run_start_step", coder, { run_id: await fresh(), step_id }),
    call("run_propose_step_result", coder, {
      run_id: await started(stepBy("a", "true")),
      step_id,
      result: "done",
      evidence_json: evidence(1, 10),
      idempotency_key: "k3",
    }),
    call("run_read", boss, { run_id: paused }),
    call("run_active", coder, { run_id: paused }),
    call("run_note", coder, { run_id: paused, key: "k", value: "v" }),
    call("intent_propose", coder, { ...intent, action: "create", record_count: 1, value_usd: 2 }),
    call("intent_status", coder, { run_id: asking, intent_id: `${asking}.${asked}` }),
  ];
};

/** The input with its damage, and what a refusal must name; no name when damages mixed or did nothing. */
const made = (base: Input, { hurts }: Bad): { input: Input; named: string | undefined; hurt: boolean } => {
  const input = structuredClone(base);
  const names = gettersLast(hurts).map(({ kind, seed }) => hurtInput[kind](input, pickFrom(seed)));
  const told = names.filter((name) => name !== undefined);
  return { input, named: names.length === 1 ? told[0] : undefined, hurt: told.length > 0 };
};

/** What was accepted before may have moved the run on; then it is refused for that, whatever else is wrong. */
const byState = (code: ErrorCode): boolean => ["refused", "conflict"].includes(errorKinds[code]);

const UNSEEN = "cannot be looked at";

const expectNamed = ({ code, message }: LedgerError, named: string | undefined, tool: string): void => {
  if (byState(code)) return;
  if (named !== undefined && !message.includes(UNSEEN)) expect(`${code}: ${message}`).toContain(named);
  if (message.includes(UNSEEN)) expect(message).toContain(tool);
};

/** What was accepted left a journal that another ledger reads to the same runs. */
const expectSound = async ({ ledger }: Bench): Promise<void> => {
  const reader = openedOn(ledger.store).ledger;
  for (const { runId } of await ledger.list({ limit: 1_000 }))
    expect(await reader.load(runId)).toEqual(await ledger.load(runId));
};

describe("malformed tool inputs", () => {
  it(
    `of ${CASES} each is refused in words that name the place, and nothing comes of it`,
    async () => {
      const bench = await openBench();
      const cases = await casesOf(bench);
      expect(new Set(cases.map(({ tool }) => tool))).toEqual(new Set(allTools.map(({ name }) => name)));
      const tally = newTally("tool inputs");
      let before = await keptBy(bench);
      const hurt = fc.record({ kind: fc.constantFrom(...KINDS), seed: fc.nat() });
      const bad: fc.Arbitrary<Bad> = fc.record({
        tool: fc.nat({ max: cases.length - 1 }),
        hurts: fc.array(hurt, { minLength: 1, maxLength: 3 }),
      });
      await fc.assert(
        fc.asyncProperty(bad, async (one) => {
          const { tool, caller, input: base } = cases[one.tool] ?? expect.unreachable();
          const { input, named, hurt: isHurt } = made(base, one);
          fc.pre(isHurt);
          const answer = await tried(() => bench.call(caller, tool, input), "refusal");
          if ("refusal" in answer) {
            expectNamed(expectTyped(answer.refusal), named, tool);
            expect(await keptBy(bench)).toEqual(before);
            tally.refused(one.hurts, answer.refusal.code);
          } else {
            tally.accepted(one.hurts);
            await expectSound(bench);
            before = await keptBy(bench);
          }
        }),
        { numRuns: CASES, seed: sweepSeed, examples: eachAlone(cases) },
      );
      tally.expectWide({
        kinds: KINDS,
        codes: ["invalid_input", "parse_failed", "validation_failed", "run_not_found", "step_not_found"],
      });
    },
    SWEEP_MS,
  );
});

/** Every kind alone, at the first tool that has such an input. */
const eachAlone = (cases: readonly ToolCase[]): [Bad][] =>
  KINDS.map((kind) => {
    const hurts = [{ kind, seed: sweepSeed }];
    const tool = cases.findIndex(({ input }) => made(input, { tool: 0, hurts }).hurt);
    return [{ tool, hurts }];
  });
