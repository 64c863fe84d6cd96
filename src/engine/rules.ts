import type { Budget } from "../core/budget-shape.js";
import type { Recording, Rules } from "../core/decide/guards.js";
import type { AgentVersions } from "./agents/versions.js";

/** The settings of a project that are rules of its ledger. */
type Said = Pick<Rules, "onUnmetCriteria" | "changeValidator"> & {
  readonly trustPlans: boolean;
  readonly runLedger: Pick<Rules, "staleTtlMs">;
  readonly durable: Recording;
  readonly budget: Budget;
};

/** A project that names no agents leaves them to its host, so nobody can say which exist. */
export const rulesOf = (settings: Said, agents: readonly string[], versions: AgentVersions): Rules => ({
  staleTtlMs: settings.runLedger.staleTtlMs,
  onUnmetCriteria: settings.onUnmetCriteria,
  changeValidator: settings.changeValidator,
  agents: agents.length === 0 ? null : agents,
  // Whoever is started here is of some version.
  toolAgents: agents.filter((name) => versions.versionOf(name) === null),
  recording: settings.durable,
  budget: settings.budget,
  trustPlans: settings.trustPlans,
  takesMemoryOf: (agent, version) => versions.pathFrom(agent, version) !== undefined,
});
