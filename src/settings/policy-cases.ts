import { existsSync } from "node:fs";
import * as z from "zod";
import { canonicalJson, sha256 } from "../core/canonical.js";
import { defectLine, defectsSentence, flawsOf, toDefects } from "../core/defects.js";
import { isLedgerError } from "../core/errors.js";
import { decideIntent } from "../core/gate-policy/decide.js";
import { GateReason, PolicyDecision, RiskLevel } from "../core/gate-policy/decision.js";
import type { IntentFacts } from "../core/gate-policy/facts.js";
import { naturalInt, someText } from "../core/shapes.js";
import { closed } from "../core/wire.js";
import { type PolicyFile, policyText } from "./gate-policies.js";
import { parseYaml, whereIn } from "./layers.js";

/** An intent that somebody thought of, and what a policy said to it. */
export type TriedCase = {
  readonly name: string;
  readonly passed: boolean;
  readonly expected: Expected;
  readonly decision: PolicyDecision;
};

/** The cases beside a policy, in the order of their file. */
export type TriedPolicy = {
  readonly name: string;
  /** Where the cases are, or would be. */
  readonly file: string;
  /** Why nothing could be tried; null where it could. */
  readonly problem: string | null;
  readonly cases: readonly TriedCase[];
};

/**
 * Asks a policy about the cases that lie beside it as NAME.cases.yaml. `environment` is that of the settings; a case may name another,
 * since it is the policy that is tried and no proposer.
 */
export const tryPolicyCases = (found: PolicyFile, environment: string | null): TriedPolicy => {
  const about = { name: found.name, file: beside(found.file), problem: null, cases: [] };
  if (found.policy === null) return { ...about, problem: found.problem };
  const path = beside(found.path);
  if (!existsSync(path)) return about;
  const read = casesIn(path, about.file);
  if ("problem" in read) return { ...about, problem: read.problem };
  const { policy } = found;
  return { ...about, cases: read.cases.map((one) => tried(policy, one, environment)) };
};

const beside = (file: string): string => file.replace(/\.ya?ml$/, ".cases.yaml");

const NAME_CHARS = 200;
const CASES_MAX = 1_000;

const Expected = closed({
  outcome: PolicyDecision.shape.outcome,
  reason: GateReason.optional(),
  approvals: naturalInt.optional(),
  risk: RiskLevel.optional(),
});
type Expected = Readonly<z.output<typeof Expected>>;

const Case = closed({
  name: someText.max(NAME_CHARS),
  intent: closed({
    destination: z.string(),
    payload: z.unknown().optional(),
    payload_type: z.string().optional(),
    record_count: z.number().optional(),
    value_usd: z.number().optional(),
    environment: z.string().optional(),
    agent: z.string().optional(),
    action: z.string().optional(),
    scope: z.string().optional(),
    tags: z.array(z.string()).optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
  }),
  proposed: closed({ last_hour: naturalInt.optional(), last_day: naturalInt.optional() }).optional(),
  expect: z.union([PolicyDecision.shape.outcome.transform((outcome): Expected => ({ outcome })), Expected]),
});
type Case = z.output<typeof Case>;

const Cases = closed({ cases: z.array(Case).max(CASES_MAX) });

const casesIn = (
  path: string,
  shown: string,
): { readonly cases: readonly Case[] } | { readonly problem: string } => {
  try {
    const { doc, value, lines } = parseYaml(policyText(path, shown), shown);
    const result = Cases.safeParse(value);
    if (result.success) return { cases: result.data.cases };
    const flaws = flawsOf(result.error.issues, value);
    const where = whereIn(shown, doc, lines);
    const told = toDefects(flaws, "cases").map(
      (defect, at) => `${where(flaws[at]?.at ?? [])}: ${defectLine(defect)}`,
    );
    return { problem: defectsSentence("the cases", told, flaws.length) };
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    return { problem: error.message };
  }
};

const tried = (
  policy: Parameters<typeof decideIntent>[0],
  { name, intent, proposed, expect }: Case,
  environment: string | null,
): TriedCase => {
  const { last_hour: proposalsLastHour = 0, last_day: proposalsLastDay = proposalsLastHour } = proposed ?? {};
  const decision = decideIntent(policy, factsOf(intent, environment), {
    proposalsLastHour,
    proposalsLastDay,
  });
  const passed =
    decision.outcome === expect.outcome &&
    (expect.reason ?? decision.reason) === decision.reason &&
    (expect.approvals ?? decision.approvalsNeeded) === decision.approvalsNeeded &&
    (expect.risk ?? decision.risk) === decision.risk;
  return { name, passed, expected: expect, decision };
};

/** What a case leaves out, the intent leaves out. A payload that is no text is its JSON; null cannot be read. */
const factsOf = (intent: Case["intent"], environment: string | null): IntentFacts => {
  const { payload = "", payload_type: type } = intent;
  const text = typeof payload === "string" || payload === null ? payload : canonicalJson(payload);
  return {
    destination: intent.destination,
    agentId: intent.agent ?? "agent",
    environment: intent.environment ?? environment,
    payload: {
      type: type ?? (typeof payload === "string" ? "text" : "json"),
      text,
      digest: sha256(text ?? ""),
      bytes: Buffer.byteLength(text ?? ""),
    },
    recordCount: intent.record_count ?? null,
    valueUsd: intent.value_usd ?? null,
    action: intent.action ?? null,
    scope: intent.scope ?? null,
    tags: intent.tags ?? [],
    metadata: intent.metadata ?? {},
  };
};
