import { type Flaw, isRecord, listed, type Place, quoted } from "./defects.js";
import * as limit from "./limits.js";
import { raceFlaws } from "./plan-race.js";
import type { StepSpec } from "./spec.js";

/** A step that is already there, as far as dependencies are concerned. */
export type ExistingStep = Pick<StepSpec, "id" | "dependsOn">;

export type Around = {
  /** The only agents a step may belong to; without the list nobody checks. */
  readonly agents?: readonly string[];
  /** Steps of the run that the new ones come to. */
  readonly existing?: readonly ExistingStep[];
  /** The existing step that the new ones take the place of. */
  readonly replaces?: string;
};

/**
 * What steps say about each other and about agents. Reads the wire form without trusting it, so that these defects come
 * back together with those of the single fields.
 */
export const relationFlaws = (steps: unknown, at: Place, around: Around): Flaw[] => {
  if (!Array.isArray(steps) || steps.length > limit.STEPS_PER_PLAN) return [];
  const loose = steps.map((step, index) => looseStep(step, [...at, index]));
  const owners = idOwners(loose);
  return [
    ...tooMany(loose, at, around),
    ...repeatedIds(loose, owners, around),
    ...unknownAgents(loose, around),
    ...steps.flatMap((step, index) => raceFlaws(step, [...at, index], around.agents)),
    ...unknownDependencies(loose, around),
    ...cycles(loose, owners),
  ];
};

type Dependency = { readonly id: string; readonly index: number };
type LooseStep = {
  readonly at: Place;
  readonly id: string | undefined;
  readonly owner: string | undefined;
  readonly dependsOn: readonly Dependency[];
};

const looseStep = (step: unknown, at: Place): LooseStep => {
  const fields = isRecord(step) ? step : {};
  const given = Array.isArray(fields.depends_on) ? fields.depends_on : [];
  const dependsOn = given.length > limit.STEPS_PER_PLAN ? [] : given;
  return {
    at,
    id: textIn(fields.id),
    owner: textIn(fields.owner_agent),
    dependsOn: dependsOn.flatMap((id: unknown, index) => (typeof id === "string" ? [{ id, index }] : [])),
  };
};

/** Made only for what is told: a plan may hold a million dependencies. */
const placeOf = (step: LooseStep, { index }: Dependency): Place => [...step.at, "depends_on", index];

const textIn = (value: unknown): string | undefined =>
  typeof value === "string" && value.trim() !== "" ? value : undefined;

/** Ids become folder names, and some file systems do not tell case apart. */
const folded = (id: string): string => id.toLowerCase();

const idOwners = (steps: readonly LooseStep[]): Map<string, LooseStep[]> => {
  const owners = new Map<string, LooseStep[]>();
  for (const step of steps) {
    if (step.id === undefined) continue;
    const same = owners.get(folded(step.id));
    if (same === undefined) owners.set(folded(step.id), [step]);
    else same.push(step);
  }
  return owners;
};

const tooMany = (steps: readonly LooseStep[], at: Place, { existing = [] }: Around): Flaw[] => {
  const count = steps.length + existing.length;
  if (count <= limit.STEPS_PER_PLAN) return [];
  const expected = `at most ${limit.STEPS_PER_PLAN} steps in a run`;
  return [{ at, found: `${steps.length} steps for a run of ${existing.length}`, expected }];
};

const repeatedIds = (
  steps: readonly LooseStep[],
  owners: ReadonlyMap<string, readonly LooseStep[]>,
  { existing = [] }: Around,
): Flaw[] => {
  const taken = new Set(existing.map(({ id }) => folded(id)));
  return steps.flatMap((step) => {
    if (step.id === undefined) return [];
    const first = owners.get(folded(step.id))?.[0];
    if (first === step && !taken.has(folded(step.id))) return [];
    const rival = taken.has(folded(step.id))
      ? "a step of this run has it"
      : `${quoted(first?.id ?? "")} comes before`;
    const expected = `an id of its own, case aside: ${rival}`;
    return [{ at: [...step.at, "id"], found: quoted(step.id), expected }];
  });
};

const unknownAgents = (steps: readonly LooseStep[], { agents }: Around): Flaw[] => {
  if (agents === undefined) return [];
  const expected = agents.length === 0 ? "an agent, but none is configured" : `one of ${listed(agents)}`;
  return steps.flatMap(({ owner, at }) =>
    owner === undefined || agents.includes(owner)
      ? []
      : [
          {
            at: [...at, "owner_agent"],
            found: quoted(owner),
            expected,
            meant: { word: owner, known: agents },
          },
        ],
  );
};

const unknownDependencies = (steps: readonly LooseStep[], { existing = [], replaces }: Around): Flaw[] => {
  const waiting = waitingFor(existing, replaces);
  const own = steps.flatMap(({ id }) => (id === undefined ? [] : [id]));
  const known = [...own, ...existing.map(({ id }) => id).filter((id) => !waiting.has(id))];
  const names = new Set(known);
  const flaws: Flaw[] = [];
  for (const step of steps)
    for (const dependency of step.dependsOn) {
      const { id } = dependency;
      if (names.has(id)) continue;
      if (flaws.length === UNKNOWN_DEPENDENCIES_TOLD) return flaws;
      const expected = waiting.has(id)
        ? `a step that does not itself wait for ${quoted(replaces ?? "")}`
        : "the id of a step";
      const meant = { word: id, known };
      flaws.push({ at: placeOf(step, dependency), found: quoted(id), expected, meant });
    }
  return flaws;
};

/** More than anybody mends at once, and far less than a plan can hold. */
const UNKNOWN_DEPENDENCIES_TOLD = 1_000;

/** The replaced step and all that wait for it: the new steps take its place, so depending on these would be a circle. */
const waitingFor = (existing: readonly ExistingStep[], replaces: string | undefined): ReadonlySet<string> => {
  const waiting = new Set(replaces === undefined ? [] : [replaces]);
  let size = -1;
  while (size !== waiting.size) {
    size = waiting.size;
    for (const { id, dependsOn } of existing)
      if (dependsOn.some((other) => waiting.has(other))) waiting.add(id);
  }
  return waiting;
};

/** One flaw for each dependency that closes a circle; ids that are not unique take no part, they say nothing sure. */
const cycles = (steps: readonly LooseStep[], owners: ReadonlyMap<string, readonly LooseStep[]>): Flaw[] => {
  const nodes = new Map<string, LooseStep>();
  for (const step of steps) {
    if (step.id !== undefined && owners.get(folded(step.id))?.length === 1) nodes.set(step.id, step);
  }
  const flaws: Flaw[] = [];
  const done = new Set<string>();
  const path = new Set<string>();
  const visit = (id: string, step: LooseStep): void => {
    path.add(id);
    for (const dependency of step.dependsOn) {
      if (flaws.length >= CYCLES_LISTED) return;
      const next = nodes.get(dependency.id);
      if (path.has(dependency.id)) flaws.push(cycle([...path], dependency.id, placeOf(step, dependency)));
      else if (next !== undefined && !done.has(dependency.id)) visit(dependency.id, next);
    }
    path.delete(id);
    done.add(id);
  };
  for (const [id, step] of nodes) if (!done.has(id)) visit(id, step);
  return flaws;
};

/** A knot of dependencies closes in countless ways; a few show where it is. */
const CYCLES_LISTED = 20;
const CYCLE_STEPS_SHOWN = 20;

const cycle = (path: readonly string[], id: string, at: Place): Flaw => {
  const round = path.slice(path.indexOf(id));
  const shown = round.slice(0, CYCLE_STEPS_SHOWN);
  const cut = round.length > shown.length ? [`… (${round.length - shown.length} more)`] : [];
  return {
    at,
    found: `a cycle: ${[...shown, ...cut, id].join(" → ")}`,
    expected: "dependencies without a cycle",
  };
};
