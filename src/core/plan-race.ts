import { type Flaw, isRecord, listed, type Place, quoted } from "./defects.js";
import * as limit from "./limits.js";
import { CANDIDATES_MIN, type Race } from "./spec.js";
import { readAs } from "./wire.js";

/** How planners name candidates: so many of the owner agent, or each by its agent. */
export const WireCandidates = readAs(
  `a whole number from ${CANDIDATES_MIN} to ${limit.CANDIDATES_MAX}, or a list of as many agents`,
  (value): number | readonly string[] | undefined => {
    const count = Array.isArray(value) ? value.length : value;
    if (typeof count !== "number" || !Number.isInteger(count)) return undefined;
    if (count < CANDIDATES_MIN || count > limit.CANDIDATES_MAX) return undefined;
    if (!Array.isArray(value)) return count;
    return [...value].every(isAgentName) ? value : undefined;
  },
);

const isAgentName = (value: unknown): value is string =>
  typeof value === "string" && value.trim() !== "" && value.length <= limit.ID_CHARS && !value.includes("\0");

export const raceOf = (
  owner: string,
  candidates: number | readonly string[] | undefined,
  pick: Race["pick"] | undefined,
): { race?: Race } => {
  if (candidates === undefined) return {};
  const agents = typeof candidates === "number" ? new Array<string>(candidates).fill(owner) : [...candidates];
  return { race: { agents, pick: pick ?? "first" } };
};

export const raceWire = (race: Race | undefined): Record<string, unknown> =>
  race === undefined ? {} : { candidates: race.agents, pick: race.pick };

// What a step says of its candidates must fit with the rest of it. Reads the wire form without trusting it.
export const raceFlaws = (step: unknown, at: Place, agents: readonly string[] | undefined): Flaw[] => {
  if (!isRecord(step)) return [];
  const { candidates, pick, owner_agent: owner, validator } = step;
  if (candidates === undefined)
    return pick === undefined
      ? []
      : [{ at: [...at, "pick"], found: "it without candidates", expected: "candidates beside it" }];
  const approved = isRecord(validator) && validator.type === "orchestrator_approval";
  return [
    ...(approved
      ? [
          {
            at: [...at, "candidates"],
            found: "candidates of a step that a person approves",
            expected: "a judge that needs nobody",
          },
        ]
      : []),
    ...agentFlaws(candidates, [...at, "candidates"], owner, agents),
  ];
};

const agentFlaws = (
  candidates: unknown,
  at: Place,
  owner: unknown,
  agents: readonly string[] | undefined,
): Flaw[] => {
  if (!Array.isArray(candidates) || candidates.length > limit.CANDIDATES_MAX) return [];
  const unknown = candidates.flatMap((name: unknown, index): Flaw[] => {
    if (agents === undefined || !isAgentName(name) || agents.includes(name)) return [];
    const expected = agents.length === 0 ? "an agent, but none is configured" : `one of ${listed(agents)}`;
    return [{ at: [...at, index], found: quoted(name), expected, meant: { word: name, known: agents } }];
  });
  if (typeof owner !== "string" || candidates.includes(owner)) return unknown;
  const expected = `candidates with the owner agent ${quoted(owner)} among them`;
  return [...unknown, { at, found: "a list without it", expected }];
};
