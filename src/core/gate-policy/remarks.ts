import { type GatePolicy, policyIn } from "./schema.js";

/** What is right and may still not be meant, for whoever wrote the policy. */
export const policyRemarks = (policy: GatePolicy, environment: string | null): readonly string[] => {
  const rules = policyIn(policy, environment);
  const { require_approval: required, require_approval_over: over, auto_approve_under: under } = rules;
  const approves = under !== undefined || rules.auto_approve_under_usd !== undefined;
  return [
    ...environmentRemarks(policy, environment),
    ...(required === "always" && approves
      ? ["require_approval: always decides before auto_approve_under."]
      : []),
    ...(required === "never" && approves
      ? ["require_approval: never approves nothing that is above auto_approve_under."]
      : []),
    ...(over !== undefined && under !== undefined && under > over
      ? [`auto_approve_under (${under}) approves no more than require_approval_over (${over}) lets through.`]
      : []),
  ];
};

const environmentRemarks = ({ environments }: GatePolicy, environment: string | null): readonly string[] => {
  const names = Object.keys(environments ?? {});
  if (names.length === 0 || (environment !== null && names.includes(environment))) return [];
  const why = environment === null ? "gate.environment is not set" : `gate.environment is "${environment}"`;
  return [`The general rules hold, not those of ${names.join(", ")}: ${why}.`];
};
