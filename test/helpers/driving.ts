import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";

import type { Command, PolicyAction, Run, RunLedger, Step, StoredEvent } from "../../src/index.js";
import { ownerOfThisProcess } from "../../src/ledger/owner.js";
import { openPlaces } from "../../src/pev/places.js";
import { openPrivateRoot } from "../../src/pev/private-folder.js";
import { person, SESSION } from "./project.js";

/** A run of this plan, made by a person and not driven yet. */
export const began = async (app: RunLedger, plan: unknown): Promise<string> => {
  const { runId } = await app.createRun(person(app), {
    plan,
    sessionKey: SESSION,
    originalRequest: "please",
  });
  return runId;
};

export const stateOf = (run: Run, id: string): Step["state"] | undefined =>
  run.steps.find(({ spec }) => spec.id === id)?.state;

export const eventsOf = async (app: RunLedger, runId: string): Promise<readonly StoredEvent[]> =>
  app.ledger.events(runId, 0, 1_000);

export const typesOf = async (app: RunLedger, runId: string): Promise<StoredEvent["type"][]> =>
  (await eventsOf(app, runId)).map(({ type }) => type);

/** What a person does at the terminal. */
export const say = async (app: RunLedger, runId: string, command: Command): Promise<Run> =>
  (await app.ledger.submit(runId, command, person(app))).run;

export const pause: Command = { type: "pause_run", reason: "lunch" };
export const cancel: Command = { type: "cancel_run", reason: "not needed" };
export const resume: Command = { type: "resume_run", reason: "", overrideStale: false };
export const answer = (stepId: string, decision: PolicyAction): Command => ({
  type: "apply_policy",
  stepId,
  decision,
  reason: "because",
});

/** When an agent has been told to stop. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true }),
  );

/** Lets nobody through before so many stand at it. */
export const barrier = (count: number): (() => Promise<void>) => {
  const { opened, open } = gate();
  let waiting = 0;
  return () => {
    waiting += 1;
    if (waiting === count) open();
    return opened;
  };
};

/** Opened by the test. */
export const gate = (): { readonly opened: Promise<void>; readonly open: () => void } => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
};

/** Looks again and again, within a bound, until it holds. */
export const eventually = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (let look = 0; look < 2_000; look += 1) {
    if (await holds()) return;
    await delay(20);
  }
  expect.unreachable(`it never came true: ${what}`);
};

/** A clock that stands still until the test moves it. */
export const clockAt = (start: string) => {
  let ms = Date.parse(start);
  return {
    now: () => new Date(ms).toISOString(),
    move: (byMs: number) => {
      ms += byMs;
    },
  };
};

/** In a shell: goes on when the file is there. */
export const untilFile = (file: string): string => `until [ -e ${file} ]; do sleep 0.02; done`;

export const pidIn = (file: string): number =>
  existsSync(file) ? Number(readFileSync(file, "utf8").trim() || "0") : 0;

/** A zombie does not live. */
export const lives = (pid: number): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

/** What is registered: folders and processes. */
export const placesOf = async ({ dataDir }: { readonly dataDir: string }): Promise<string[]> =>
  (await (await openPlaces(join(dataDir, "places"))).list()).map(({ kind }) => kind);

/** A worker that was here before: its process had the id of this one, but began at another time. */
export const deadOwner = ownerOfThisProcess().replace(/\d+$/, "1");

/** A room as that worker would have left it, when it had begun to make one. */
export const leaveRoom = async (
  { dataDir }: { readonly dataDir: string },
  runId: string,
  owner: string,
): Promise<string> => {
  const places = await openPlaces(join(dataDir, "places"));
  const id = randomUUID();
  const path = join(await openPrivateRoot(), id);
  await mkdir(path);
  await places.register({ id, kind: "room", path, runId });
  await places.update(id, { owner });
  return path;
};
