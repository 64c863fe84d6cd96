import fc from "fast-check";
import type { Caller, Command } from "../../src/core/commands.js";
import { type Decision, decide } from "../../src/core/decide/index.js";
import { isLedgerError, type LedgerError } from "../../src/core/errors.js";
import type { JournalEvent } from "../../src/core/events.js";
import { type Action, nextActions } from "../../src/core/next.js";
import { workedStep } from "../../src/core/race.js";
import { awaitsApproval, findStep, type Run } from "../../src/core/run.js";
import * as cast from "./cast.js";
import { approval, create, criterion, planOf, type Said, stepSpec, usualCaller } from "./cast.js";
import { AT, RUN_ID, rules } from "./given.js";

/** Random runs: what random callers try, with a bias towards what is due, and what the rules answer. */

/** Plans whose steps wait for random earlier ones. */
const plans = fc
  .array(
    fc.record({
      needs: fc.array(fc.nat(3), { maxLength: 2 }),
      signed: fc.integer({ min: 0, max: 3 }).map((draw) => draw === 0),
      maxRetries: fc.nat(2),
      race: fc.option(
        fc.record({
          agents: fc.array(fc.constantFrom("coder", "reviewer"), { minLength: 2, maxLength: 3 }),
          pick: fc.constantFrom("first" as const, "smallest" as const),
        }),
        { nil: undefined, freq: 2 },
      ),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .chain((drawn) => fc.record({ drawn: fc.constant(drawn), criteria: fc.nat(2) }));

const planBy = (
  { drawn, criteria }: typeof plans extends fc.Arbitrary<infer T> ? T : never,
  racing: boolean,
) =>
  planOf(
    drawn.map(({ needs, signed, maxRetries, race }, index) =>
      stepSpec(`s${index}`, {
        maxRetries,
        dependsOn: [...new Set(needs.filter((need) => need < index).map((need) => `s${need}`))],
        ...(signed ? { validator: approval } : {}),
        ...(racing && !signed && race
          ? { race: { ...race, agents: ["coder", ...race.agents.slice(1)] } }
          : {}),
      }),
    ),
    Array.from({ length: criteria }, (_, index) => criterion(`criterion ${index}`)),
  );

export const worlds = fc
  .record({
    drawn: plans,
    workspaceIsolation: fc.boolean(),
    planned: fc.integer({ min: 0, max: 5 }).map((draw) => draw > 0),
    onUnmetCriteria: fc.constantFrom("fail", "pause"),
    changeValidator: fc.constantFrom("orchestrator", "human"),
  })
  // Without workspaces of their own there are no candidates.
  .map(({ drawn, ...world }) => ({ ...world, plan: planBy(drawn, world.workspaceIsolation) }));
export type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never;

/** What somebody may try; resolved against the run as it then is, so that many tries fit. */
const moves = fc.record({
  /** Half of the tries do what is due, so that runs get somewhere. */
  due: fc.boolean(),
  kind: fc.nat(999),
  step: fc.nat(7),
  speaker: fc.nat(11),
  luck: fc.nat(9),
});
type Move = typeof moves extends fc.Arbitrary<infer T> ? T : never;
export const stories = fc.record({ world: worlds, moves: fc.array(moves, { maxLength: 80, size: "max" }) });

const strangers: readonly Caller[] = [
  cast.orchestrator,
  cast.person,
  cast.engine,
  cast.executor("coder"),
  cast.executor("reviewer"),
  cast.host,
  { ...cast.orchestrator, sessionKey: "session-2" },
  cast.host,
];

const tries = (id: string, luck: number, world: World): readonly Said[] => [
  create(world.plan, { workspaceIsolation: world.workspaceIsolation }),
  create(),
  cast.attach(world.plan),
  ...[
    cast.start(id),
    cast.propose(id, luck > 7 ? "other" : "done", { patchBytes: luck }),
    cast.interrupt(id),
    cast.pass(id),
    cast.fail(id),
    cast.error(id, luck > 7 ? luck - 7 : undefined),
    cast.judge(id, { outcome: "passed", reason: "ok", head: "commit-9" }),
  ].map((said) => ofSome(id, luck, said)),
  cast.meet(luck % 3),
  cast.unmeet(luck % 3),
  cast.errorCriterion(luck % 3, luck > 7 ? luck - 7 : undefined),
  cast.policy(id, cast.retry, luck > 4 ? "again" : "because"),
  cast.policy(id, cast.skip),
  cast.policy(id, cast.escalate),
  cast.policy(id, cast.changeAgent(luck > 4 ? "reviewer" : "coder")),
  cast.policy(id, cast.changeValidator(luck > 4 ? approval : cast.tests)),
  cast.policy(
    id,
    cast.decompose(stepSpec(`${id}x`), stepSpec(`${id}y`, { dependsOn: luck > 4 ? [`${id}x`] : [] })),
  ),
  cast.approve(id),
  cast.reject(id),
  cast.note(`k${luck % 2}`, `v${luck % 3}`),
  cast.pause(),
  cast.resume(luck > 4),
  cast.loseWorker(luck),
  cast.mirror(),
  cast.reportStep(id, luck > 4 ? "completed" : "failed"),
  cast.reportRun(luck > 4 ? "completed" : "cancelled"),
  cast.sync(luck > 4 ? "synced" : "degraded"),
  cast.teammates(luck < 3 ? [] : [{ attempt: luck > 4 ? luck : null, reason: `r${luck % 2}` }]),
  ...(luck === 0 ? [cast.cancel(), cast.policy(id, cast.abort)] : []),
];

/** Of a raced step for one of its candidates, now and then for one that there is not or for none. */
const ofSome =
  (id: string, luck: number, said: Said): Said =>
  (run) => {
    const count = findStep(run, id)?.candidates.length ?? 0;
    return cast.say(luck < 9 && count > 0 ? cast.of((luck % (count + 1)) + 1, said) : said, run);
  };

const whatIsDue = (run: Run, { luck, step }: Move): Said => {
  const actions = nextActions(run);
  const action = actions[step % Math.max(actions.length, 1)];
  if (action !== undefined) return doing(run, action, luck);
  const waiting = run.steps.find(awaitsApproval);
  if (waiting !== undefined) return luck > 2 ? cast.approve(waiting.spec.id) : cast.reject(waiting.spec.id);
  return cast.resume(true);
};

export const doing = (run: Run, action: Action, luck: number): Said => {
  if (action.kind === "verify_criterion")
    return luck > 3 ? cast.meet(action.index) : cast.unmeet(action.index);
  if (action.kind === "end_child") return { ...cast.finishChild, childId: action.childId };
  if (action.kind === "tell_parent") return cast.tellParent;
  const { stepId } = action;
  if (action.kind === "verify")
    return ofIts(action, luck > 5 ? cast.pass(stepId) : luck > 2 ? cast.fail(stepId) : cast.error(stepId));
  if (action.kind === "work")
    return isBegun(run, action)
      ? ofIts(action, luck > 0 ? cast.propose(stepId, "done", { patchBytes: luck }) : cast.interrupt(stepId))
      : ofIts(action, cast.start(stepId));
  const decisions = [cast.abort, cast.escalate, cast.skip, cast.skip];
  return cast.policy(stepId, decisions[luck] ?? cast.retry);
};

type OfStep = Extract<Action, { kind: "work" | "verify" }>;

const ofIts = ({ candidate }: OfStep, said: Said): Said =>
  candidate === undefined ? said : cast.of(candidate, said);

const isBegun = (run: Run, { stepId, candidate }: OfStep): boolean => {
  const step = findStep(run, stepId);
  return step !== undefined && workedStep(step, candidate).state.status !== "pending";
};

type Answer = Decision | LedgerError;
type Turn = {
  readonly before: Run | undefined;
  readonly command: Command;
  readonly caller: Caller;
  readonly answer: Answer;
  /** The same command, caller and time, on another run. */
  readonly say: (run: Run | undefined) => Answer;
};
export type Story = {
  readonly turns: readonly Turn[];
  readonly history: readonly JournalEvent[];
  readonly run: Run;
};

export const tell = ({ world, moves: tried }: { world: World; moves: readonly Move[] }): Story => {
  const turns: Turn[] = [];
  const history: JournalEvent[] = [];
  const isolation = { workspaceIsolation: world.workspaceIsolation };
  const base = world.workspaceIsolation ? {} : { base: null };
  const first = create(world.planned ? world.plan : undefined, { ...isolation, ...base });
  let run: Run | undefined;
  const turn = (command: Command, caller: Caller, at: string): void => {
    const before = run;
    frozen(command);
    const say = (now: Run | undefined): Answer => answerOf(command, now, caller, at, world);
    const answer = say(before);
    if ("events" in answer) {
      run = frozen(answer.run);
      history.push(...answer.events);
    }
    turns.push({ before, command, caller, answer, say });
  };
  turn(first, cast.orchestrator, AT);
  tried.forEach((move, index) => {
    if (run === undefined) throw new Error("the first command made no run");
    const command = cast.say(chosen(run, move, world), run);
    const usual = usualCaller(command, run);
    const caller = move.speaker < 8 ? usual : (strangers[move.speaker % strangers.length] ?? usual);
    turn(command, caller, new Date(Date.parse(AT) + index * 1_200_000).toISOString());
  });
  if (run === undefined) throw new Error("the first command made no run");
  return { turns, history, run };
};

const chosen = (run: Run, move: Move, world: World): Said => {
  if (move.due) return whatIsDue(run, move);
  const id = run.steps[move.step]?.spec.id ?? run.steps[0]?.spec.id ?? "ghost";
  const all = tries(id, move.luck, world);
  return all[move.kind % all.length] ?? cast.pause();
};

export const answerOf = (
  command: Command,
  run: Run | undefined,
  caller: Caller,
  at: string,
  { onUnmetCriteria, changeValidator }: World,
): Answer => {
  try {
    return decide(
      command,
      run,
      { caller, at, rules: { ...rules, onUnmetCriteria, changeValidator } },
      RUN_ID,
    );
  } catch (error) {
    if (isLedgerError(error)) return error;
    throw error;
  }
};

/** Rules that change what they were handed fail loudly. */
const frozen = <T>(value: T): T => {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) frozen(member);
  return value;
};
