import { createHash } from "node:crypto";
import type { EventRow } from "../../../src/stores/store.js";
import type { Seen } from "./world.js";

/**
 * Whether a journal keeps the promises of the ledger. It reads rows and what the world saw, and shares no line with the rules that
 * made them: no fold, no schema, no journal of ours.
 */
export const brokenIn = (rows: readonly EventRow[], seen: Seen): readonly string[] => {
  const runs = new Map<string, Fact[]>();
  for (const row of rows) runs.set(row.runId, [...(runs.get(row.runId) ?? []), factOf(row)]);
  return [
    ...[...runs].flatMap(([runId, facts]) =>
      [
        ...chain(facts),
        ...verdicts(facts),
        ...effects(facts),
        ...timers(facts),
        ...attempts(facts),
        ...ending(facts),
      ].map((broken) => `${runId}: ${broken}`),
    ),
    ...holders(rows, seen),
    ...answers(rows, seen),
    ...outside(rows, seen),
  ];
};

type Fact = EventRow & {
  readonly said: Readonly<Record<string, unknown>>;
  /** Run, step, attempt, and candidate of a race. */
  readonly place: string;
};

const factOf = (row: EventRow): Fact => {
  const said = JSON.parse(row.payload) as Readonly<Record<string, unknown>>;
  return { ...row, said, place: `${said.stepId}/${row.attempt}/${said.candidate ?? ""}` };
};

/** SHA-256 over what stands in docs: the header in the order of its names, a line feed, the payload. */
export const hashOfRow = (row: Omit<EventRow, "hash" | "position">): string => {
  const { runId, seq, type, version, at, actor, sessionKey, attempt, payload, prevHash } = row;
  const header = [
    `"actor":{"name":${JSON.stringify(actor.name)},"role":${JSON.stringify(actor.role)}}`,
    ...Object.entries({ at, attempt, prevHash, runId, seq, sessionKey, type, version }).map(
      ([name, value]) => `"${name}":${JSON.stringify(value)}`,
    ),
  ].join();
  return createHash("sha256").update(`{${header}}\n${payload}`).digest("hex");
};

const chain = (facts: readonly Fact[]): string[] =>
  facts.flatMap((fact, index) => [
    ...(fact.seq === index + 1 ? [] : [`event ${fact.seq} stands at place ${index + 1}`]),
    ...(fact.prevHash === (facts[index - 1]?.hash ?? "0".repeat(64))
      ? []
      : [`event ${fact.seq} follows another`]),
    ...(fact.hash === hashOfRow(fact) ? [] : [`event ${fact.seq} is not as it was hashed`]),
  ]);

const ofType = (facts: readonly Fact[], type: RegExp): readonly Fact[] =>
  facts.filter((fact) => type.test(fact.type));

const repeated = (facts: readonly Fact[], name: (fact: Fact) => string): string[] => {
  const names = facts.map(name);
  return [...new Set(names.filter((one, index) => names.indexOf(one) !== index))];
};

/** Each is of a proposal of its own place, made before; none is judged on after it passed or failed. */
const verdicts = (facts: readonly Fact[]): string[] => {
  const judged = ofType(facts, /^step_validation_(passed|failed)$/);
  const proposalOf = (fact: Fact): unknown => (fact.said.verdict as { proposalSeq?: unknown }).proposalSeq;
  const strange = judged.filter((fact) => {
    const proposal = facts.find(({ seq }) => seq === proposalOf(fact));
    return (
      proposal?.type !== "step_result_proposed" || proposal.place !== fact.place || proposal.seq > fact.seq
    );
  });
  return [
    ...strange.map(({ seq }) => `verdict ${seq} is of no proposal of its step and attempt`),
    ...repeated(judged, (fact) => String(proposalOf(fact))).map((seq) => `proposal ${seq} was judged twice`),
  ];
};

const effects = (facts: readonly Fact[]): string[] => {
  const positionOf = ({ said }: Fact): unknown =>
    said.position ?? (said.call as { position?: unknown }).position;
  const name = (fact: Fact): string => `${fact.place}/${positionOf(fact)}`;
  const intended = ofType(facts, /^effect_intended$/);
  const settled = ofType(facts, /^effect_settled$/);
  const unintended = settled.filter(
    (fact) =>
      fact.said.call === null && !intended.some((one) => name(one) === name(fact) && one.seq < fact.seq),
  );
  return [
    ...repeated(intended, name).map((one) => `effect ${one} was intended twice`),
    ...repeated(settled, name).map((one) => `effect ${one} was settled twice`),
    ...unintended.map((fact) => `effect ${name(fact)} was settled without an intent`),
  ];
};

const timers = (facts: readonly Fact[]): string[] => {
  const name = (fact: Fact): string => `${fact.place}/${fact.said.position}`;
  const fired = ofType(facts, /^timer_fired$/);
  const armed = ofType(facts, /^timer_armed$/);
  return [
    ...repeated(armed, name).map((one) => `timer ${one} was armed twice`),
    ...repeated(fired, name).map((one) => `timer ${one} fired twice`),
    ...fired.flatMap((fact) => {
      const due = armed.find((one) => name(one) === name(fact) && one.seq < fact.seq)?.said.dueAt;
      return typeof due === "string" && due <= fact.at ? [] : [`timer ${name(fact)} fired before it was due`];
    }),
  ];
};

/** The next one begins when the last one is over, and has the next number. */
const attempts = (facts: readonly Fact[]): string[] => {
  const broken: string[] = [];
  const open = new Map<string, number>();
  const last = new Map<string, number>();
  for (const { type, said, attempt, seq } of facts) {
    const step = `${said.stepId}/${said.candidate ?? ""}`;
    if (type === "step_started") {
      if (open.has(step)) broken.push(`attempt ${attempt} of ${step} began while another was open`);
      if ((last.get(step) ?? 0) >= (attempt ?? 0)) broken.push(`attempt ${attempt} of ${step} began again`);
      open.set(step, attempt ?? 0);
      last.set(step, attempt ?? 0);
    } else if (/^step_validation_(passed|failed)$|^step_interrupted$/.test(type)) {
      if (open.get(step) !== attempt) broken.push(`event ${seq} ends an attempt of ${step} that is not open`);
      open.delete(step);
    }
  }
  return broken;
};

/** Nothing comes after the end but notes of people, and a run is completed only when each step of its plan passed or was waived by name. */
const ending = (facts: readonly Fact[]): string[] => {
  const end = facts.findIndex(({ type }) => type === "run_completed" || type === "run_failed");
  if (end === -1) return [];
  const late = facts
    .slice(end + 1)
    .filter(({ type, actor }) => type !== "note_written" || actor.role !== "human")
    .map(({ type }) => `${type} came after the end`);
  if (facts[end]?.type !== "run_completed") return late;
  const passed = new Set(ofType(facts, /^step_validation_passed$/).map(({ said }) => said.stepId));
  const waived = new Set((facts[end].said.waivers as { stepId: string }[]).map(({ stepId }) => stepId));
  const plan = facts.find(({ type }) => type === "plan_attached")?.said.plan as { steps: { id: string }[] };
  const missing = plan.steps.filter(({ id }) => !passed.has(id) && !waived.has(id));
  return [...late, ...missing.map(({ id }) => `it was completed without ${id}`)];
};

/** Epochs of leases only grow, and nobody of an earlier one writes after one of a later one; workers always say theirs. */
const holders = (rows: readonly EventRow[], { epochs, claims }: Seen): string[] => {
  const given = new Map<string, number>();
  const written = new Map<string, number>();
  const again = claims.filter(({ runId, epoch }) => {
    const grown = epoch > (given.get(runId) ?? 0);
    given.set(runId, epoch);
    return !grown;
  });
  const stale = rows.filter(({ runId, position, actor }) => {
    const epoch = epochs.get(position);
    if (epoch === undefined) return actor.role === "executor" || actor.role === "engine";
    const before = written.get(runId) ?? 0;
    written.set(runId, Math.max(before, epoch));
    return epoch < before;
  });
  return [
    ...again.map(({ runId, epoch }) => `${runId}: epoch ${epoch} was given again`),
    ...stale.map(({ runId, seq }) => `${runId}: event ${seq} was written by somebody whose lease was over`),
  ];
};

/** What was acknowledged is there, and what was asked for once is there once. */
const answers = (rows: readonly EventRow[], { acknowledged, notes }: Seen): string[] => {
  const kept = new Set(rows.map(({ runId, seq, hash }) => `${runId} ${seq} ${hash}`));
  const said = rows
    .filter(({ type }) => type === "note_written")
    .map(({ payload }) => JSON.parse(payload).value);
  return [
    ...acknowledged.flatMap(({ runId, seq, hash }) =>
      kept.has(`${runId} ${seq} ${hash}`)
        ? []
        : [`${runId}: event ${seq} was acknowledged, and is not there`],
    ),
    ...[...notes].flatMap(([value, wasKept]) => {
      const times = said.filter((one) => one === value).length;
      return times > 1 || (wasKept && times === 0) ? [`note ${value} is there ${times} times`] : [];
    }),
  ];
};

/** Each effect is done once at most, and not without an intent. */
const outside = (rows: readonly EventRow[], { calls }: Seen): string[] => {
  const intents = new Set(
    rows
      .filter(({ type }) => type === "effect_intended")
      .map((row) => `${row.runId} ${JSON.parse(row.payload).stepId} ${row.attempt}`),
  );
  return [...calls].flatMap(([name, times]) => [
    ...(times > 1 ? [`${name}: its effect was done ${times} times`] : []),
    ...(intents.has(name) ? [] : [`${name}: its effect was done without an intent`]),
  ]);
};
