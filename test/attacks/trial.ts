import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isLedgerError, type Run } from "../../src/index.js";
import { ANCHOR_FILE, readAnchor } from "../../src/stores/anchor.js";
import { markersIn, type Unpacked, unpackedFolder } from "../helpers/data-folder.js";
import { lastWord } from "../helpers/suspects.js";
import { type Arena, OUTLAW } from "./arena.js";
import type { Attack, Calling, PromiseId, Scene, Working } from "./attack.js";
import { deskIn } from "./desk.js";
import { printedOf } from "./printed.js";
import { projects } from "./projects.js";
import { survivorsOf } from "./survivors.js";
import { differences, journalOf, type Snapshot, snapshotOf } from "./traces.js";

/** A promise that did not hold, and how that showed. */
export type Breach = { readonly promise: PromiseId; readonly what: string };

/** Carries an attack out and looks at every promise; none of them may be in the answer. */
export const breachesOf = async (attack: Attack, arena: Arena): Promise<readonly Breach[]> => {
  const token = `culprit-${randomUUID()}`;
  const before = await lookAround(arena);
  const ended = "call" in attack ? await callTools(attack, arena) : await work(attack, arena, token);
  const survivors = await survivorsOf(token, arena.place);
  return [
    ...ended,
    ...breaches("processes", survivors),
    ...breaches("outside", arena.neighbour.troubles()),
    ...(await changesSince(before, arena, token)),
    ...breaches("secrets", await secretsToldIn(arena, attack, before.journal.length)),
  ];
};

/** Commands print what the folder holds; what they make of it is looked at after attacks that are about secrets. */
const secretsToldIn = async (
  arena: Arena,
  { breaks }: Attack,
  before: number,
): Promise<readonly string[]> => {
  const said: Unpacked[] = [...unpackedFolder(arena.app.dataDir)];
  if (breaks === "secrets")
    for (const runId of runsOf(journalOf(arena.app.dataDir).slice(before)))
      said.push(...(await printedOf(arena, runId)));
  return arena.secrets.flatMap((secret) => markersIn(said, secret));
};

const runsOf = (rows: readonly string[]): ReadonlySet<string> =>
  new Set(rows.map((row) => String(JSON.parse(row).run_id)));

const breaches = (promise: PromiseId, whats: readonly string[]): Breach[] =>
  whats.map((what) => ({ promise, what }));

const work = async (attack: Working, arena: Arena, token: string): Promise<readonly Breach[]> => {
  const { project = "shop", step = {}, plan = {}, program, code } = attack;
  const told = program === undefined ? {} : { owner_agent: OUTLAW, goal: program(arena.scene("", token)) };
  const limits = { timeout: "30s", agent_timeout: "20s" };
  const run = await arena.run(
    async ({ workspace, stepId }) => {
      const scene = arena.scene(workspace, token, stepId);
      if (code !== undefined) await putCode(scene, project, code(scene));
      await attack.work?.(scene);
      return "All done, tests pass!";
    },
    { ...limits, ...told, ...step },
    plan,
  );
  return verdictBreaches(attack, arena, run);
};

const putCode = (scene: Scene, project: string, code: string): Promise<void> => {
  const [path, bug] = projects[project]?.bug ?? ["", ""];
  return scene.write({ [path]: `${code}\n${bug}` });
};

const verdictBreaches = async (
  { ends, says = "", moves, project = "shop" }: Working,
  arena: Arena,
  run: Run,
): Promise<readonly Breach[]> => {
  const { reason, message, level } = await lastWord(arena.app, run.runId);
  const wrong: string[] = [];
  const how = run.state.status === "completed" ? "verified" : reason;
  if (!ends.includes(how)) wrong.push(`it ended as ${how}, not as ${ends.join(" or ")}: ${message}`);
  if (!ends.includes("verified") && moves !== true && run.head !== run.base)
    wrong.push("the run's head moved");
  if (how === "verified") wrong.push(...(await unproposed(arena, run, project)));
  if (!message.includes(says)) wrong.push(`the verdict does not say "${says}": ${message}`);
  if (level !== null && level !== arena.level) wrong.push(`it was judged at level ${level}`);
  return breaches("verdict", wrong);
};

/** Of what is verified beside the repair. */
const unproposed = async ({ app, inside }: Arena, { runId }: Run, project: string): Promise<string[]> => {
  const patches = await inside(() => app.patch(runId));
  const paths = patches.flatMap(({ bytes }) =>
    [...bytes.toString().matchAll(/^diff --git a\/(\S+) /gm)].map(([, path = ""]) => path),
  );
  const repair = Object.keys(projects[project]?.repair ?? {});
  return paths.filter((path) => !repair.includes(path)).map((path) => `${path} was verified with the repair`);
};

const callTools = async ({ refused, first, call }: Calling, arena: Arena): Promise<readonly Breach[]> => {
  const desk = await deskIn(arena);
  if (first !== undefined) await arena.inside(() => first(desk));
  const before = journalOf(arena.app.dataDir).length;
  try {
    const answer = await arena.inside(() => call(desk));
    return answer === undefined && refused.length === 0
      ? []
      : breaches("roles", [`it was answered with ${JSON.stringify(answer)}`]);
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    const types = journalOf(arena.app.dataDir)
      .slice(before)
      .map((row): unknown => JSON.parse(row).type);
    // That somebody was refused is all that may be told of it, once.
    const appended = types.length === 1 && types[0] === "access_refused" ? [] : types;
    return breaches("roles", [
      ...(refused.includes(error.code) ? [] : [`it was refused as ${error.code}: ${error.message}`]),
      ...(appended.length === 0 ? [] : [`${appended.join(", ")} appended all the same`]),
    ]);
  }
};

type Surroundings = {
  readonly checkout: Snapshot;
  readonly home: Snapshot;
  readonly tmp: Snapshot;
  readonly other: Snapshot;
  readonly place: readonly string[];
  readonly data: Snapshot;
  readonly journal: readonly string[];
};

const lookAround = async ({ place, repo, otherWorkspace, app }: Arena): Promise<Surroundings> => ({
  checkout: await snapshotOf(repo),
  home: await snapshotOf(join(place, "home")),
  tmp: await snapshotOf(join(place, "tmp")),
  other: await snapshotOf(otherWorkspace),
  place: await readdir(place),
  data: await snapshotOf(app.dataDir, (path) => OURS_TO_WRITE.test(path)),
  journal: journalOf(app.dataDir),
});

/** The database itself is compared by its rows, and its anchor with the last of them. */
const OURS_TO_WRITE = /^(ledger\.(db|anchor)|places\/)/;
/** What the ledger adds by and by. Nothing that is there already changes. */
const OURS_TO_ADD = /^(blobs|cache|logs|receipts|store\.git\/(objects|refs\/runledger))(\/|$)/;

const changesSince = async (
  before: Surroundings,
  arena: Arena,
  token: string,
): Promise<readonly Breach[]> => {
  const now = await lookAround(arena);
  const tripwire = arena.scene("", token).tripwire;
  const leftInTmp = (await readdir("/tmp")).filter((name) => name.includes(token));
  return [
    ...breaches("checkout", differences(before.checkout, now.checkout)),
    ...breaches("outside", [
      ...differences(before.home, now.home).map((what) => `home: ${what}`),
      ...differences(before.tmp, now.tmp).map((what) => `temporary folder: ${what}`),
      ...differences(before.other, now.other).map((what) => `another workspace: ${what}`),
      ...now.place
        .filter((name) => !before.place.includes(name) && join(arena.place, name) !== tripwire)
        .map((name) => `beside the project: ${name} appeared`),
      ...leftInTmp.map((name) => `/tmp: ${name} appeared`),
    ]),
    ...breaches("execution", existsSync(tripwire) ? ["what was planted ran"] : []),
    ...breaches(
      "record",
      differences(before.data, now.data, (path) => OURS_TO_ADD.test(path)),
    ),
    ...breaches("record", await journalBreaches(before.journal, now.journal, arena)),
  ];
};

/** Events are only ever added, and each chain holds. */
const journalBreaches = async (
  before: readonly string[],
  now: readonly string[],
  { app }: Arena,
): Promise<string[]> => {
  if (before.some((row, n) => row !== now[n])) return ["events that were there are not what they were"];
  const { newest, damaged } = readAnchor(join(app.dataDir, ANCHOR_FILE)) ?? { newest: null, damaged: 0 };
  if (damaged > 0 || (newest !== null && now.at(-1)?.includes(newest.hash) !== true))
    return ["the anchor is not that of the last event"];
  try {
    for (const runId of runsOf(now.slice(before.length))) await app.ledger.events(runId, 0, 1_000);
    return [];
  } catch (error) {
    return [`the chain does not hold: ${String(error)}`];
  }
};
