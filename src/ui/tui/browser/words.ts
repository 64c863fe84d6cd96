import {
  type Attended,
  type ListedRun,
  type RunView,
  type StoredEvent,
  stepWord,
  type WorkedStep,
} from "../../../index.js";
import { eventTold } from "../../cli/describe.js";
import { type Line, type Span, span, told } from "../kit/line.js";
import type { Tone } from "../kit/theme.js";

/** A state as people see it: a mark, a word, a colour. */
export type Shown = { readonly mark: string; readonly word: string; readonly tone: Tone };

const STATES: Readonly<Record<string, Shown>> = {
  planning: { mark: "○", word: "planning", tone: "dim" },
  running: { mark: "●", word: "running", tone: "busy" },
  interrupted: { mark: "!", word: "interrupted", tone: "bad" },
  undriven: { mark: "!", word: "undriven", tone: "warn" },
  "awaits agent": { mark: "◌", word: "awaits agent", tone: "busy" },
  paused: { mark: "‖", word: "paused", tone: "warn" },
  "asks you": { mark: "◆", word: "asks you", tone: "warn" },
  completed: { mark: "✔", word: "completed", tone: "good" },
  failed: { mark: "✘", word: "failed", tone: "bad" },
  quarantined: { mark: "!", word: "quarantined", tone: "bad" },
  pending: { mark: "○", word: "pending", tone: "dim" },
  racing: { mark: "●", word: "racing", tone: "busy" },
  cancelled: { mark: "–", word: "cancelled", tone: "dim" },
  working: { mark: "●", word: "working", tone: "busy" },
  verifying: { mark: "◐", word: "verifying", tone: "busy" },
  begun: { mark: "○", word: "begun", tone: "warn" },
  proposed: { mark: "◐", word: "proposed", tone: "dim" },
  verified: { mark: "✔", word: "verified", tone: "good" },
  reported: { mark: "✔", word: "reported", tone: "dim" },
  approved: { mark: "✔", word: "approved", tone: "good" },
  skipped: { mark: "–", word: "skipped", tone: "warn" },
  decomposed: { mark: "÷", word: "decomposed", tone: "warn" },
  unchecked: { mark: "○", word: "unchecked", tone: "dim" },
  met: { mark: "✔", word: "met", tone: "good" },
  good: { mark: "✔", word: "good", tone: "good" },
  broken: { mark: "✘", word: "broken", tone: "bad" },
  due: { mark: "◷", word: "due", tone: "good" },
  off: { mark: "–", word: "off", tone: "dim" },
  thinned: { mark: "–", word: "thinned", tone: "dim" },
  pending_approval: { mark: "◆", word: "approve?", tone: "warn" },
  blocked: { mark: "✘", word: "blocked", tone: "bad" },
  ordered: { mark: "●", word: "ordered", tone: "busy" },
  succeeded: { mark: "✔", word: "succeeded", tone: "good" },
  unknown: { mark: "!", word: "in doubt", tone: "bad" },
  denied: { mark: "✘", word: "denied", tone: "bad" },
  expired: { mark: "–", word: "expired", tone: "dim" },
  active: { mark: "●", word: "active", tone: "good" },
  revoked: { mark: "–", word: "revoked", tone: "dim" },
  unmet: { mark: "✘", word: "unmet", tone: "bad" },
};

export const shownAs = (state: string): Shown =>
  STATES[state] ?? { mark: "·", word: told(state), tone: "plain" };

/** The client of a tracked run goes on when somebody has answered; an intent that is blocked never does. */
const BLOCKED: Shown = { mark: "◆", word: "blocked", tone: "warn" };

/** A run in a list, or on a page. */
export const runShown = ({ stateWord }: Pick<ListedRun | RunView, "stateWord">): Shown =>
  stateWord === "blocked"
    ? BLOCKED
    : stateWord === "active"
      ? { ...shownAs(stateWord), tone: "busy" }
      : shownAs(stateWord);

export const stepShown = (step: WorkedStep, at: Attended): Shown => shownAs(stepWord(step, at));

export const marked = ({ mark, tone }: Shown): Span => span(mark, tone);

/** Run ids begin with the time they were made; what tells two apart is their end, and commands take it too. */
export const shortId = (runId: string): string => told(runId.slice(-6));

const UNITS = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "m"],
] as const;

/** How long ago, in one unit: what a glance needs. */
export const age = (iso: string, now: number): string => {
  const seconds = Math.max(0, Math.floor((now - Date.parse(iso)) / 1_000));
  for (const [length, unit] of UNITS) if (seconds >= length) return `${Math.floor(seconds / length)}${unit}`;
  return `${seconds}s`;
};

const TONES = {
  green: "good",
  red: "bad",
  yellow: "warn",
  blue: "busy",
  grey: "dim",
  bold: "strong",
} as const;

export const eventMark = (event: StoredEvent): Span => {
  const { style, mark } = eventTold(event);
  return span(mark, TONES[style]);
};
export const eventText = (event: StoredEvent): string =>
  told(event.type === "run_created" ? event.payload.goal : withoutRun(event.runId, eventTold(event).text));

/** Where one run is looked at its intents need no more than their number. */
const withoutRun = (runId: string, text: string): string =>
  text.startsWith(`${runId}.`) ? `intent ${text.slice(runId.length + 1)}` : text;

/** 10,000 */
export const counted = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

export const many = (count: number, one: string, more = `${one}s`): string =>
  `${counted(count)} ${count === 1 ? one : more}`;

/** As a shell takes it: what is shown as a command can be typed. */
export const quoted = (word: string): string =>
  /^[\w./@%+=:,-]+$/.test(word) ? word : `'${told(word).replaceAll("'", "'\\''")}'`;

/** A name and what belongs to it. */
export const fact = (name: string, value: string, tone: Tone = "plain", width = 10): Line => [
  span(name.padEnd(width), "dim"),
  span(value, tone),
];
