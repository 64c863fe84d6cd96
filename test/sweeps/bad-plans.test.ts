import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LedgerError } from "../../src/core/errors.js";
import { readPlan } from "../../src/core/plan.js";
import { planWire } from "../../src/core/plan-wire.js";
import { Plan, planDigest } from "../../src/core/spec.js";
import { newRunId } from "../../src/ledger/run-id.js";
import { createRun } from "../../tools/create-run.js";
import { plans } from "../helpers/arbitrary-plans.js";
import { gettersLast, type Hurt, newTally, type Pick, pickFrom, tried } from "../helpers/bad-input.js";
import { hurtPlan, hurtPlanValue, jsonOf, type WirePlan } from "../helpers/bad-plans.js";
import { brokenText } from "../helpers/bad-text.js";
import { type Bench, keptBy, openBench } from "../helpers/bench.js";
import { openedIn, openedOn } from "../helpers/ledgers.js";
import { SESSION } from "../helpers/project.js";
import { SWEEP_MS, sweepSeed, sweepSize } from "../helpers/sweep.js";

const OWNER = "coder";
/** A commit as git names it; nothing is checked out of it. */
const BASE = "0".repeat(40);
const AGENTS = [OWNER, "reviewer"];
const CASES = sweepSize(10_000, 300);

const hurtPlans = { ...hurtPlan, ...hurtPlanValue };
type Kind = keyof typeof hurtPlans | keyof typeof brokenText;

/** As a program hands it in, as a planner answers it, and as text that something happened to. */
type Form = "value" | "text" | "fenced" | "brokenText";
type Bad = { readonly plan: Plan; readonly form: Form; readonly hurts: readonly Hurt<Kind>[] };

const namesOf = <K extends string>(table: Readonly<Record<K, unknown>>): K[] => Object.keys(table) as K[];
const hurts = <K extends Kind>(kinds: readonly K[]) =>
  fc.array(fc.record({ kind: fc.constantFrom(...kinds), seed: fc.nat() }), { minLength: 1, maxLength: 3 });

const bad: fc.Arbitrary<Bad> = fc.oneof(
  { weight: 2, arbitrary: form("value", [...namesOf(hurtPlan), ...namesOf(hurtPlanValue)]) },
  { weight: 2, arbitrary: form("text", namesOf(hurtPlan)) },
  { weight: 1, arbitrary: form("fenced", namesOf(hurtPlan)) },
  { weight: 1, arbitrary: form("brokenText", namesOf(brokenText)) },
);

/** Every kind alone in every form, before chance has its say. */
const eachAlone = (plan: Plan): [Bad][] => {
  const alone = (shape: Form, kinds: readonly Kind[]): [Bad][] =>
    kinds.map((kind) => [{ plan, form: shape, hurts: [{ kind, seed: sweepSeed }] }]);
  return [
    ...alone("value", namesOf(hurtPlans)),
    ...alone("text", namesOf(hurtPlan)),
    ...alone("brokenText", namesOf(brokenText)),
  ];
};

function form(name: Form, kinds: readonly Kind[]): fc.Arbitrary<Bad> {
  return fc.record({ plan: plans, form: fc.constant(name), hurts: hurts(kinds) });
}

/** The input as it is handed in, and where it was hurt. */
const made = ({ plan, form: shape, hurts: all }: Bad): { input: unknown; at: readonly string[] } => {
  const wire = structuredClone(planWire(plan)) as WirePlan;
  for (const step of wire.steps) {
    step.owner_agent = OWNER;
    // Nothing but the hurt is to be wrong with it.
    if (Array.isArray(step.candidates)) step.candidates = step.candidates.map(() => OWNER);
  }
  if (shape === "brokenText") {
    const text = all.reduce(
      (before, { kind, seed }) => brokenText[kind as keyof typeof brokenText](before, pickFrom(seed)),
      JSON.stringify(wire),
    );
    return { input: text, at: [] };
  }
  const at = gettersLast(all).map(({ kind, seed }) =>
    hurt(wire, kind as keyof typeof hurtPlans, pickFrom(seed)),
  );
  if (shape === "value") return { input: wire, at };
  const json = jsonOf(wire, 1);
  return { input: shape === "text" ? json : `Here it is:\n\`\`\`json\n${json}\n\`\`\`\n`, at };
};

/** A former hurt may have taken away what this one would hurt. */
const hurt = (wire: WirePlan, kind: keyof typeof hurtPlans, pick: Pick): string => {
  if (!Array.isArray(wire.steps) || wire.steps.some((step) => typeof step !== "object" || step === null))
    return "";
  return wire.steps.length === 0 ? "" : hurtPlans[kind](wire, pick);
};

const door = ({ host, issue }: Bench, input: unknown) =>
  createRun(host, issue("orchestrator", { role: "orchestrator" }), {
    plan: input,
    sessionKey: SESSION,
    originalRequest: "please",
  });

const UNSEEN = "a value that cannot be looked at";

const expectPlace = ({ code, message, details }: LedgerError, at: readonly string[]): void => {
  if (code === "parse_failed") {
    expect(message).toMatch(/plan/);
    return;
  }
  expect(code).toBe("validation_failed");
  const defects = details.defects as { path: string; found: string; expected: string }[];
  const [first] = defects;
  expect(message).toContain(`${first?.path}: found ${first?.found}`);
  for (const { path, found, expected } of defects) expect([path, found, expected]).not.toContain("");
  const [only] = at;
  if (at.length === 1 && only !== undefined)
    // Of a value that cannot be looked at nobody can say where it stands.
    expect(defects.some(({ path, found }) => path.startsWith(only) || found === UNSEEN)).toBe(true);
};

/** What was read must be a plan in every respect: written and read again the same, stored and loaded the same. */
const expectPlan = async (plan: Plan): Promise<void> => {
  expect(Plan.parse(plan)).toEqual(plan);
  expect(readPlan(planWire(plan), { agents: AGENTS })).toEqual(plan);
  const runId = newRunId();
  const command = { type: "create_run", goal: plan.goal, originalRequest: "please", base: BASE } as const;
  await scratch.tell(runId, { ...command, workspaceIsolation: true, plan });
  const run = await openedOn(scratch.store).ledger.load(runId);
  expect([run.planDigest, run.steps.length]).toEqual([planDigest(plan), plan.steps.length]);
};

const step = { goal: "do it", owner_agent: "coder", validator: { type: "build_pass" } };
const SMALL = {
  goal: "ship it",
  protect: ["docs/**"],
  steps: [
    { ...step, id: "one" },
    { ...step, id: "two", depends_on: ["one"], max_retries: 3 },
  ],
};

let scratch: Awaited<ReturnType<typeof openedIn>>;

describe("malformed plans", () => {
  it(
    `of ${CASES} each is refused in words that name the place, and nothing comes of it`,
    async () => {
      const bench = await openBench();
      scratch = await openedIn(":memory:", { agents: AGENTS });
      const tally = newTally("plans");
      const before = await keptBy(bench);
      await fc.assert(
        fc.asyncProperty(bad, async (one) => {
          const { input, at } = made(one);
          const read = await tried(() => readPlan(input, { agents: AGENTS }));
          if ("value" in read) {
            tally.accepted(one.hurts);
            await expectPlan(read.value);
            return;
          }
          expectPlace(read.refusal, at);
          const asked = await tried(() => door(bench, input));
          expect(asked).toMatchObject({ refusal: { code: read.refusal.code } });
          expect(await keptBy(bench)).toEqual(before);
          tally.refused(one.hurts, read.refusal.code);
        }),
        { numRuns: CASES, seed: sweepSeed, examples: eachAlone(readPlan(SMALL)) },
      );
      tally.expectWide({
        kinds: [...namesOf(hurtPlans), ...namesOf(brokenText)],
        codes: ["parse_failed", "validation_failed"],
      });
      expect(({} as Record<string, unknown>).goal).toBeUndefined();
    },
    SWEEP_MS,
  );
});
