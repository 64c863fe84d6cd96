import { digestOf } from "../../core/canonical.js";
import type { AgentFunction } from "./function.js";

/** Brings what one version of an agent remembered over to another; pure, and of JSON alone. */
export type Migration = {
  readonly from: string;
  readonly to: string;
  readonly migrate: (workingMemory: unknown) => unknown;
};

/** An agent of the host's own code, with a word for its version where its text does not tell all of it. */
export type VersionedAgent = {
  readonly work: AgentFunction;
  /** Default: the digest of the function's text, which says nothing of what it calls. */
  readonly version?: string;
  readonly migrations?: readonly Migration[];
};

export type FunctionAgents = Readonly<Record<string, AgentFunction | VersionedAgent>>;

export interface AgentVersions {
  /** `sha256:…` of what the agent is made of; null for one that is not here. */
  versionOf(agent: string): string | null;
  /** What makes its memory out of another version's; undefined when nothing does. */
  pathFrom(agent: string, version: string): ((workingMemory: unknown) => unknown) | undefined;
}

export const functionOf = (agent: AgentFunction | VersionedAgent): AgentFunction =>
  typeof agent === "function" ? agent : agent.work;

/** Of programs it is their entry in the settings. A function wins over a program of its name. */
export const createVersions = (
  commands: Readonly<Record<string, unknown>>,
  functions: FunctionAgents,
): AgentVersions => {
  const versions = new Map<string, string>();
  for (const [name, entry] of Object.entries(commands)) versions.set(name, `sha256:${digestOf({ entry })}`);
  for (const [name, agent] of Object.entries(functions)) versions.set(name, versionOfFunction(agent));
  const versionOf = (agent: string): string | null => versions.get(agent) ?? null;
  return {
    versionOf,
    pathFrom: (agent, version) => {
      const now = versionOf(agent);
      // Nobody here works on its steps, so nobody reads its memory either.
      if (now === null) return (memory) => memory;
      const given = Object.hasOwn(functions, agent) ? functions[agent] : undefined;
      const migrations = typeof given === "object" ? (given.migrations ?? []) : [];
      return path(migrations, version, now);
    },
  };
};

const versionOfFunction = (agent: AgentFunction | VersionedAgent): string => {
  if (typeof agent === "object" && agent.version !== undefined) return versionNamed(agent.version);
  return `sha256:${digestOf({ text: functionOf(agent).toString() })}`;
};

/** Hosts may name versions in their own words; what is recorded has one form. */
const versionNamed = (word: string): string =>
  word.startsWith("sha256:") ? word : `sha256:${digestOf({ version: word })}`;

/** One migration after the other; a circle leads nowhere. */
const path = (
  migrations: readonly Migration[],
  from: string,
  to: string,
): ((workingMemory: unknown) => unknown) | undefined => {
  const steps: Migration[] = [];
  for (let at = from; at !== to; ) {
    const next = migrations.find((one) => versionNamed(one.from) === at);
    if (next === undefined || steps.includes(next)) return undefined;
    steps.push(next);
    at = versionNamed(next.to);
  }
  return (memory) => steps.reduce((value, { migrate }) => migrate(value), memory);
};
