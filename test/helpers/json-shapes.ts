import * as z from "zod";
import { Budget, BudgetKind } from "../../src/core/budget-shape.js";
import { KeptCheckpoint, PassedOver, SignedCheckpoint } from "../../src/core/checkpoints.js";
import {
  EffectCall,
  EffectClass,
  EffectDecision,
  EffectOrigin,
  OnAmbiguous,
  Risk,
} from "../../src/core/effects.js";
import { errorKinds } from "../../src/core/errors.js";
import {
  Actor,
  Capture,
  EventBody,
  Evidence,
  PauseReason,
  PolicyAction,
  PolicyActionType,
  Waiver,
} from "../../src/core/events.js";
import { FailureReason, ForkPoint, ParentLink } from "../../src/core/family.js";
import { ExecutionView, IntentView } from "../../src/core/gate-calls.js";
import { PolicyDecision } from "../../src/core/gate-policy/decision.js";
import { intentStatuses } from "../../src/core/intents.js";
import { Mandate } from "../../src/core/mandates.js";
import { noticeTypes } from "../../src/core/notices.js";
import { Source } from "../../src/core/reported.js";
import { runStatuses } from "../../src/core/run.js";
import { CriterionSpec, Plan, StepSpec, ValidatorSpec } from "../../src/core/spec.js";
import { AtMost } from "../../src/core/spent.js";
import { Usage } from "../../src/core/usage.js";
import { IsolationLevel, Outcome, Verdict, VerdictReason } from "../../src/core/verdict.js";
import { effectStatuses } from "../../src/engine/effects/list.js";
import { stages } from "../../src/rollout/stage.js";
import { Intent } from "./intent-shapes.js";
import { Tracked, trackedShapes } from "./tracked-shapes.js";

/** What a command answers with --json, and how: docs/json.md is written from this, real output is checked against it. */
export type Shape =
  /** One line with one document. */
  | { readonly kind: "document"; readonly schema: z.ZodType }
  /** JSON Lines; `last` is a line of its own kind that ends them. */
  | { readonly kind: "lines"; readonly schema: z.ZodType; readonly last?: z.ZodType }
  /** No JSON of ours, and why. */
  | { readonly kind: "text"; readonly why: string };

/** Types with a name: written out once in the documentation. */
const named = <T extends z.ZodType>(id: string, schema: T): T => {
  z.globalRegistry.add(schema, { id });
  return schema;
};

for (const [id, schema] of Object.entries({
  Actor,
  Capture,
  CriterionSpec,
  EffectCall,
  ForkPoint,
  IntentView,
  ParentLink,
  Plan,
  PolicyAction,
  Source,
  StepSpec,
  ValidatorSpec,
  Verdict,
  Waiver,
}))
  named(id, schema);

const text = z.string();
const count = z.int().min(0);
const time = z.iso.datetime().describe("UTC, milliseconds");
const RefusalCount = z.strictObject({
  count,
  since: time.nullable().describe("when the last minute with one began"),
  inMinute: count,
});
/** DSSE; docs/receipts.md. */
const SignedEnvelope = z.strictObject({
  payloadType: text,
  payload: text.describe("base64 of the statement"),
  signatures: z.array(z.strictObject({ keyid: text, sig: text.describe("base64") })),
});
const PublishedKeys = z
  .array(
    z.strictObject({
      keyId: text,
      publicKey: text.describe("PEM, SPKI"),
      from: time,
      until: time.nullable().describe("null for the one that signs now"),
      untilPosition: count
        .nullable()
        .describe("the last event of the ledger, of all runs, that it may have signed for"),
      untilSignature: text.nullable().describe("over that, by a later key"),
      signature: text,
      formerSignature: text.nullable(),
      lost: z.boolean().describe("its private half was gone, so it does not vouch for the next one"),
    }),
  )
  .describe("the oldest first");
const runId = text.regex(/^run_[0-9a-f]{32}$/);
const status = z.enum(runStatuses);
const ErrorCode = named(
  "ErrorCode",
  z.enum(Object.keys(errorKinds) as [keyof typeof errorKinds, ...(keyof typeof errorKinds)[]]),
);
const how = z.enum(["verified", "approved", "skipped", "decomposed", "reported"]);
const Report = z.strictObject({ result: text, error: text });
const document = (fields: z.ZodRawShape) => z.strictObject({ schemaVersion: z.literal(1), ...fields });
const description = text.nullable().describe("what it is for, in its own words");
const problem = text.nullable().describe("what is wrong with the file; null where it can be read");
const policyFile = {
  name: text,
  file: text,
  readable: z.boolean().describe("one that is not blocks every intent that names it"),
  digest: text.nullable(),
};
const gate = {
  folder: text.describe("gate.policies"),
  environment: text.nullable().describe("gate.environment"),
};
const sdkKey = {
  id: text,
  kind: z.enum(["agent", "approver"]),
  name: text,
  sessionKey: text,
  destinations: z.array(text).nullable().describe("null: all of them"),
  policies: z.array(text).nullable(),
  createdAt: time,
  createdBy: text,
  expiresAt: time.nullable(),
  revokedAt: time.nullable(),
  revokedBy: text.nullable(),
};
const oneOf = (fields: z.ZodRawShape): Shape => ({ kind: "document", schema: document(fields) });

const Proposal = named(
  "Proposal",
  z.strictObject({ seq: count, at: time, result: text, evidence: z.array(Evidence), capture: Capture }),
);

/** What a step and one of its candidates can both be. */
const workStates = [
  z.strictObject({ status: z.literal("pending") }),
  z.strictObject({ status: z.literal("in_progress"), startedAt: time }),
  z.strictObject({
    status: z.literal("verify_pending"),
    proposal: Proposal,
    approval: z.strictObject({ by: Actor, at: time, reason: text }).nullable(),
    errors: count,
    lastError: Verdict.nullable(),
  }),
  z.strictObject({
    status: z.literal("completed"),
    how,
    completedAt: time,
    proposal: Proposal.nullable(),
    verdict: Verdict.nullable(),
  }),
  z.strictObject({
    status: z.literal("failed"),
    proposal: Proposal.nullable(),
    verdict: Verdict.nullable(),
  }),
  z.strictObject({ status: z.literal("interrupted"), reason: text, tail: text }),
] as const;

const StepState = named(
  "StepState",
  z.discriminatedUnion("status", [
    ...workStates,
    z.strictObject({ status: z.literal("racing"), startedAt: time }),
  ]),
);

const Feedback = named(
  "Feedback",
  z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("verdict"), attempt: count, verdict: Verdict }),
    z.strictObject({ kind: z.literal("interrupted"), attempt: count, reason: text, tail: text }),
  ]),
);

const OpenEffect = named(
  "OpenEffect",
  z.strictObject({
    call: EffectCall,
    since: time,
    seq: count.describe("its intent"),
    attempt: count,
    decision: EffectDecision.nullable().describe("what was said of it after a crash"),
    atMost: AtMost.optional().describe("what it may use at most, held of the run's budget"),
  }),
);

const Effects = z.strictObject({
  recorded: count,
  firstSeq: count.nullable().describe("first event that is about them"),
  open: z.array(OpenEffect),
  waits: z.array(
    z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("timer"), position: count, name: text, since: time, dueAt: time }),
      z.strictObject({
        kind: z.literal("promise"),
        position: count,
        name: text,
        since: time,
        tokenHash: text,
        madeIn: text.describe("the run that its token is bound to"),
        resolved: z.strictObject({ seq: count, outcome: text.describe("digest") }).nullable(),
      }),
      z.strictObject({
        kind: z.literal("child"),
        position: count,
        name: text,
        since: time,
        seq: count.describe("the event that started it"),
        childId: runId,
        finished: z.strictObject({ seq: count }).nullable(),
      }),
    ]),
  ),
  suspended: z.boolean().describe("nobody works on it before one of the waits is over"),
  checkpoint: SignedCheckpoint.pick({ id: true, turn: true, calls: true, agentVersion: true })
    .extend({ seq: count, depth: count.describe("so many in a row are stored as differences") })
    .nullable()
    .describe("what its agent remembered last"),
});

const ListedEffect = named(
  "ListedEffect",
  z.strictObject({
    stepId: text,
    attempt: count,
    candidate: z.int().min(1).nullable().describe("of a raced step"),
    position: count,
    name: text,
    class: EffectClass,
    risk: Risk,
    onAmbiguous: OnAmbiguous.nullable(),
    key: text.nullable().describe("of the business"),
    givenKey: text.describe("what the other side was given to know it by"),
    status: z.enum(effectStatuses),
    since: time.nullable().describe("null where only its end was recorded"),
    settledAt: time.nullable(),
    decision: z
      .strictObject({ decision: EffectDecision, reason: text, by: Actor, at: time })
      .nullable()
      .describe("after a crash"),
    held: z.boolean().describe("its attempt is over, and its key is held until a person decides"),
    error: text.nullable(),
    origin: EffectOrigin.nullable().describe("of one that is known: the intent of the first"),
    erased: z.boolean().describe("of one that is known: it is skipped, its result was erased with its run"),
    bytes: count.nullable().describe("of its result as JSON"),
    value: z.unknown().optional().describe("its result; when one effect is asked for"),
  }),
);

const Candidate = named(
  "Candidate",
  z.strictObject({
    candidate: z.int().min(1),
    agent: text,
    base: text.nullable(),
    feedback: Feedback.nullable(),
    fresh: z.boolean(),
    effects: Effects,
    state: z.discriminatedUnion("status", [
      ...workStates,
      z.strictObject({ status: z.literal("cancelled"), reason: text, proposal: Proposal.nullable() }),
    ]),
  }),
);

const Step = named(
  "Step",
  z.strictObject({
    spec: StepSpec,
    attempt: count.describe("current or last; 0 before the first"),
    retryCount: count,
    base: text.nullable(),
    feedback: Feedback.nullable(),
    fresh: z.boolean(),
    effects: Effects.describe("of the current or last attempt; of a raced step they are its candidates'"),
    candidates: z.array(Candidate).describe("who races for it; none when one agent works alone"),
    lastDecision: z.strictObject({ decision: PolicyAction, reason: text, attempt: count }).nullable(),
    report: Report.nullable().describe("of a step that a host works on"),
    state: StepState,
  }),
);

const Criterion = named(
  "Criterion",
  z.strictObject({
    spec: CriterionSpec,
    state: z.discriminatedUnion("status", [
      z.strictObject({ status: z.literal("unchecked"), errors: count }),
      z.strictObject({ status: z.literal("met"), at: time, verdict: Verdict }),
      z.strictObject({ status: z.literal("unmet"), at: time, verdict: Verdict }),
    ]),
  }),
);

const RunState = named(
  "RunState",
  z.discriminatedUnion("status", [
    z.strictObject({ status: z.literal("planning") }),
    z.strictObject({ status: z.literal("running") }),
    z.strictObject({
      status: z.literal("paused"),
      reason: z.enum([...PauseReason.options, "reported"]),
      message: text,
      stepId: text.nullable(),
      since: time,
      by: Actor,
    }),
    z.strictObject({ status: z.literal("completed"), at: time, summary: text }),
    z.strictObject({
      status: z.literal("failed"),
      at: time,
      reason: z.enum([...FailureReason.options, "reported"]),
      message: text,
      unmet: z.array(text),
    }),
  ]),
);

named("Usage", Usage);

const BudgetUses = z
  .array(z.strictObject({ kind: BudgetKind, limit: count, used: count.describe("or held") }))
  .describe("limits that hold, in tokens, billionths of a US dollar, milliseconds and attempts");

const Run = named(
  "Run",
  z.strictObject({
    runId,
    seq: count.describe("the last event folded in"),
    goal: text,
    originalRequest: text,
    sessionKey: text,
    createdBy: Actor,
    createdAt: time,
    updatedAt: time,
    forkedFrom: ForkPoint.nullable(),
    source: Source.nullable().describe("the host that drives it and reports it"),
    report: Report.nullable().describe("what its host said of it"),
    degraded: text.nullable().describe("why the host's table is behind this journal"),
    workspaceIsolation: z.boolean(),
    base: text.nullable().describe("commit everything started from"),
    head: text.nullable().describe("last verified commit"),
    planDigest: text.nullable(),
    protect: z.array(text),
    steps: z.array(Step),
    criteria: z.array(Criterion),
    notes: z.record(text, text),
    spending: z
      .array(z.strictObject({ stepId: text, attempt: count, candidate: count.optional(), usage: Usage }))
      .describe("what calls of models used; those under way are in `usage` of `show` alone"),
    budget: z
      .strictObject({
        set: Budget.describe("by a person, for this run"),
        warned: Budget.describe("limits of which it was said that they come near"),
        attempts: count,
        pausedMs: count,
      })
      .describe("what it knows of its budget beside the settings"),
    refusals: z
      .strictObject({
        count,
        vouched: RefusalCount.describe("of whom a credential vouches for"),
        unvouched: RefusalCount.describe("of nobody that is known"),
      })
      .describe("recorded calls of tools that credentials did not allow"),
    waivers: z.array(Waiver),
    workersLost: count,
    lastLostEpoch: count,
    parent: ParentLink.nullable().describe("the run that started it"),
    parentTold: z.boolean().describe("that run knows what became of it"),
    left: z
      .array(z.strictObject({ stepId: text, candidate: count.optional(), open: OpenEffect }))
      .describe("effects that earlier attempts left open under business keys"),
    checkpoint: SignedCheckpoint.pick({ id: true }).extend({ signature: text, seq: count }).nullable(),
    keptCheckpoints: z.array(KeptCheckpoint),
    passedOver: z
      .array(
        z.strictObject({
          ...PassedOver.shape,
          stepId: text,
          candidate: count.optional(),
          attempt: count,
          seq: count,
        }),
      )
      .describe("checkpoints that did not hold when an attempt went on"),
    blockedTeammates: z
      .array(
        z.strictObject({
          grantRequestId: text,
          attempt: count,
          agent: text,
          tool: text.nullable(),
          reason: text,
          since: time,
        }),
      )
      .describe("whom the host lets wait for a grant"),
    tracked: Tracked.nullable().describe("of a run without a plan, which its client records"),
    intents: z.array(Intent).describe("effects that need leave"),
    state: RunState,
  }),
);

const waiting = {
  for: z.enum(["nothing", "work", "person", "time", "child", "agent", "worker"]),
  sentence: text,
  hint: text.nullable().describe("what to type"),
  stepId: text.nullable(),
};

const stateWord = z
  .enum([
    ...runStatuses,
    ...(["undriven", "interrupted", "awaits agent", "asks you"] as const),
    ...(["active", "blocked", "quarantined"] as const),
  ])
  .describe("where it stands, as people are told");

const ListedRun = named(
  "ListedRun",
  z.strictObject({
    runId,
    goal: text,
    status,
    stateWord,
    interrupted: z.boolean().describe("due, and driven by nobody alive; or its client says so"),
    waiting: z
      .strictObject(waiting)
      .nullable()
      .describe("of one that is due and that nobody drives: what it waits for"),
    runnable: z.boolean(),
    wakeAt: count.nullable().describe("when its first timer is due, in milliseconds since 1970"),
    blocker: text.nullable().describe("what a person must answer"),
    sessionKey: text,
    stepsCompleted: count,
    stepsTotal: count,
    createdAt: time,
    updatedAt: time,
    lastSeq: count,
    lastHash: text,
    quarantine: z.strictObject({ seq: count, code: ErrorCode }).nullable(),
    usage: Usage.nullable().describe("null of a run that cannot be read here"),
    seal: z
      .enum(["plain", "open", "locked", "erased"])
      .describe(
        "locked: the key is not here; then, and when it is erased, goal and blocker say no more than that",
      ),
  }),
);

const PolicyRequest = named(
  "PolicyRequest",
  z.strictObject({
    stepId: text,
    stepGoal: text,
    attempt: count,
    verdict: Verdict.nullable(),
    reason: text,
    candidates: z
      .array(
        z.strictObject({
          candidate: z.int().min(1),
          agent: text,
          status: text,
          verdict: Verdict.nullable(),
          said: text,
        }),
      )
      .describe("who raced for it, and what became of each"),
    retryCount: count,
    maxRetries: count,
    allowedActions: z.array(PolicyActionType),
  }),
);

const header = {
  runId,
  seq: count.describe("dense in a run, from 1"),
  at: time,
  actor: Actor,
  sessionKey: text,
  position: count.describe("order over all runs of the ledger"),
  prevHash: text,
  hash: text,
};

const [first, ...others] = EventBody.options.map((body) =>
  body.extend({ schemaVersion: z.literal(1), ...header }),
);
if (first === undefined) throw new Error("There are no events.");
const Event = z.discriminatedUnion("type", [first, ...others]);

/** What all events have beside their type, version, attempt and payload. */
export const EventHeader = z.object(header);

const Summary = named(
  "Summary",
  document({
    type: z.literal("summary"),
    runId,
    goal: text,
    status,
    steps: z.array(
      z.strictObject({
        id: text,
        status: z.enum([
          "pending",
          "in_progress",
          "racing",
          "verify_pending",
          "completed",
          "failed",
          "interrupted",
        ]),
        how: how.nullable(),
        attempts: count,
      }),
    ),
    head: text.nullable(),
    waivers: z.array(Waiver),
  }),
);

const heldKeys = z
  .array(
    z.strictObject({
      stepId: text,
      attempt: count,
      candidate: count.optional(),
      position: z.int().min(0),
      key: text,
      name: text,
      since: time,
    }),
  )
  .describe(
    "effects that were left open with their attempt, and hold their business key until a person decides",
  );

const compactions = z
  .array(
    z.strictObject({
      stepId: text,
      attempt: count,
      count: count.describe("so often the conversation was shortened"),
      summaries: count.describe("of those, by a call of the model"),
    }),
  )
  .describe("conversations of language models that became too long, of present attempts");

const brokenCheckpoints = z
  .array(
    z.strictObject({
      stepId: text,
      attempt: count,
      candidate: z.int().min(1).nullable(),
      checkpoint: text,
      why: text.describe("in words that follow its id"),
      from: text.nullable().describe("the checkpoint that the attempt goes on from; null: the journal alone"),
      seq: count.nullable().describe("the event that says so; null: no agent has come past it yet"),
    }),
  )
  .describe("newer than what their attempt went on from, or would, and not as they were taken");

const answering = { runId, status, ...waiting };
const Standing = named("Standing", document(answering));
const standing: Shape = { kind: "document", schema: Standing };
const driven: Shape = { kind: "lines", schema: Event, last: Summary };
const Resumes = z.strictObject({
  schemaVersion: z.literal(1),
  type: z.literal("resumes"),
  runId,
  stepId: text,
  attempt: count,
  candidate: z.int().min(1).nullable(),
  agent: text,
  from: z
    .strictObject({
      checkpoint: text,
      turn: count,
      eventLogPosition: count,
      suggestedNextAction: text,
      blockedEffectKeys: count.describe("so many effects with a business key are not done again"),
    })
    .nullable()
    .describe("null: no checkpoint holds; from its first line, what was recorded is read back"),
  broken: z.array(z.strictObject({ id: text, why: text })).describe("newer ones that do not hold"),
});
const setting = { key: text, value: z.unknown() };
const RolloutStage = named("RolloutStage", z.enum(stages));
const Drift = named(
  "Drift",
  z.strictObject({
    digest: text.describe("the same difference has the same one"),
    kind: z.enum([
      "missing_in_projection",
      "missing_in_ledger",
      "unreadable_in_ledger",
      "run_status",
      "run_outcome",
      "run_facts",
      "step_order",
      "step_missing_in_projection",
      "step_missing_in_ledger",
      "step_status",
      "step_outcome",
      "step_facts",
    ]),
    id: text.describe("the host's"),
    stepId: text.nullable(),
    projection: text.nullable().describe("what the host's table says"),
    ledger: text.nullable(),
    explained: z.strictObject({ by: Actor, reason: text, at: time }).nullable(),
  }),
);
const Replayed = named(
  "Replayed",
  z.strictObject({
    truth: z.enum(["projection", "ledger"]),
    checked: count,
    repaired: z.array(text).describe("host's ids"),
    explained: z.array(text).describe("host's ids; what a person explained was left as it is"),
    failed: z.array(z.strictObject({ id: text.nullable(), error: text })),
  }),
);
const stageChange = {
  from: RolloutStage,
  to: RolloutStage,
  changes: z.array(z.strictObject({ key: text, value: z.boolean() })),
};

/** The one line on stderr when a command with --json fails. */
export const ErrorLine = document({
  type: z.literal("error"),
  error: z.strictObject({
    code: z.union([ErrorCode, z.literal("unexpected")]),
    message: text,
    hint: text.optional().describe("one sentence that mends it"),
    details: z.record(text, z.unknown()).optional().describe("facts such as `defects`, `paths`, ids"),
  }),
});

/** Closed: a test holds that every command of the tree is here, by its path. */
const mandateState = { state: z.enum(["active", "revoked", "expired"]) };
const [delegation, standingApproval] = Mandate.options;
const listedMandate = z.discriminatedUnion("kind", [
  z.strictObject({ ...delegation.shape, ...mandateState }),
  z.strictObject({ ...standingApproval.shape, ...mandateState }),
]);

export const jsonShapes: Readonly<Record<string, Shape>> = {
  init: oneOf({ file: text, created: z.boolean(), data: text }),
  run: driven,
  selftest: oneOf({
    goal: text,
    base: text.describe("commit that every submission was made from"),
    isolationLevel: Verdict.shape.isolationLevel,
    hasSolution: z.boolean(),
    validators: z.array(
      z.strictObject({
        name: text.describe("`step ID` or `criterion N`"),
        stepId: text.nullable(),
        validator: ValidatorSpec,
        trials: z.array(
          z.strictObject({
            submission: text,
            kind: z.enum(["nothing", "solution", "cheat"]),
            outcome: z.enum([...Outcome.options, "not_applicable"]),
            reason: VerdictReason.nullable(),
            message: text.describe("what the validator said, or why it was not asked"),
            durationMs: count,
            asItShould: z.boolean(),
          }),
        ),
      }),
    ),
    findings: z
      .array(
        z.strictObject({
          kind: z.enum(["vacuous", "gamed", "refuses_solution", "errored"]),
          validator: text.describe("its name"),
          submissions: z.array(text),
          message: text,
          hint: text,
        }),
      )
      .describe("empty when all validators bite"),
  }),
  resume: { kind: "lines", schema: z.union([Event, Resumes]), last: Summary },
  fork: { kind: "document", schema: Summary.extend({ forkedFrom: ForkPoint.nullable() }) },
  effect: oneOf({
    key: text,
    status: z.enum(["done", "skipped", "failed", "lost"]).describe("lost: killed, so nobody knows"),
    replayed: z.boolean().describe("it happened before, and nothing was done now"),
    exitCode: count,
    stdout: text.describe("what it printed, then or now"),
    truncated: z.boolean().describe("it printed more"),
  }),
  demo: { kind: "text", why: "it is a story for people" },
  plan: { kind: "text", why: "it is only a group of commands" },
  "plan show": oneOf({
    runId: runId.nullable().describe("null for a file"),
    state: z.enum(["proposed", "attached"]).describe("proposed: it waits for approval"),
    proposalSeq: count.nullable().describe("for `approve --proposal`; null when it waits for nobody"),
    plan: z.looseObject({}).describe("as planners write it: docs/plans.md"),
    commands: z.array(z.strictObject({ of: text, command: text })).describe("what a shell would run"),
  }),
  "plan edit": standing,
  approve: standing,
  deny: standing,
  policy: standing,
  decide: standing,
  budget: oneOf({ runId, status, budget: BudgetUses }),
  promises: oneOf({
    runId,
    promises: z.array(
      z.strictObject({
        id: text,
        name: text,
        stepId: text,
        attempt: count,
        candidate: z.int().min(1).nullable(),
        since: time,
        token: text.nullable().describe("with --reveal"),
      }),
    ),
  }),
  checkpoints: oneOf({
    runId,
    checkpoints: z.array(
      SignedCheckpoint.omit({ seal: true, previousSeal: true, journalHash: true }).extend({
        signature: text,
        seq: count.describe("the event that says it was signed"),
        at: time,
        holds: z.boolean(),
        thinned: z.boolean().describe("it was not needed any more, and is kept no longer"),
        why: text.nullable().describe("it does not hold, in words that follow its id"),
        passedOver: z
          .strictObject({ why: text, seq: count.describe("the event that says so") })
          .nullable()
          .describe("it did not hold when its attempt went on"),
        bytes: count.nullable().describe("as it is stored; null when it is not there"),
      }),
    ),
  }),
  checkpoint: oneOf({
    runId,
    checkpoints: z
      .array(
        SignedCheckpoint.pick({
          ...{ id: true, of: true, turn: true, eventLogPosition: true, contentHash: true },
        }),
      )
      .describe("one for each attempt under way that has a memory, or one of the run"),
  }),
  runs: { kind: "text", why: "it is only a group of commands" },
  "runs inspect": oneOf(trackedShapes.inspect),
  "runs events": oneOf(trackedShapes.events),
  "runs verify": oneOf(trackedShapes.verify),
  "runs checkpoint": oneOf(trackedShapes.checkpoint),
  "runs answer": oneOf(trackedShapes.answer),
  "runs resume": oneOf(trackedShapes.resume),
  schedules: oneOf({
    schedules: z.array(
      z.strictObject({
        name: text,
        cron: text,
        timeZone: text,
        plan: text,
        goal: text.describe('"": the plan\'s own'),
        catchUp: z.enum(["skip", "once", "all"]),
        enabled: z.boolean(),
        nextAt: time.nullable(),
        lastRun: z.strictObject({ runId, createdAt: time, status }).nullable(),
        problem: text.nullable().describe("why it could begin no run now"),
      }),
    ),
  }),
  notify: { kind: "text", why: "it is only a group of commands" },
  "notify list": oneOf({
    targets: z.array(
      z.strictObject({
        name: text,
        kind: z.enum(["program", "webhook"]),
        to: text.describe("the program, or the address without its path"),
        events: z.array(z.enum(noticeTypes)),
        toldAt: time.nullable(),
        error: text.nullable().describe("why the last try failed; null when it did not"),
        nextTryAt: time.nullable(),
        givenUp: count,
      }),
    ),
  }),
  "notify test": oneOf({
    targets: z.array(
      z.strictObject({
        name: text,
        told: z.boolean(),
        error: text.nullable().describe("why not; null when it was told"),
      }),
    ),
  }),
  children: oneOf({
    runId,
    parent: ParentLink.nullable().describe("the run that started this one"),
    children: z.array(
      z.strictObject({
        runId,
        name: text,
        stepId: text,
        attempt: count,
        candidate: z.int().min(1).nullable(),
        startedAt: time,
        status: z.enum(runStatuses).nullable().describe("as it stands now; null when it is not here"),
        finished: z.boolean().describe("its parent knows what became of it"),
      }),
    ),
  }),
  promise: { kind: "text", why: "it is only a group of commands" },
  "promise resolve": standing,
  pause: standing,
  cancel: standing,
  note: oneOf({ runId, key: text, value: text.nullable() }),
  apply: oneOf({ runId, applied: z.array(text), skipped: z.array(text) }),
  patch: oneOf({
    runId,
    patches: z.array(z.strictObject({ name: text, text })),
    written: z.array(text).describe("files, with --output"),
  }),
  list: oneOf({ runs: z.array(ListedRun) }),
  show: oneOf({
    run: Run,
    stateWord,
    waiting: z.strictObject(waiting),
    interrupted: z.boolean(),
    currentStepId: text.nullable(),
    currentBlocker: text.nullable(),
    origin: z.strictObject({ ledgerId: text, importedAt: time }).nullable(),
    receipt: z
      .strictObject({ keyId: text, digest: text })
      .nullable()
      .describe("of a run that ended: the key it is signed with, and the SHA-256 of the statement"),
    usage: Usage.describe("of all attempts"),
    budget: BudgetUses,
    policyRequests: z.array(PolicyRequest),
    compactions,
    brokenCheckpoints,
    heldKeys,
  }),
  why: oneOf({
    ...answering,
    brokenCheckpoints,
    heldKeys,
    isolationLevel: IsolationLevel.nullable().describe(
      "of the least safe verdict of the run; null without one",
    ),
  }),
  journal: { kind: "lines", schema: Event },
  logs: oneOf({
    runId,
    stepId: text,
    attempt: count,
    candidate: z.int().min(1).nullable().describe("of a raced step"),
    agent: text.nullable(),
    judge: text.nullable().describe("of the command that decided"),
    runs: z.array(text.nullable()).describe("of each run of the visible tests, in order"),
    heldOut: text.nullable().describe("of the held-out tests"),
    verdict: Verdict.nullable(),
  }),
  effects: oneOf({
    runId,
    effects: z.array(ListedEffect),
    blockedSideEffectKeys: z
      .array(text)
      .describe(
        "business keys that it, or the runs it was forked from, have taken: nothing more happens under them",
      ),
  }),
  metrics: oneOf({
    at: time,
    events: count.describe("that were ever appended; all else is of the runs that are here"),
    runs: z.record(z.enum(runStatuses), count),
    waiting: z.strictObject({
      runs: count.describe("that ask something of a person"),
      oldestSeconds: z.number().describe("how long the longest of them has asked; 0 when none does"),
    }),
    unattended: count.describe("runs in which something is due and that nobody holds"),
    unread: count.describe("runs with a part that cannot be read here, and is not counted"),
    attempts: z.array(z.strictObject({ agent: text, attempts: count })),
    verdicts: z.array(
      z.strictObject({
        of: z.enum(["step", "criterion"]),
        validator: text,
        outcome: Outcome,
        verdicts: count,
        waitedSeconds: z.number().describe("from claims to verdicts, added up; 0 of criteria and errors"),
      }),
    ),
    usage: z.array(
      z.strictObject({
        agent: text,
        model: text.nullable().describe("null of calls of which nobody said which one they asked"),
        ...Usage.shape,
      }),
    ),
    intents: z.record(z.enum(intentStatuses), count),
    refusals: z.array(z.strictObject({ code: text, refusals: count })),
    workersLost: count,
  }),
  status: oneOf({
    project: text,
    data: text,
    ledgerId: text,
    rollout: RolloutStage,
    runs: z.record(z.enum([...runStatuses, "interrupted", "waiting", "quarantined"]), count),
    agents: z.array(text),
    maxParallelSteps: count,
    workspaceIsolation: z.boolean(),
    staleTtlMs: count,
    validatorTimeoutMs: count,
    maxRunHistory: count,
    plannerMaxRetries: count,
    enabled: z.boolean(),
    shadow: z.boolean(),
    writeThrough: z.boolean(),
    authoritativeRead: z.boolean(),
    projectionRetired: z.boolean(),
    settings: z.record(text, z.unknown()).describe("every key, as it would stand in the file"),
  }),
  worker: { kind: "lines", schema: Event },
  serve: oneOf({
    url: text.describe("where it listens; said before anybody is answered"),
    mcpUrl: text.describe("for MCP clients"),
    metricsUrl: text.nullable().describe("for whatever keeps numbers; null without --metrics"),
  }),
  mcp: { kind: "text", why: "it speaks the Model Context Protocol" },
  "mcp install": oneOf({
    client: z.enum(["claude", "codex", "gemini", "opencode", "cursor"]),
    scope: z.enum(["project", "user"]),
    file: text,
    name: text.describe("of the server, in that file"),
    command: z.array(text).describe("empty with --url"),
    url: text.nullable().describe("where the client asks instead"),
    written: z.boolean().describe("false when it was there already, and with --print"),
    text: text.nullable().describe("with --print: a file with this entry alone"),
  }),
  credential: oneOf({
    credential: text.describe("a secret: whoever has it is this caller"),
    role: z.enum(["orchestrator", "executor"]),
    name: text,
    sessionKey: text,
    runId: runId.nullable(),
    stepId: text.nullable(),
    attempt: z.int().min(1).nullable(),
    candidate: z.int().min(1).nullable(),
    expiresAt: time,
  }),
  mandate: { kind: "text", why: "it is only a group of commands" },
  "mandate delegate": oneOf({ mandate: listedMandate }),
  "mandate approve": oneOf({ mandate: listedMandate }),
  "mandate list": oneOf({ mandates: z.array(listedMandate) }),
  "mandate revoke": oneOf({ mandate: listedMandate }),
  intents: { kind: "text", why: "it is only a group of commands" },
  "intents list": oneOf({ intents: z.array(IntentView) }),
  "intents show": oneOf({
    intent: IntentView,
    payload: z
      .strictObject({ text: text.nullable(), base64: text.nullable().describe("where it is no text") })
      .optional()
      .describe("with --payload; both null where it is not there any more"),
  }),
  "intents approve": oneOf({ intent: IntentView }),
  "intents deny": oneOf({ intent: IntentView }),
  "intents cancel": oneOf({ intent: IntentView }),
  "intents propose": oneOf({ intent: IntentView }),
  "intents execute": oneOf(ExecutionView.shape),
  "intents report": oneOf({ intent: IntentView }),
  "sdk-key": { kind: "text", why: "it is only a group of commands" },
  "sdk-key create": oneOf({
    sdkKey: text.describe("a secret, printed this once"),
    ...sdkKey,
  }),
  "sdk-key list": oneOf({
    sdkKeys: z.array(
      z.strictObject({ ...sdkKey, state: z.enum(["active", "expired", "revoked", "altered"]) }),
    ),
  }),
  "sdk-key revoke": oneOf(sdkKey),
  "gate-policy": { kind: "text", why: "it is only a group of commands" },
  "gate-policy list": oneOf({
    ...gate,
    policies: z.array(z.strictObject({ ...policyFile, description, problem })),
  }),
  "gate-policy show": oneOf({
    ...{ name: text, file: text, digest: text, environment: gate.environment },
    policy: z.looseObject({}).describe("as its file says it"),
    rules: z.looseObject({}).describe("as they hold in the environment, with what is left out"),
  }),
  "gate-policy check": oneOf({
    ok: z.boolean(),
    ...gate,
    policies: z.array(
      z.strictObject({
        ...policyFile,
        problem,
        defects: z.array(z.strictObject({ where: text, path: text, found: text, expected: text })),
        remarks: z.array(text).describe("what is right and may still not be meant"),
      }),
    ),
  }),
  "gate-policy test": oneOf({
    passed: count,
    failed: count,
    policies: z.array(
      z.strictObject({
        name: text,
        file: text.describe("where the cases are, or would be"),
        problem,
        cases: z.array(
          z.strictObject({
            name: text,
            passed: z.boolean(),
            expected: z.looseObject({ outcome: text }),
            decision: z.strictObject(PolicyDecision.shape),
          }),
        ),
      }),
    ),
  }),
  "gate-policy schema": { kind: "text", why: "it prints a JSON Schema, as it is" },
  config: { kind: "text", why: "it is only a group of commands" },
  "config get": oneOf(setting),
  "config set": oneOf({ ...setting, file: text }),
  "config unset": oneOf({ ...setting, file: text }),
  "config list": oneOf({ settings: z.array(z.strictObject({ ...setting, origin: text })) }),
  "config schema": { kind: "text", why: "it prints a JSON Schema, as it is" },
  "config migrate": oneOf({
    file: text,
    dryRun: z.boolean(),
    moved: z.array(z.strictObject({ move: text, key: text, how: text })),
    others: z.array(text).describe("sections that are another program's"),
    backup: text.nullable().describe("where the old text is; null when nothing was written"),
  }),
  settings: { kind: "text", why: "it is a screen" },
  doctor: oneOf({
    findings: z.array(
      z.strictObject({
        check: text,
        status: z.enum(["ok", "warn", "fail"]),
        message: text,
        fix: text.nullable(),
        mended: text.nullable().describe("what --fix did about it"),
      }),
    ),
  }),
  verify: oneOf({
    runs: count,
    events: count,
    snapshots: count,
    keys: count,
    blobs: count.describe("as often as events name them"),
    checkpoints: count,
    receipts: count,
    passedOver: z
      .array(z.strictObject({ runId, seq: count, checkpoint: text, why: text }))
      .describe("checkpoints that did not hold when an attempt went on, as journals say; the first thousand"),
    anchor: z.strictObject({
      state: z
        .enum(["none", "holds", "behind"])
        .describe("behind: the database is an earlier or another one"),
      position: count.nullable(),
      later: count.describe("positions given out after it"),
    }),
    flaws: z
      .array(
        z.strictObject({
          kind: z.enum([
            "file",
            "anchor",
            "chain",
            "event",
            "list",
            "snapshot",
            "key",
            "blob",
            "checkpoint",
            "lineage",
            "seal",
            "receipt",
          ]),
          runId: runId.nullable(),
          seq: count.nullable().describe("the event it stands at"),
          message: text,
        }),
      )
      .describe("the first thousand; with one the exit code is 1"),
    flawsInAll: count,
    unread: z
      .array(z.strictObject({ runId, because: z.enum(["locked", "erased", "gone"]) }))
      .describe(
        "runs of which only the chain could be checked, or, gone with their archive, the signed receipt; the first thousand",
      ),
    unreadInAll: count,
  }),
  export: oneOf({
    runId,
    file: text.describe("with --output; without it the bundle itself, docs/keeping.md"),
  }),
  import: oneOf({
    runId,
    status,
    arrived: z.boolean().describe("false: it was here already"),
    commits: z.enum(["here", "missing", "none"]),
    receipt: z
      .strictObject({ ledgerId: text, keyId: text })
      .nullable()
      .describe("that came with it: the ledger that signed it, and with which key"),
  }),
  prune: oneOf({
    dryRun: z.boolean(),
    runs: z.array(
      z.strictObject({
        runId,
        goal: text,
        beyond: z.enum(["count", "age", "size"]).describe("the limit that it was beyond"),
        bytes: count.describe("of its events in the database, about"),
        checkpointBytes: count.describe("of its checkpoints, which go with it"),
        archive: text.nullable(),
      }),
    ),
    journalBytes: count.describe("of all their events"),
    checkpointBytes: count.describe("of all their checkpoints"),
    blobs: count.describe("pieces of output that no run names any more, untouched for two days"),
    blobBytes: count,
    fileBytes: count
      .nullable()
      .describe("by which the database's file became smaller; null: known afterwards"),
    stays: z.array(z.strictObject({ runId, code: ErrorCode, message: text })),
  }),
  receipt: { kind: "text", why: "it is only a group of commands" },
  "receipt show": oneOf({
    runId,
    keyId: text,
    digest: text.describe("SHA-256 of the statement"),
    envelope: SignedEnvelope,
    testResults: z.array(SignedEnvelope).describe("of each step and criterion that a validator decided on"),
    signer: z
      .strictObject({ ledgerId: text, keys: PublishedKeys })
      .nullable()
      .describe(
        "of a run that was imported: the ledger that signed it, and its keys, as they came with the run",
      ),
  }),
  "receipt verify": oneOf({
    verified: z.literal(true).describe("a receipt that is refused is an error, `receipt_refused`"),
    keyId: text,
    lookedUp: z
      .array(
        z.strictObject({
          what: z.enum(["commit", "tree", "journal"]),
          id: text,
          found: z.boolean().nullable().describe("null: no ledger here has that run"),
        }),
      )
      .describe("in the repository of --repo, and without --key in the ledger"),
    statement: z.looseObject({ predicateType: text }).describe("docs/receipts.md"),
  }),
  "receipt keys": oneOf({ ledgerId: text, keys: PublishedKeys }),
  "receipt rotate": oneOf({
    keyId: text,
    formerKeyId: text,
    formerLost: z
      .boolean()
      .describe("the private half of the former key was gone, so it does not vouch for this one"),
    lost: z.boolean().describe("the same under its former name"),
  }),
  keys: { kind: "text", why: "it is only a group of commands" },
  "keys show": oneOf({
    isOn: z.boolean().describe("new runs are sealed"),
    algorithm: text,
    root: z.strictObject({
      from: z.enum(["file", "environment", "command", "none"]),
      id: text.nullable(),
      state: z.enum(["none", "here", "missing"]).describe("none: nothing was sealed yet"),
    }),
    ledgerKeyId: text.nullable(),
    signingKeyId: text.nullable().describe("of receipts"),
    runs: z.strictObject({ sealed: count, erased: count, plain: count }),
  }),
  "keys rotate": oneOf({
    rootId: text,
    formerRootId: text,
    runs: count.describe("whose keys were wrapped anew"),
  }),
  erase: oneOf({
    runId,
    dryRun: z.boolean(),
    archive: text.nullable().describe("of a run that was archived: nobody can read it any more"),
    relatives: z
      .array(
        z.strictObject({
          runId,
          relation: z.enum(["parent", "child", "source", "fork"]).describe("what it is to `of`"),
          of: text.describe("the run that was asked for, or a relative nearer to it"),
          status,
          seal: z.enum(["plain", "open", "locked"]),
        }),
      )
      .describe("runs that stay and may hold what it told"),
  }),
  gc: oneOf({
    dryRun: z.boolean(),
    blobs: count,
    blobBytes: count,
    workspaces: z.array(text),
    logs: z.array(text),
    setups: count.describe("copies of what set-up made, unused for a week"),
    setupBytes: count,
    drafts: count.describe("bundles that a killed export left unfinished"),
    checkpoints: count.describe("that were thinned out, and whose bytes a crash left"),
    checkpointBytes: count,
    unread: z.array(text).describe("runs whose journal could not be read: their checkpoints stay"),
    storeBytes: z.int().nullable().describe("null: known when they are removed"),
    fileBytes: z.int().nullable().describe("by which the database's file became smaller"),
  }),
  tui: { kind: "text", why: "it is a screen for people; list, show and journal have the same for programs" },
  rollout: { kind: "text", why: "it is only a group of commands" },
  "rollout status": oneOf({
    stage: RolloutStage,
    table: z.strictObject({ name: text, file: text }).nullable(),
    runs: z.strictObject({ synced: count, pending: count, degraded: count }).nullable(),
    degraded: z
      .array(z.strictObject({ id: text, since: time, error: text }))
      .describe("the newest, at most twenty; all are counted in `runs`"),
  }),
  "rollout drift": oneOf({ unexplained: count, explained: count, drift: z.array(Drift) }),
  "rollout explain": oneOf({ explained: z.array(text).describe("digests"), reason: text }),
  "rollout replay": oneOf(Replayed.shape),
  "rollout advance": oneOf(stageChange),
  "rollout retreat": oneOf({ ...stageChange, replayed: Replayed }),
  completion: oneOf({ shell: z.enum(["bash", "zsh", "fish"]), script: text }),
  help: { kind: "text", why: "it is a text for people" },
};
