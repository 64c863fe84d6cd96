import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideIntent, refusedPolicy } from "../../../src/core/gate-policy/decide.js";
import { PolicyDecision } from "../../../src/core/gate-policy/decision.js";
import type { GateFacts, IntentFacts } from "../../../src/core/gate-policy/facts.js";
import { policyDigest, readGatePolicy } from "../../../src/core/gate-policy/schema.js";
import { intentOf, quiet } from "./given.js";

const policyOf = (value: unknown) => {
  const read = readGatePolicy(value);
  if ("policy" in read) return read.policy;
  throw new TypeError(JSON.stringify(read.flaws));
};
const flawsOf = (value: unknown): readonly string[] => {
  const read = readGatePolicy(value);
  return "policy" in read ? [] : read.flaws.map(({ at, expected }) => `${at.join(".")}: ${expected}`);
};

/** `outcome reason`. */
const decided = (policy: unknown, intent: IntentFacts = intentOf(), facts: GateFacts = quiet): string => {
  const { outcome, reason } = decideIntent(policyOf(policy), intent, facts);
  return `${outcome} ${reason}`;
};
const BLOCKED_UNREADABLE = "blocked payload_unreadable";
const json = (value: unknown) => intentOf({ type: "json", text: JSON.stringify(value) });

describe("an intent", () => {
  it("waits for a person where no rule says anything", () => {
    expect(decideIntent(policyOf({}), intentOf(), quiet)).toEqual({
      outcome: "pending",
      reason: "manual_review_required",
      detail: expect.any(String),
      approvalsNeeded: 1,
      expiresAfterMs: 3_600_000,
      onNoResponse: "reject",
      remindAfterMs: null,
      risk: "low",
    });
  });

  it("is blocked without a policy", () => {
    expect(decideIntent(undefined, intentOf(), quiet)).toMatchObject({
      outcome: "blocked",
      reason: "policy_not_found",
    });
    expect(refusedPolicy("policy_invalid", "x")).toMatchObject({
      outcome: "blocked",
      reason: "policy_invalid",
      detail: "x",
    });
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    "is blocked with a count of %s",
    (recordCount) => {
      expect(decided({ require_approval: "never" }, intentOf({ recordCount }))).toBe(
        "blocked intent_invalid",
      );
    },
  );

  it.each([-0.01, Number.NaN, Number.POSITIVE_INFINITY])("is blocked with a value of %s", (valueUsd) => {
    expect(decided({ require_approval: "never" }, intentOf({ valueUsd }))).toBe("blocked intent_invalid");
  });

  it("may be of a value with cents", () => {
    expect(decided({ require_approval: "never" }, intentOf({ valueUsd: 19.99 }))).toBe(
      "approved approved_by_policy",
    );
  });
});

describe("rules about where, what and whose", () => {
  it("block destinations that are not listed, letter for letter", () => {
    const policy = { destinations: ["salesforce.import"], require_approval: "never" };
    expect(decided(policy)).toBe("approved approved_by_policy");
    for (const destination of [
      "salesforce.export",
      "Salesforce.import",
      "salesforce.import ",
      "constructor",
      "",
    ])
      expect(decided(policy, intentOf({ destination }))).toBe("blocked destination_not_allowed");
    expect(decided({ destinations: [] })).toBe("blocked destination_not_allowed");
  });

  it("block types that are not listed; case and dot make no difference", () => {
    expect(decided({ allowed_types: [".CSV"], require_approval: "never" })).toBe(
      "approved approved_by_policy",
    );
    expect(decided({ allowed_types: ["json"] })).toBe("blocked type_not_allowed");
    expect(decided({ allowed_types: [] })).toBe("blocked type_not_allowed");
  });

  it("ask for a profile, whole", () => {
    const policy = { require_profile: "email.send.v1", require_approval: "never" };
    const said = { profile: "email.send.v1", to: "a@b.c", subject: "Hello" };
    expect(decided(policy, intentOf({ metadata: said }))).toBe("approved approved_by_policy");
    for (const metadata of [
      {},
      { ...said, profile: "x" },
      { ...said, to: " " },
      { ...said, to: null },
      Object.create(said) as Record<string, unknown>,
    ])
      expect(decided(policy, intentOf({ metadata }))).toBe("blocked profile_required");
  });

  it("count the agent's intents, and zero is a limit", () => {
    const policy = {
      rate_limits: { per_agent_per_hour: 2, per_agent_per_day: 5 },
      require_approval: "never",
    };
    const counts = (proposalsLastHour: number, proposalsLastDay: number) =>
      decided(policy, intentOf(), { proposalsLastHour, proposalsLastDay });
    expect(counts(1, 4)).toBe("approved approved_by_policy");
    expect(counts(2, 4)).toBe("blocked rate_limit_exceeded");
    expect(counts(1, 5)).toBe("blocked rate_limit_exceeded");
    expect(counts(Number.NaN, 0)).toBe("blocked rate_limit_exceeded");
    expect(counts(-1, 0)).toBe("blocked rate_limit_exceeded");
    expect(decided({ rate_limits: { per_agent_per_day: 0 } })).toBe("blocked rate_limit_exceeded");
  });
});

describe("rules about content", () => {
  const CONTENT_RULES = [
    { field_checks: [{ path: "a", required: true }] },
    { allowed_recipients: ["*@b.c"] },
    { block_if_terms: ["sue"] },
    { block_if_pii: true },
  ];

  it.each(CONTENT_RULES)("block what cannot be read: %o", (rule) => {
    const never = { ...rule, require_approval: "never" };
    expect(decided(never, intentOf({ text: null }))).toBe(BLOCKED_UNREADABLE);
    expect(decided(never, intentOf({ text: "\0" }))).toBe(BLOCKED_UNREADABLE);
  });

  it("ask for nothing where there is nothing to ask", () => {
    const policy = { field_checks: [], block_if_terms: [], block_if_pii: false, require_approval: "never" };
    expect(decided(policy, intentOf({ text: null }))).toBe("approved approved_by_policy");
    expect(decided({ ...policy, block_if_pii: [] }, intentOf({ text: null }))).toBe(
      "approved approved_by_policy",
    );
  });

  it.each([
    [{ path: "n", max: 500 }, { n: 500 }, true],
    [{ path: "n", max: 500 }, { n: 500.01 }, false],
    [{ path: "n", max: 0 }, { n: 1 }, false],
    [{ path: "n", min: 0 }, { n: 0 }, true],
    [{ path: "n", min: 0 }, { n: -1 }, false],
    [{ path: "n", max: 500 }, { n: "400" }, false],
    [{ path: "n", max: 500 }, { n: null }, false],
    [{ path: "n", max: 500 }, {}, true],
    [{ path: "n", max: 500, required: true }, {}, false],
    [{ path: "n", required: true }, { n: null }, false],
    [{ path: "n", required: true }, { n: "" }, false],
    [{ path: "n", required: true }, { n: 0 }, true],
    [{ path: "n", required: true }, { n: false }, true],
    [{ path: "a.b.1", required: true }, { a: { b: [1, 2] } }, true],
    [{ path: "a.length", required: true }, { a: [] }, false],
    [{ path: "constructor", required: true }, {}, false],
    [{ path: "__proto__", required: true }, {}, false],
    [{ path: "a", max_length: 2 }, { a: "😀😀" }, true],
    [{ path: "a", max_length: 2 }, { a: "abc" }, false],
    [{ path: "a", max_length: 0 }, { a: "" }, true],
    [{ path: "a", max_length: 1 }, { a: [1, 2] }, false],
    [{ path: "a", max_length: 9 }, { a: 1 }, false],
    [{ path: "a", pattern: "^[a-z]+$" }, { a: "abc" }, true],
    [{ path: "a", pattern: "^[a-z]+$" }, { a: "abc\n" }, false],
    [{ path: "a", pattern: "." }, { a: 1 }, false],
    [{ path: "a", pattern: "." }, { a: "x".repeat(10_001) }, false],
  ])("check fields: %o of %o: %s", (check, payload, passes) => {
    const outcome = decided({ field_checks: [check], require_approval: "never" }, json(payload));
    expect(outcome).toBe(passes ? "approved approved_by_policy" : "blocked field_check_failed");
  });

  it("check no fields of what two readers could read in two ways", () => {
    const policy = { field_checks: [{ path: "n", max: 5 }], require_approval: "never" };
    for (const text of [
      '{"n":1,"n":900}',
      '{"n":1,"\\u006e":900}',
      '{"a":[{"n":1,"n":2}],"n":1}',
      "{n:1}",
      '{"n":1} x',
      "",
      "\ufeff{}",
    ])
      expect(decided(policy, intentOf({ text }))).toBe(BLOCKED_UNREADABLE);
    expect(decided(policy, intentOf({ text: '{"a":{"n":1},"b":{"n":1},"n":"n","x":["n","n"]}' }))).toBe(
      "blocked field_check_failed",
    );
    expect(decided(policy, intentOf({ text: '{"a":{"n":1},"b":{"n":1},"n":2,"x":["n","n"]}' }))).toBe(
      "approved approved_by_policy",
    );
    expect(decided(policy, intentOf({ text: '{"n":1e999}' }))).toBe("blocked field_check_failed");
  });

  it.each([
    [{ to: "ann@corp.example" }, true],
    [{ to: "ANN@Corp.Example", cc: ["bo@corp.example", "eve@else.example"] }, true],
    [{ to: "ann@corp.example", bcc: "x@evil.example" }, false],
    [{ To: "x@evil.example", to: "ann@corp.example" }, false],
    [{ to: "ann@corp.example", message: { recipients: ["x@evil.example"] } }, false],
    [{ to: "ann@corp.example, x@evil.example" }, false],
    [{ to: "Ann <ann@corp.example>" }, false],
    [{ to: { address: "ann@corp.example" } }, false],
    [{ to: "a@b@corp.example" }, false],
    [{ to: "ann@sub.corp.example" }, false],
    [{ to: "corp.example" }, false],
    [{ to: "ann@\u212aorp.example" }, false],
    [{ to: [] }, false],
    [{ to: "" }, false],
    [{ text: "hi" }, false],
    [{ to: "ann@corp.example", cc: [], bcc: null }, true],
  ])("allow recipients: %o: %s", (payload, passes) => {
    const policy = { allowed_recipients: ["*@corp.example", "eve@else.example"], require_approval: "never" };
    expect(decided(policy, json(payload))).toBe(
      passes ? "approved approved_by_policy" : "blocked recipient_not_allowed",
    );
  });

  it("block terms and say which", () => {
    const policy = policyOf({ block_if_terms: ["no risk", "sue"], require_approval: "never" });
    const found = decideIntent(policy, intentOf({ text: "There is n0 r!sk." }), quiet);
    expect(found).toMatchObject({
      reason: "blocked_term_detected",
      detail: 'The payload holds the term "no risk".',
    });
    expect(decideIntent(policy, intentOf({ text: "an issue" }), quiet).outcome).toBe("approved");
  });

  it.each([
    ["email", "write to ada@example.com"],
    ["email", "ada%40example.com"],
    ["phone", "call +49 151 2345 6789"],
    ["phone", "(555) 123-4567"],
    ["card", "4111 1111 1111 1111"],
    ["card", "card=4111111111111111;"],
    ["card", "4111 1111 1111 1111 123"],
    ["card", "4111111111111111 12/28"],
    ["card", "2026 4111-1111-1111-1111 12 28 123"],
    ["card", "4111 1111 1111 1111 1234 5678"],
    ["iban", "DE89 3704 0044 0532 0130 00 please"],
    ["iban", "DE88 3704 0044 0532 0130 00 camera DE89 3704 0044 0532 0130 00 ok"],
    ["ssn", "078-05-1120"],
    ["ssn", "０７８-０５-１１２０"],
  ])("block personal data of the kind %s: %s", (kind, text) => {
    const intent = intentOf({ text });
    expect(decided({ block_if_pii: [kind], require_approval: "never" }, intent)).toBe(
      "blocked sensitive_data_detected",
    );
    expect(decided({ block_if_pii: true }, intent)).toBe("blocked sensitive_data_detected");
  });

  it.each([
    "4111 1111 1111 1112",
    "order 12345678901234567890",
    "000-12-3456",
    "DE00 3704 0044 0532 0130 00",
    "at 12:30 @home",
  ])("do not take for personal data: %s", (text) => {
    expect(decided({ block_if_pii: true, require_approval: "never" }, intentOf({ text }))).toBe(
      "approved approved_by_policy",
    );
  });
});

describe("rules about approval", () => {
  it("are inclusive where they approve and exclusive where they ask", () => {
    const at = (recordCount: number | null, policy: unknown) => decided(policy, intentOf({ recordCount }));
    expect(at(100, { auto_approve_under: 100 })).toBe("approved approved_by_policy");
    expect(at(101, { auto_approve_under: 100 })).toBe("pending manual_review_required");
    expect(at(100, { require_approval_over: 100, require_approval: "never" })).toBe(
      "approved approved_by_policy",
    );
    expect(at(101, { require_approval_over: 100, require_approval: "never" })).toBe(
      "pending record_threshold_exceeded",
    );
  });

  it("take zero for a number", () => {
    const at = (recordCount: number, policy: unknown) => decided(policy, intentOf({ recordCount }));
    expect(at(0, { auto_approve_under: 0 })).toBe("approved approved_by_policy");
    expect(at(1, { auto_approve_under: 0 })).toBe("pending manual_review_required");
    expect(at(1, { require_approval_over: 0, auto_approve_under: 5 })).toBe(
      "pending record_threshold_exceeded",
    );
    expect(at(0, { require_approval_over: 0, require_approval: "never" })).toBe(
      "approved approved_by_policy",
    );
  });

  it("take what is not told for too much", () => {
    const untold = intentOf({ recordCount: null, valueUsd: null });
    expect(decided({ auto_approve_under: 5 }, untold)).toBe("pending manual_review_required");
    expect(decided({ require_approval_over: 5, require_approval: "never" }, untold)).toBe(
      "pending record_threshold_exceeded",
    );
    expect(decided({ require_approval_over_usd: 5, require_approval: "never" }, untold)).toBe(
      "pending value_threshold_exceeded",
    );
  });

  it("approve only within every line there is", () => {
    const policy = { auto_approve_under: 10, auto_approve_under_usd: 50 };
    const at = (recordCount: number, valueUsd: number) =>
      decided(policy, intentOf({ recordCount, valueUsd }));
    expect(at(10, 50)).toBe("approved approved_by_policy");
    expect(at(11, 50)).toBe("pending manual_review_required");
    expect(at(10, 50.01)).toBe("pending manual_review_required");
  });

  it.each([
    [{ require_approval: "always", auto_approve_under: 100 }, "pending approval_always_required"],
    [{ require_approval_for: "org_wide", auto_approve_under: 100 }, "pending scope_requires_approval"],
    [
      { require_approval_for: ["x", "Org-Wide"], require_approval: "never" },
      "pending scope_requires_approval",
    ],
    [{ require_approval_over: 5, auto_approve_under: 100 }, "pending record_threshold_exceeded"],
    [{ require_approval: "never", auto_approve_under: 5 }, "pending manual_review_required"],
    [{ require_approval: "never" }, "approved approved_by_policy"],
  ])("let the stronger one decide: %o", (policy, expected) => {
    expect(decided(policy, intentOf({ scope: "ORG_WIDE" }))).toBe(expected);
  });

  it("look at scope, tags and action alike", () => {
    const policy = { require_approval_for: ["delete", "health"], require_approval: "never" };
    expect(decided(policy, intentOf({ action: "Delete" }))).toBe("pending scope_requires_approval");
    expect(decided(policy, intentOf({ tags: ["x", "health"] }))).toBe("pending scope_requires_approval");
    expect(decided(policy, intentOf({ scope: "team" }))).toBe("approved approved_by_policy");
  });

  it("say how many, how long, and what silence means", () => {
    const policy = policyOf({
      require_approvals: 2,
      expiry_minutes: 30,
      remind_after_minutes: 10,
      on_no_response: "escalate",
    });
    expect(decideIntent(policy, intentOf(), quiet)).toMatchObject({
      approvalsNeeded: 2,
      expiresAfterMs: 1_800_000,
      remindAfterMs: 600_000,
      onNoResponse: "escalate",
    });
  });

  it("let silence approve only where the risk is low and no rule named the intent", () => {
    const silence = (rest: object, intent = intentOf()) =>
      decideIntent(policyOf({ on_no_response: "auto_approve_if_low_risk", ...rest }), intent, quiet)
        .onNoResponse;
    expect(silence({})).toBe("auto_approve_if_low_risk");
    expect(silence({ require_approval: "always" })).toBe("auto_approve_if_low_risk");
    expect(silence({}, intentOf({ destination: "stripe.refund" }))).toBe("reject");
    expect(silence({}, intentOf({ text: null }))).toBe("reject");
    expect(silence({ require_approval_over: 5 })).toBe("reject");
    expect(silence({ require_approval_for: "x" }, intentOf({ scope: "x" }))).toBe("reject");
  });
});

describe("an environment", () => {
  const policy = {
    auto_approve_under: 10,
    block_if_terms: ["sue"],
    environments: {
      production: { auto_approve_under: 1, require_approval: "always" },
      staging: { auto_approve_under: 1_000, block_if_terms: [] },
    },
  };
  const at = (environment: string | null, recordCount: number, text = "x") =>
    decided(policy, intentOf({ environment, recordCount, text }));

  it("puts its rules in the place of the general ones", () => {
    expect(at(null, 10)).toBe("approved approved_by_policy");
    expect(at("elsewhere", 10)).toBe("approved approved_by_policy");
    expect(at("production", 1)).toBe("pending approval_always_required");
    expect(at("staging", 1_000, "we sue")).toBe("approved approved_by_policy");
    expect(at("production", 1, "we sue")).toBe("blocked blocked_term_detected");
  });

  it("is none that only objects have", () => {
    for (const environment of ["constructor", "__proto__", "toString"])
      expect(at(environment, 10)).toBe("approved approved_by_policy");
  });

  it("is not what the intent says of itself", () => {
    const intent = intentOf({
      recordCount: 1_000,
      metadata: { environment: "staging" },
      tags: ["staging"],
      scope: "staging",
    });
    expect(decided(policy, intent)).toBe("pending manual_review_required");
  });
});

describe("a policy", () => {
  it.each([
    [{ auto_aprove_under: 5 }, "auto_aprove_under: one of"],
    [
      { environments: { production: { auto_aprove_under: 5 } } },
      "environments.production.auto_aprove_under: one of",
    ],
    [
      { environments: { production: { destinations: ["x"] } } },
      "environments.production.destinations: it above",
    ],
    [{ environments: { "not a name": {} } }, "environments.not a name: letters"],
    [{ delivery: "one_time_only" }, "delivery: no such key: every intent is executed once"],
    [{ approval_channel: {} }, "approval_channel: no such key"],
    [{ assurance: {} }, "assurance: no such key"],
    [{ allowed_recipients: "named_list" }, "allowed_recipients: a list"],
    [{ auto_approve_under: -1 }, "auto_approve_under: at least 0"],
    [{ auto_approve_under: 1.5 }, "auto_approve_under: a whole number"],
    [{ auto_approve_under: "5" }, "auto_approve_under: a "],
    [{ require_approval: "sometimes" }, "require_approval: one of"],
    [{ require_approvals: 0 }, "require_approvals: at least 1"],
    [{ on_no_response: "approve" }, "on_no_response: one of"],
    [{ block_if_terms: ["ok", "!!"] }, "block_if_terms.1: a term with letters"],
    [{ block_if_terms: [""] }, "block_if_terms.0: a term with letters"],
    [{ field_checks: [{ path: "a" }] }, "field_checks.0: required: true, min"],
    [{ field_checks: [{ path: "a", min: 2, max: 1 }] }, "field_checks.0: min (2)"],
    [{ field_checks: [{ path: "a..b", required: true }] }, "field_checks.0.path: a path"],
    [
      { field_checks: [{ path: "a", pattern: "(a+)+\\1" }] },
      "field_checks.0.pattern: a regular expression without",
    ],
    [{ field_checks: [{ path: "a", pattern: "(" }] }, "field_checks.0.pattern: a regular expression"],
    [{ block_if_pii: ["names"] }, "block_if_pii"],
    [{ expiry_minutes: 0 }, "expiry_minutes: at least 1"],
    [{ remind_after_minutes: 60 }, ": remind_after_minutes (60) below expiry_minutes (60)"],
    [{ require_approvals: 2, on_no_response: "auto_approve_if_low_risk" }, ": another on_no_response"],
    [
      { require_approvals: 2, environments: { test: { on_no_response: "auto_approve_if_low_risk" } } },
      "environments.test: another on_no_response",
    ],
    [{ require_profile: "x" }, "require_profile: one of"],
    [{ rate_limits: { per_hour: 1 } }, "rate_limits.per_hour: one of"],
    ["text", ": an object"],
    [null, ": an object"],
  ])("is refused: %o", (value, expected) => {
    const flaws = flawsOf(value);
    expect(
      flaws.some((flaw) => flaw.startsWith(expected)),
      flaws.join("; "),
    ).toBe(true);
  });

  it("is the same by its content, not by the order or the layout of its text", () => {
    const one = policyOf({ destinations: ["a"], auto_approve_under: 5 });
    expect(policyDigest(one)).toBe(policyDigest(policyOf({ auto_approve_under: 5, destinations: ["a"] })));
    expect(policyDigest(one)).not.toBe(
      policyDigest(policyOf({ destinations: ["a"], auto_approve_under: 6 })),
    );
    expect(policyDigest(policyOf({}))).not.toBe(policyDigest(policyOf({ auto_approve_under: 0 })));
  });
});

describe("more", () => {
  const strength = { approved: 0, pending: 1, blocked: 2 } as const;
  const count = fc.nat(20);
  const rules = fc.record(
    {
      auto_approve_under: count,
      auto_approve_under_usd: count,
      require_approval_over: count,
      require_approval_over_usd: count,
      require_approval: fc.constantFrom("always", "never"),
      rate_limits: fc.record({ per_agent_per_hour: count, per_agent_per_day: count }, { requiredKeys: [] }),
    },
    { requiredKeys: [] },
  );
  const at = (policy: unknown, recordCount: number, valueUsd: number, proposals: number) =>
    decideIntent(policyOf(policy), intentOf({ recordCount, valueUsd }), {
      proposalsLastHour: proposals,
      proposalsLastDay: proposals,
    });

  it("records, value and proposals never make a decision weaker", () => {
    fc.assert(
      fc.property(
        rules,
        count,
        count,
        count,
        fc.tuple(count, count, count),
        (policy, records, value, before, [a, b, c]) => {
          const less = at(policy, records, value, before);
          const more = at(policy, records + a, value + b, before + c);
          expect(strength[more.outcome]).toBeGreaterThanOrEqual(strength[less.outcome]);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("said nothing is never weaker than anything said", () => {
    fc.assert(
      fc.property(rules, count, count, (policy, records, value) => {
        const untold = decideIntent(policyOf(policy), intentOf({ recordCount: null, valueUsd: null }), quiet);
        expect(strength[untold.outcome]).toBeGreaterThanOrEqual(
          strength[at(policy, records, value, 0).outcome],
        );
      }),
      { numRuns: 500 },
    );
  });

  it("rules that block or ask never make a decision weaker", () => {
    const stricter = fc.constantFrom(
      { require_approval: "always" },
      { require_approval_for: "org_wide" },
      { require_approval_over: 3 },
      { require_approval_over_usd: 3 },
      { block_if_terms: ["ada"] },
      { block_if_pii: true },
      { destinations: ["elsewhere"] },
      { allowed_types: ["json"] },
      { require_profile: "crm.import.v1" },
      { field_checks: [{ path: "a", required: true }] },
      { allowed_recipients: ["x"] },
    );
    fc.assert(
      fc.property(rules, stricter, count, (policy, rule, records) => {
        const key = Object.keys(rule)[0] ?? "";
        fc.pre(!(key in policy));
        const [without, withIt] = [at(policy, records, 0, 0), at({ ...policy, ...rule }, records, 0, 0)];
        expect(strength[withIt.outcome]).toBeGreaterThanOrEqual(strength[without.outcome]);
      }),
      { numRuns: 1_000 },
    );
  });

  it("every decision is one that the journal takes", () => {
    fc.assert(
      fc.property(rules, fc.double(), fc.double(), fc.string(), (policy, recordCount, valueUsd, text) => {
        const given = decideIntent(policyOf(policy), intentOf({ recordCount, valueUsd, text }), quiet);
        expect(PolicyDecision.parse(given)).toEqual(given);
      }),
      { numRuns: 500 },
    );
  });
});
