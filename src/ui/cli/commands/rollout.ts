import { resolve } from "node:path";
import {
  type Caller,
  counted,
  createRollout,
  type Drift,
  LedgerError,
  loadSettings,
  openMarkdownBoard,
  openSettingsDraft,
  openSqlTables,
  type Projection,
  type Replayed,
  type Rollout,
  type RolloutStatus,
  type RunLedger,
  type Stage,
  type StageChange,
  stageOf,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, paint, printJson, printLine, safe, say } from "../output.js";
import type { Bench } from "../program.js";
import { printTable } from "../table.js";

/** What each stage means, in a line. */
const MEANINGS: { readonly [S in Stage]: string } = {
  off: "the host as it always was; the ledger knows nothing of its runs",
  shadow: "the host as before; the ledger records alongside",
  write_through: "the ledger is written first, then the host's table; the host reads its table",
  authoritative_read: "written as before; reads come from the ledger alone",
  projection_retired: "the ledger alone; the host's table is written no more",
};

/** Enough of a digest to name one difference among many. */
const DIGEST_SHOWN = 12;
/** Shorter ones are more likely a slip. */
const DIGEST_MIN = 6;

type Table = { readonly projection: Projection; readonly file: string; readonly close: () => void };

type RolloutWork = (rollout: Rollout, table: Table) => Promise<number>;

/** With the table that the settings name, closed again afterwards. */
const withTable = async (app: RunLedger, work: RolloutWork): Promise<number> => {
  const table = await openTable(app);
  if (table === undefined)
    throw new LedgerError("settings_invalid", "No table of the host is named in runledger.yaml.", {
      hint: "Name one: runledger config set rollout.tables FILE (SQLite), or rollout.board FILE (Markdown). A host with a table of its own calls createRollout itself.",
    });
  try {
    const settings = app.settings.runLedger;
    return await work(createRollout({ ledger: app, projection: table.projection, settings }), table);
  } finally {
    table.close();
  }
};

const openTable = async ({ projectDir, settings }: RunLedger): Promise<Table | undefined> => {
  const { tables, board } = settings.rollout;
  const file = resolve(projectDir, tables === "" ? board : tables);
  if (board !== "") return { projection: openMarkdownBoard({ file }), file, close: () => undefined };
  if (tables === "") return undefined;
  const projection = await openSqlTables({ file });
  return { projection, file, close: () => projection.close() };
};

export const rolloutStatus = async (app: RunLedger, output: Output): Promise<number> => {
  const stage = stageOf(app.settings.runLedger);
  const none = async (): Promise<number> =>
    tellStatus(output, { stage, table: null, runs: null, degraded: [] });
  const { tables, board } = app.settings.rollout;
  if (tables === "" && board === "") return none();
  return withTable(app, async (rollout, { file }) => {
    const { runs, degraded, projection } = await rollout.status();
    return tellStatus(output, { stage, table: { name: projection, file }, runs, degraded });
  });
};

const tellStatus = async (
  output: Output,
  told: {
    readonly stage: Stage;
    readonly table: { readonly name: string; readonly file: string } | null;
    readonly runs: { readonly synced: number; readonly pending: number; readonly degraded: number } | null;
    readonly degraded: RolloutStatus["degraded"];
  },
): Promise<number> => {
  const { stage, table, runs, degraded } = told;
  if (output.json) {
    printJson(output, told);
    return EXIT.done;
  }
  await printTable(output, {
    rows: [
      ["stage", `${stage}: ${MEANINGS[stage]}`],
      [
        "table",
        table === null ? "none (set rollout.tables or rollout.board)" : `${table.name}, ${table.file}`,
      ],
      ...(runs === null
        ? []
        : [["runs", `${runs.synced} synced, ${runs.pending} pending, ${runs.degraded} degraded`]]),
    ],
    empty: "",
  });
  if (degraded.length > 0) await tellDegraded(output, degraded, runs?.degraded ?? 0);
  return EXIT.done;
};

const tellDegraded = async (
  output: Output,
  degraded: RolloutStatus["degraded"],
  count: number,
): Promise<void> => {
  await printTable(output, {
    head: ["DEGRADED", "SINCE", "WHY"],
    rows: degraded.map(({ id, since, error }) => [{ text: id, id: true }, since, error]),
    empty: "",
  });
  if (count > degraded.length) say(output, `${count - degraded.length} more are degraded.`);
  say(output, "Repair: runledger rollout replay");
};

export const rolloutDrift = (
  app: RunLedger,
  output: Output,
  { limit, all }: { readonly limit: number; readonly all: boolean },
): Promise<number> =>
  withTable(app, async (rollout) => {
    let unexplained = 0;
    let explained = 0;
    const shown: Drift[] = [];
    for await (const drift of rollout.drift()) {
      if (drift.explained === null) unexplained += 1;
      else explained += 1;
      if ((all || drift.explained === null) && shown.length < limit) shown.push(drift);
    }
    if (output.json) printJson(output, { unexplained, explained, drift: shown });
    else await tellDrift(output, shown, { unexplained, explained, all });
    return unexplained === 0 ? EXIT.done : EXIT.failed;
  });

const tellDrift = async (
  output: Output,
  shown: readonly Drift[],
  {
    unexplained,
    explained,
    all,
  }: { readonly unexplained: number; readonly explained: number; readonly all: boolean },
): Promise<void> => {
  await printTable(output, {
    head: ["DIFFERENCE", "KIND", "RUN", "STEP", "TABLE", "LEDGER", "EXPLAINED"],
    rows: shown.map((drift) => [
      drift.digest.slice(0, DIGEST_SHOWN),
      drift.kind,
      { text: drift.id, id: true },
      drift.stepId ?? "",
      drift.projection ?? "-",
      drift.ledger ?? "-",
      drift.explained === null ? "" : `${drift.explained.by.name}: ${drift.explained.reason}`,
    ]),
    empty:
      explained === 0 ? "The host's table and the ledger say the same." : "Every difference is explained.",
  });
  const more = unexplained + (all ? explained : 0) - shown.length;
  if (more > 0) say(output, `${more} more: --limit shows them.`);
  if (explained > 0 && !all) say(output, `${explained} explained: --all shows them.`);
  if (unexplained > 0)
    say(
      output,
      'Repair: runledger rollout replay. As it should be: runledger rollout explain DIFFERENCE --reason "…"',
    );
};

export const rolloutExplain = (
  app: RunLedger,
  { output }: Bench,
  by: Caller,
  given: string,
  reason: string,
): Promise<number> =>
  withTable(app, async (rollout) => {
    const meant: Drift[] = [];
    for await (const drift of rollout.drift()) if (isMeant(drift, given)) meant.push(drift);
    const [first] = meant;
    if (first === undefined)
      throw new LedgerError(
        "drift_not_found",
        `There is no difference, and no run that differs, called "${given}".`,
        {
          hint: "List them: runledger rollout drift --all",
        },
      );
    if (meant.some(({ id }) => id !== first.id))
      throw new LedgerError("invalid_input", `"${given}" is the beginning of several differences.`, {
        hint: "Give more of it.",
      });
    for (const drift of meant) await rollout.explain(drift, reason, by);
    if (output.json) printJson(output, { explained: meant.map(({ digest }) => digest), reason });
    else say(output, `${counted(meant.length, "difference")} of run ${safe(first.id)} explained.`);
    return EXIT.done;
  });

/** One difference by the beginning of its digest, or all of a run by the host's id for it. */
const isMeant = ({ id, digest }: Drift, given: string): boolean =>
  id === given || (given.length >= DIGEST_MIN && digest.startsWith(given));

export const rolloutReplay = (app: RunLedger, output: Output): Promise<number> =>
  withTable(app, async (rollout) => {
    const replayed = await rollout.replay();
    if (output.json) printJson(output, repliedJson(replayed));
    else tellReplayed(output, replayed);
    return replayed.failed.length === 0 ? EXIT.done : EXIT.failed;
  });

const repliedJson = ({ failed, ...replayed }: Replayed) => ({
  ...replayed,
  failed: failed.map(({ id, error }) => ({ id, error: wordsOf(error) })),
});

const tellReplayed = (output: Output, { truth, checked, repaired, explained, failed }: Replayed): void => {
  const side = truth === "ledger" ? "the ledger's word" : "the word of the host's table";
  const left = explained.length === 0 ? "" : `, ${explained.length} left as explained`;
  printLine(
    output,
    `${counted(checked, "run")} checked against ${side}, ${repaired.length} repaired${left}.`,
  );
  for (const id of repaired) printLine(output, `repaired  ${safe(id)}`);
  for (const id of explained) printLine(output, `explained ${safe(id)}`);
  for (const { id, error } of failed)
    printLine(
      output,
      `${paint(output, "red", "failed")}    ${safe(id ?? "the host's table")}: ${safe(wordsOf(error))}`,
    );
};

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const rolloutAdvance = (app: RunLedger, bench: Bench): Promise<number> =>
  withTable(app, async (rollout) => {
    const change = await rollout.advance();
    await write(app, bench, change);
    if (bench.output.json) printJson(bench.output, change);
    else tellChange(bench.output, change);
    return EXIT.done;
  });

export const rolloutRetreat = (app: RunLedger, bench: Bench): Promise<number> =>
  withTable(app, async (rollout) => {
    const { replayed, ...change } = await rollout.retreat();
    await write(app, bench, change);
    if (bench.output.json) printJson(bench.output, { ...change, replayed: repliedJson(replayed) });
    else {
      tellChange(bench.output, change);
      if (replayed.checked > 0 || replayed.failed.length > 0) tellReplayed(bench.output, replayed);
    }
    return replayed.failed.length === 0 ? EXIT.done : EXIT.failed;
  });

const tellChange = (output: Output, { from, to, changes }: StageChange): void => {
  printLine(output, `${from} → ${to}: ${MEANINGS[to]}`);
  for (const { key, value } of changes) say(output, `${key} = ${value}`);
  say(output, "It counts for hosts that are started from now on.");
};

/** All of them or none, so that whoever reads meanwhile sees the old stage or the new one. */
const write = async (
  { projectDir }: RunLedger,
  { terminal }: Bench,
  { changes }: StageChange,
): Promise<void> => {
  const { file, origins } = await loadSettings(projectDir, terminal.env);
  const outranked = changes.find(({ key }) => origins[key]?.startsWith("env "));
  if (outranked !== undefined)
    throw new LedgerError(
      "settings_invalid",
      `${outranked.key} comes from ${origins[outranked.key]}, which outranks ${file}; nothing is written.`,
      {
        hint: "Unset that variable, then try again. What comes from where: runledger config list --show-origin",
      },
    );
  const draft = await openSettingsDraft({ projectDir, env: terminal.env });
  await draft.save(changes.map(({ key, value }) => ({ key, value: String(value) })));
};
