import type { ListedMandate } from "../../index.js";

/** Who may do what for whom, within which limits. */
export const saysWords = (one: ListedMandate): string => {
  const where = `destinations ${one.destinations.join(", ")}; policies ${one.policies.join(", ")}`;
  if (one.kind === "delegation") return `${one.to} answers for ${one.by} (${where})`;
  const limits = [
    one.maxValueUsd === null ? [] : [`$${one.maxValueUsd} each`],
    one.perDay === null ? [] : [`${one.perDay} a day`],
    one.perDayUsd === null ? [] : [`$${one.perDayUsd} a day`],
  ].flat();
  const within = limits.length === 0 ? "without a limit" : `up to ${limits.join(", ")}`;
  return `${one.by} approves what ${one.agent} asks for, ${within} (${where})`;
};
