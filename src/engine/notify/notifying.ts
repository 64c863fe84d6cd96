import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { digestOf } from "../../core/canonical.js";
import { LedgerError } from "../../core/errors.js";
import { mayBeNotice, type Notice, type NoticeType } from "../../core/notices.js";
import type { Redactor } from "../../core/redact.js";
import type { Ledger } from "../../ledger/ledger.js";
import type { Places } from "../../pev/places.js";
import type { Walls } from "../../pev/walls/walls.js";
import { type Finding, fail, ok, warn } from "../findings.js";
import { createDeliveries, type Deliveries, type Outcome, type Standing, type Target } from "./deliveries.js";

type TargetSetting = {
  readonly run: readonly string[];
  readonly url: string;
  readonly secretEnv: string;
  readonly env: readonly string[];
  readonly events: readonly NoticeType[];
  readonly privateNetwork: boolean;
  readonly timeoutMs: number;
};

type Parts = {
  readonly ledger: Ledger;
  readonly settings: { readonly notify: Readonly<Record<string, TargetSetting>> };
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly projectDir: string;
  readonly project: { readonly places: Places; readonly walls: Walls };
  readonly redactor: Redactor;
};

export type ListedTarget = {
  readonly name: string;
  readonly kind: "program" | "webhook";
  /** The program, or the address without its path: that may hold a secret. */
  readonly to: string;
  readonly events: readonly NoticeType[];
  /** When it was last told anything; null for never. */
  readonly toldAt: string | null;
  /** Why the last try failed; null when it did not. */
  readonly error: string | null;
  /** When that is tried again; null when nothing is. */
  readonly nextTryAt: string | null;
  /** How many were given up. */
  readonly givenUp: number;
};

export type TriedTarget = {
  readonly name: string;
  readonly told: boolean;
  /** Why not; null when it was. */
  readonly error: string | null;
};

export interface NotifyingFaces {
  /** Who is told what runs ask of people, by name. */
  targets(): Promise<readonly ListedTarget[]>;
  /** Tells one of them, or all, that this is a test. Throws `target_not_found`. */
  testTargets(name?: string): Promise<readonly TriedTarget[]>;
}

export type Notifying = {
  readonly faces: NotifyingFaces;
  /** Begins to tell what nobody has been told yet, and waits for nobody; cheap where nothing has happened. */
  readonly tell: () => Promise<void>;
  readonly findings: () => Promise<readonly Finding[]>;
  /** What is being told now is finished, within bounds. */
  readonly close: () => Promise<void>;
};

/** A command that ends waits so long for who is told by it; whoever comes next goes on. */
const CLOSE_WAIT_MS = 5_000;
/** Clocks that are set are noticed at the latest after this long. */
const NAP_MAX_MS = 60_000;
/** After a round that the ledger broke off. */
const TROUBLE_NAP_MS = 5_000;
/** What is told goes on for so long at most once it was called off. */
const CALLED_OFF_MS = 1_000;

/**
 * Whoever appends an event that people are told of tells them, beside its other work; a worker tells what others left. No run
 * waits for it: what is due follows from the journal, and how far each target has come is kept beside it.
 */
export const openNotifying = (parts: Parts): Notifying => {
  const { ledger, settings } = parts;
  const targets = Object.entries(settings.notify).map(([name, one]) => targetOf(parts, name, one));
  const deliveries = createDeliveries(ledger);
  const rounds = createRounds(ledger, deliveries, targets);
  const forget =
    targets.length === 0
      ? () => undefined
      : ledger.observe(([first, ...more]) => {
          if (first !== undefined && [first, ...more].some(mayBeNotice)) rounds.go(first.position - 1);
        });
  return {
    faces: {
      targets: async () => {
        const listed = targets.map(async ({ name }) =>
          listedAs(parts, name, await deliveries.standingOf(name)),
        );
        return Promise.all(listed);
      },
      testTargets: (name) => testTargets(parts, name),
    },
    tell: rounds.goIfMoved,
    findings: async () => {
      const findings = targets.map(async ({ name }) =>
        findingOf(parts, name, await deliveries.standingOf(name)),
      );
      return Promise.all(findings);
    },
    close: async () => {
      forget();
      await rounds.end();
    },
  };
};

/** One round at a time, and another one behind it when something happened meanwhile. */
const createRounds = (ledger: Ledger, deliveries: Deliveries, targets: readonly Target[]) => {
  const stop = new AbortController();
  let going: Promise<void> | undefined;
  let isDueAgain = false;
  let isOver = false;
  let napping: NodeJS.Timeout | undefined;
  let lookedAt = -1;
  const nap = (ms: number, since: number): void => {
    clearTimeout(napping);
    if (!isOver) napping = setTimeout(() => go(since), ms).unref();
  };
  const round = async (since: number): Promise<void> => {
    clearTimeout(napping);
    do {
      isDueAgain = false;
      const next = await deliveries.pass(targets, since, stop.signal);
      if (next !== null) nap(Math.min(NAP_MAX_MS, Math.max(0, next - Date.parse(ledger.now()))), since);
    } while (isDueAgain);
  };
  const go = (since: number): void => {
    isDueAgain = true;
    if (isOver || going !== undefined) return;
    going = round(since)
      .catch((error: unknown) => {
        if (isOver) return;
        process.emitWarning(`Not everybody could be told: ${String(error)}`);
        lookedAt = -1;
        nap(TROUBLE_NAP_MS, since);
      })
      .finally(() => {
        going = undefined;
      });
  };
  return {
    go,
    goIfMoved: async (): Promise<void> => {
      if (targets.length === 0 || going !== undefined) return;
      const position = await ledger.store.position();
      if (position !== lookedAt) go(position);
      lookedAt = position;
    },
    end: async (): Promise<void> => {
      isOver = true;
      clearTimeout(napping);
      if (going === undefined) return;
      await within(CLOSE_WAIT_MS, going);
      stop.abort();
      await within(CALLED_OFF_MS, going);
    },
  };
};

const within = async (ms: number, going: Promise<void>): Promise<void> => {
  const limit = new AbortController();
  const late = delay(ms, undefined, { signal: limit.signal }).catch(() => undefined);
  await Promise.race([going, late]);
  limit.abort();
};

/** What is sent, and nothing more: no goal, no word of an agent, nothing that was proposed. */
const bodyOf = (type: string, timestamp: string, data: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ type, timestamp, data });

const targetOf = (parts: Parts, name: string, setting: TargetSetting): Target => ({
  name,
  events: setting.events,
  settingsMs: Date.parse(parts.ledger.now()),
  timeoutMs: setting.timeoutMs,
  tell: (notice, signal) => {
    const { type, at, runId, seq, stepId, sentence } = notice;
    const data = { project: basename(parts.projectDir), runId, seq, stepId, sentence };
    const body = bodyOf(type, at, { ...data, hint: `runledger why ${runId}` });
    return send(parts, setting, { id: idOf(parts.ledger, name, notice), body, signal });
  },
});

/** The same for each try, in whatever process. */
const idOf = ({ store }: Ledger, target: string, { runId, seq, type }: Notice): string =>
  `msg_${digestOf({ ledgerId: store.ledgerId, target, runId, seq, type }).slice(0, ID_CHARS)}`;
const ID_CHARS = 32;

type Sent = { readonly id: string; readonly body: string; readonly signal: AbortSignal };

const send = async (parts: Parts, setting: TargetSetting, sent: Sent): Promise<Outcome> => {
  const { environment, projectDir, project, redactor, ledger } = parts;
  try {
    if (setting.url === "") {
      const { callProgram } = await import("./program.js");
      const { places, walls } = project;
      return await callProgram({ ...setting, ...sent, environment, projectDir, places, walls, redactor });
    }
    const { callWebhook } = await import("./webhook.js");
    const { [setting.secretEnv]: secret } = environment;
    return await callWebhook({ ...setting, ...sent, secret, now: ledger.now() });
  } catch (error) {
    return { kind: "failed", error: redactor.text(error instanceof Error ? error.message : String(error)) };
  }
};

const testTargets = async (parts: Parts, name: string | undefined): Promise<readonly TriedTarget[]> => {
  const { notify } = parts.settings;
  if (name !== undefined && !Object.hasOwn(notify, name))
    throw new LedgerError("target_not_found", `The settings have no target "${name}" to tell.`, {
      hint: "runledger notify list names them.",
    });
  const asked = Object.entries(notify).filter(([one]) => name === undefined || one === name);
  const { signal } = new AbortController();
  const tried = asked.map(async ([one, setting]): Promise<TriedTarget> => {
    const data = { project: basename(parts.projectDir), sentence: "This is a test." };
    const body = bodyOf("test", parts.ledger.now(), data);
    const outcome = await send(parts, setting, { id: `msg_${randomUUID()}`, body, signal });
    const told = outcome.kind === "told";
    return { name: one, told, error: told ? null : outcome.error };
  });
  return Promise.all(tried);
};

const timeOf = (ms: number | null | undefined): string | null => (ms ? new Date(ms).toISOString() : null);

const listedAs = ({ settings }: Parts, name: string, standing: Standing | undefined): ListedTarget => {
  const { url = "", run = [], events = [] } = settings.notify[name] ?? {};
  return {
    name,
    kind: url === "" ? "program" : "webhook",
    to: url === "" ? (run[0] ?? "") : new URL(url).origin,
    events,
    toldAt: timeOf(standing?.toldMs),
    error: standing?.error ?? null,
    nextTryAt: timeOf(standing?.nextMs),
    givenUp: standing?.givenUp ?? 0,
  };
};

const findingOf = (parts: Parts, name: string, standing: Standing | undefined): Finding => {
  const check = `notify ${name}`;
  const { secretEnv = "" } = parts.settings.notify[name] ?? {};
  const { to, error, givenUp, toldAt } = listedAs(parts, name, standing);
  if (secretEnv !== "" && !parts.environment[secretEnv])
    return fail(check, `${secretEnv}, which it signs with, is not set.`, `Set ${secretEnv}.`);
  if (error !== null) {
    const lost = givenUp === 0 ? "" : ` ${givenUp} given up.`;
    return warn(check, `${to} was not told: ${error}.${lost}`, `runledger notify test ${name}`);
  }
  return ok(check, toldAt === null ? `${to}, not told anything yet` : `${to}, last told ${toldAt}`);
};
