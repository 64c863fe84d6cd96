import { describe, expect, test } from "vitest";
import { isLedgerError } from "../../src/core/errors.js";
import type { HostRun } from "../../src/core/reported.js";
import type { Rollout } from "../../src/rollout/rollout.js";
import type { Stage } from "../../src/rollout/stage.js";
import { hostStep } from "../helpers/cast.js";
import { newWorld, type World } from "./hosts.js";

// Who sees what, at every stage, whatever fails, for everything a host can ask. A new stage, failure or operation does
// not compile until its cells are here.
type Operation = "create" | "create under its own id" | "update" | "complete" | "read";
type Failure = "nothing" | "the ledger" | "the table" | "both" | "crash between";

/** What the host's call comes to. */
type Answer = "served" | "served, degraded" | "the table's error" | "the ledger's error" | "never hears";
/** What each side has right after: the change, or what was before. */
type Side = "new" | "old";
/** Last: what a new process of the host reads once everything works again and was replayed. */
type Cell = readonly [answer: Answer, table: Side, ledger: Side, read: Side];

type Cells = { readonly [O in Operation]: Cell };
type Row = { readonly [F in Failure]: Cells };

const writes = (cell: Cell, read: Answer): Cells => ({
  create: cell,
  "create under its own id": cell,
  update: cell,
  complete: cell,
  // Nothing changes by reading, so everything stays as it was.
  read: [read, "old", "old", "old"],
});

/** Before the ledger comes first the host's table decides alone. */
const shadow: Row = {
  nothing: writes(["served", "new", "new", "new"], "served"),
  "the ledger": writes(["served", "new", "old", "new"], "served"),
  "the table": writes(["the table's error", "old", "old", "old"], "the table's error"),
  both: writes(["the table's error", "old", "old", "old"], "the table's error"),
  "crash between": writes(["never hears", "new", "old", "new"], "served"),
};

/** Whether the host has a run of that id only its table can say, so there is none rather than one written over it. */
const asked: Pick<Cells, "create under its own id"> = {
  "create under its own id": ["the table's error", "old", "old", "old"],
};

/** From then on the ledger decides, and the table follows. */
const writeThrough: Row = {
  nothing: writes(["served", "new", "new", "new"], "served"),
  "the ledger": writes(["the ledger's error", "old", "old", "old"], "served"),
  "the table": { ...writes(["served, degraded", "old", "new", "new"], "the table's error"), ...asked },
  both: writes(["the ledger's error", "old", "old", "old"], "the table's error"),
  "crash between": writes(["never hears", "old", "new", "new"], "served"),
};

const rows: { readonly [S in Stage]: Row } = {
  off: {
    nothing: writes(["served", "new", "old", "new"], "served"),
    "the ledger": writes(["served", "new", "old", "new"], "served"),
    "the table": shadow["the table"],
    both: shadow.both,
    "crash between": writes(["never hears", "new", "old", "new"], "served"),
  },
  shadow,
  write_through: writeThrough,
  authoritative_read: {
    nothing: writeThrough.nothing,
    "the ledger": writes(["the ledger's error", "old", "old", "old"], "the ledger's error"),
    "the table": { ...writes(["served, degraded", "old", "new", "new"], "served"), ...asked },
    both: writes(["the ledger's error", "old", "old", "old"], "the ledger's error"),
    "crash between": writeThrough["crash between"],
  },
  projection_retired: {
    nothing: writes(["served", "old", "new", "new"], "served"),
    "the ledger": writes(["the ledger's error", "old", "old", "old"], "the ledger's error"),
    "the table": writes(["served", "old", "new", "new"], "served"),
    both: writes(["the ledger's error", "old", "old", "old"], "the ledger's error"),
    "crash between": writes(["never hears", "old", "new", "new"], "served"),
  },
};

/** Of the run it is about: who gives it its id differs. */
const NAME: { readonly [O in Operation]: string } = {
  create: "Run r2",
  "create under its own id": "Run r2",
  update: "Run r1",
  complete: "Run r1",
  read: "Run r1",
};

const anonymous = (name: string) => ({
  kind: "workflow" as const,
  sessionKey: "session-1",
  name,
  request: "please",
  steps: [hostStep("a", { status: "running" })],
});
const run = (id: string) => ({ id, ...anonymous(`Run ${id}`) });

const perform: {
  readonly [O in Operation]: (rollout: Rollout) => Promise<{ degraded: unknown } | undefined>;
} = {
  create: (rollout) => rollout.create(anonymous("Run r2")),
  "create under its own id": (rollout) => rollout.create(run("r2")),
  update: (rollout) =>
    rollout.update("r1", {
      kind: "step_status",
      stepId: "a",
      status: "completed",
      result: "made",
      error: "",
    }),
  complete: (rollout) => rollout.complete("r1", { status: "completed", result: "all made", error: "" }),
  read: async (rollout) => {
    expect(await rollout.read("r1")).toMatchObject({ name: "Run r1" });
    return undefined;
  },
};

const isNew: { readonly [O in Operation]: (record: HostRun | undefined) => boolean } = {
  create: (record) => record !== undefined,
  "create under its own id": (record) => record !== undefined,
  update: (record) => record?.steps[0]?.status === "completed",
  complete: (record) => record?.status === "completed",
  read: () => false,
};

/** What is written first, at the stage: after it the process dies. */
const second: {
  readonly [S in Stage]: "the ledger" | "the table" | "nothing after the table" | "nothing after the ledger";
} = {
  off: "nothing after the table",
  shadow: "the ledger",
  write_through: "the table",
  authoritative_read: "the table",
  projection_retired: "nothing after the ledger",
};

const inject = (world: World, stage: Stage, failure: Failure): Promise<void> => {
  const { ledgerFaults, tableFaults } = world;
  if (failure === "the ledger" || failure === "both") ledgerFaults.kind = "fails";
  if (failure === "the table" || failure === "both") tableFaults.kind = "fails";
  if (failure !== "crash between") return new Promise(() => undefined);
  const dying = second[stage].endsWith("ledger") ? ledgerFaults : tableFaults;
  dying.kind = second[stage].startsWith("nothing") ? "hangs after" : "hangs before";
  return new Promise((resolve) => {
    dying.reached = resolve;
  });
};

const heal = ({ ledgerFaults, tableFaults }: World): void => {
  ledgerFaults.kind = "none";
  tableFaults.kind = "none";
};

const answerOf = (asked: Promise<{ degraded: unknown } | undefined>): Promise<Answer> =>
  asked.then(
    (written) => (written !== undefined && written.degraded !== null ? "served, degraded" : "served"),
    (error: unknown) =>
      isLedgerError(error, "store_unavailable") ? "the ledger's error" : "the table's error",
  );

/** The ledger's own records, whatever the stage reads. */
const inLedger = (world: World): Promise<readonly HostRun[]> =>
  world.at("projection_retired").list({ limit: 9 });

for (const stage of Object.keys(rows) as Stage[])
  describe(`At the stage ${stage}`, () => {
    for (const failure of Object.keys(rows[stage]) as Failure[])
      for (const operation of Object.keys(rows[stage][failure]) as Operation[]) {
        const [answer, table, ledger, read] = rows[stage][failure][operation];
        const title = `${operation}, when ${failure} fails: ${answer}; table ${table}, ledger ${ledger}; then ${read}`;
        test(
          title.replace("nothing fails", "all works").replace("crash between fails", "it dies between"),
          async () => {
            const world = await newWorld();
            await world.at(stage).create(run("r1"));
            const dead = inject(world, stage, failure).then(() => "never hears" as const);
            const side = (records: readonly HostRun[]): Side =>
              isNew[operation](records.find(({ name }) => name === NAME[operation])) ? "new" : "old";
            expect(await Promise.race([answerOf(perform[operation](world.at(stage))), dead])).toBe(answer);
            heal(world);
            expect(side([...world.table.records.values()])).toBe(table);
            expect(side(await inLedger(world))).toBe(ledger);
            const after = world.at(stage);
            expect((await after.replay()).failed).toEqual([]);
            expect(side(await after.list({ limit: 9 }))).toBe(read);
            if (stage === "off" || stage === "projection_retired") return;
            for await (const drift of after.drift())
              throw new Error(`drift is left: ${JSON.stringify(drift)}`);
            expect((await after.replay()).repaired).toEqual([]);
            expect((await after.status()).runs).toMatchObject({ pending: 0, degraded: 0 });
          },
        );
      }
  });
