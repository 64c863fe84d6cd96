import { type Argument, Option } from "commander";
import type { Glance } from "../../../index.js";
import { topics } from "../manual/topics.js";

export type Word = { readonly word: string; readonly said: string };
/** Words that fit, and whether files or folders fit as well: those the shell knows itself. */
export type Found = { readonly files?: "files" | "folders"; readonly words: readonly Word[] };
/** Where Tab was pressed. */
export type Place = {
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The run that is named on the line already. */
  readonly run: string | undefined;
  /** Every command by its path. */
  readonly paths: readonly string[];
};

type Source = (place: Place) => Promise<Found>;

/** What somebody may look for; older runs are named by their id. */
const RUNS_OFFERED = 20;

// The library is loaded only where a project must be looked at.
const library = () => import("../../../index.js");

const nothing: Source = async () => ({ words: [] });
const files: Source = async () => ({ files: "files", words: [] });
const folders: Source = async () => ({ files: "folders", words: [] });

/** Looks into the ledger without making or changing anything; no ledger, no words. */
const glancing = async (
  { directory, env }: Place,
  look: (glance: Glance) => Promise<readonly Word[]>,
): Promise<Found> => {
  const { glanceAt } = await library();
  const glance = await glanceAt({ projectDir: directory, env });
  if (glance === undefined) return { words: [] };
  try {
    return { words: await look(glance) };
  } finally {
    glance.close();
  }
};

const runs: Source = (place) =>
  glancing(place, async (glance) => {
    const rows = await glance.list(RUNS_OFFERED);
    const words = rows.map(({ runId, status, goal }) => ({ word: runId, said: `${status}: ${goal}` }));
    const [newest] = words;
    return newest === undefined ? [] : [{ word: "last", said: newest.said }, ...words];
  });

const steps: Source = (place) =>
  glancing(place, async (glance) => {
    const run = await glance.load(place.run ?? "last");
    return run.steps.map(({ spec, state }) => ({ word: spec.id, said: `${state.status}: ${spec.goal}` }));
  });

/** Of the others nobody asks, and there may be very many. */
const openEffects: Source = (place) =>
  glancing(place, async (glance) => {
    const run = await glance.load(place.run ?? "last");
    const { workedSteps } = await library();
    return run.steps
      .flatMap(workedSteps)
      .flatMap(({ spec, effects }) =>
        effects.open.map(({ call }) => ({ word: String(call.position), said: `${spec.id}: ${call.name}` })),
      );
  });

const notes: Source = (place) =>
  glancing(place, async (glance) => {
    const run = await glance.load(place.run ?? "last");
    return Object.entries(run.notes).map(([word, said]) => ({ word, said }));
  });

const promises: Source = (place) =>
  glancing(place, async (glance) => {
    const { openWaits, promiseId } = await library();
    return openWaits(await glance.load(place.run ?? "last")).flatMap(({ step, wait }) => {
      const { spec, attempt, candidate } = step;
      const of = { stepId: spec.id, attempt, candidate, position: wait.position };
      return wait.kind === "promise" ? [{ word: promiseId(of), said: wait.name }] : [];
    });
  });

/** Those that wait for somebody. */
const openIntents: Source = (place) =>
  glancing(place, async (glance) => {
    const { isOpenIntent } = await library();
    const rows = (await glance.list(RUNS_OFFERED)).filter(({ status }) => !OVER.has(status));
    const live = await Promise.all(rows.map(({ runId }) => glance.load(runId)));
    return live
      .flatMap(({ intents }) => intents.filter(isOpenIntent))
      .map(({ intentId, status, content }) => ({
        word: intentId,
        said: `${status}: ${content.destination}`,
      }));
  });

const OVER: ReadonlySet<string> = new Set(["completed", "failed"]);

const signingKeys: Source = async ({ directory, env }) => {
  const keys = await (await library()).signingKeysAt({ projectDir: directory, env });
  return { words: (keys ?? []).map(({ keyId, from }) => ({ word: keyId, said: `from ${from}` })) };
};

const settings = async ({ directory, env }: Place) => {
  const { findProject, loadSettings } = await library();
  return loadSettings(await findProject(directory), env);
};

const settingKeys: Source = async (place) => {
  const { origins } = await settings(place);
  return { words: Object.entries(origins).map(([word, origin]) => ({ word, said: origin })) };
};

const agents: Source = async (place) => {
  const { settings: now } = await settings(place);
  return { words: Object.keys(now.agents).map((word) => ({ word, said: "" })) };
};

const targets: Source = async (place) => {
  const { settings: now } = await settings(place);
  return { words: Object.keys(now.notify).map((word) => ({ word, said: "" })) };
};

/** Names, beside the files that a shell knows. */
const policies: Source = async ({ directory, env }) => {
  const { findProject, loadSettings, openGatePolicies } = await library();
  const project = await findProject(directory);
  const { gate } = (await loadSettings(project, env)).settings;
  const words = openGatePolicies(project, gate)
    .list()
    .map(({ name, file }) => ({ word: name, said: file }));
  return { files: "files", words };
};

const eventTypes: Source = async () => ({
  words: (await library()).eventTypes.map((word) => ({ word, said: "" })),
});

const helpTopics: Source = async ({ paths }) => ({
  words: [
    ...paths.filter((path) => path !== "" && !path.includes(" ")).map((word) => ({ word, said: "command" })),
    ...Object.entries(topics).map(([word, { title }]) => ({ word, said: title })),
  ],
});

/** By the name of the argument: `<run>`. A test holds that each one in the tree is here or has choices. */
const OF_ARGUMENTS: Readonly<Record<string, Source>> = {
  run: runs,
  step: steps,
  effect: openEffects,
  command: files,
  destination: nothing,
  intent: openIntents,
  plan: files,
  file: files,
  key: settingKeys,
  note: notes,
  policy: policies,
  promise: promises,
  "public-key": signingKeys,
  target: targets,
  value: nothing,
  name: nothing,
  // A secret's name is looked up by whoever may end it, in `sdk-key list`.
  "sdk-key": nothing,
  mandate: nothing,
  person: nothing,
  agent: agents,
  topic: helpTopics,
  // Finding what differs means reading both sides, which may take longer than anybody waits for Tab.
  difference: nothing,
};

/** By the name of the option. */
const OF_OPTIONS: Readonly<Record<string, Source>> = {
  "--after": runs,
  "--action": nothing,
  "--agent": agents,
  "--allow-host": nothing,
  "--at": nothing,
  "--for": nothing,
  "--max-usd": nothing,
  "--per-day": nothing,
  "--per-day-usd": nothing,
  "--attempt": nothing,
  "--attempts": nothing,
  "--candidate": nothing,
  "--credential-file": files,
  "--destination": nothing,
  "--directory": folders,
  "--error": nothing,
  "--expires": nothing,
  "--file": files,
  "--from": nothing,
  "--goal": nothing,
  "--hash": nothing,
  "--host": nothing,
  "--idempotency-key": nothing,
  "--keep": nothing,
  // Of `receipt verify` a file with public keys; whoever makes up a key of an effect passes it over.
  "--key": files,
  "--limit": nothing,
  "--max-bytes": nothing,
  "--name": nothing,
  "--next": nothing,
  "--of": runs,
  "--older-than": nothing,
  "--output": files,
  "--planner": agents,
  "--policy": nothing,
  "--port": nothing,
  "--proposal": nothing,
  "--reason": nothing,
  "--records": nothing,
  "--repo": folders,
  "--request": nothing,
  "--result": nothing,
  "--run": runs,
  "--runs": nothing,
  "--scope": nothing,
  "--session": nothing,
  "--since": nothing,
  "--solution": files,
  "--statement": nothing,
  "--step": nothing,
  "--steps": files,
  "--tag": nothing,
  "--text": nothing,
  "--time": nothing,
  "--token": nothing,
  "--tokens": nothing,
  "--type": eventTypes,
  "--url": nothing,
  "--usd": nothing,
  "--validator": files,
  "--value": nothing,
};

/** Undefined for what nobody has thought of. */
export const sourceOf = (of: Argument | Option): Source | undefined =>
  of instanceof Option ? OF_OPTIONS[of.long ?? ""] : OF_ARGUMENTS[of.name()];
