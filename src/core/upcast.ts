import { type EventType, eventVersions } from "./events.js";

type Payload = Readonly<Record<string, unknown>>;
type Upcast = (payload: Payload) => Payload;

/**
 * What came with races, with what verdicts tell of tests and violations, and with parameters of validators may be absent:
 * it is a version of its own all the same, so that an older program says that it is too old, and not that the ledger is spoilt.
 */
const withMore: readonly Upcast[] = [(payload) => payload];

/** Of each type, the steps from version 1 to 2, from 2 to 3, and so on. What was written is never rewritten: it is read anew. */
const upcasts: { readonly [T in EventType]?: readonly Upcast[] } = {
  run_created: [
    (payload) => ({ ...payload, forkedFrom: null }),
    (payload) => ({ ...payload, source: null }),
    (payload) => ({ ...payload, parent: null }),
  ],
  plan_attached: withMore,
  step_started: withMore,
  step_result_proposed: withMore,
  step_validation_passed: withMore,
  step_validation_failed: withMore,
  step_validation_errored: withMore,
  step_interrupted: withMore,
  policy_decision_applied: withMore,
  criterion_met: withMore,
  criterion_unmet: withMore,
};

/** What was written in an old version, in today's; anything else as it is, for the schema to refuse. */
export const upcast = (written: {
  readonly type: string;
  readonly version: number;
  readonly payload: unknown;
}): { readonly version: number; readonly payload: unknown } => {
  const { type, version, payload } = written;
  const steps = Object.hasOwn(upcasts, type) ? (upcasts[type as EventType] ?? []) : [];
  if (!isPayload(payload) || version < 1 || version > steps.length) return { version, payload };
  const current = steps.slice(version - 1).reduce((read, step) => step(read), payload);
  return { version: steps.length + 1, payload: current };
};

/** Written by a program that knows more than this one. */
export const isNewer = (type: string, version: number): boolean =>
  !Object.hasOwn(eventVersions, type) || version > eventVersions[type as EventType];

const isPayload = (value: unknown): value is Payload =>
  typeof value === "object" && value !== null && !Array.isArray(value);
