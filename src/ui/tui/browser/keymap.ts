import type { Key } from "../kit/keys.js";

export type PageName =
  | "runs"
  | "run"
  | "step"
  | "journal"
  | "event"
  | "questions"
  | "checkpoints"
  | "schedules"
  | "intents"
  | "intent"
  | "mandates";

export type Binding = {
  /** The first one is shown. */
  readonly keys: readonly Key[];
  /** In the line of keys. */
  readonly label: string;
  /** In the help. */
  readonly does: string;
  /** Where it means something; everywhere when not given. */
  readonly pages?: readonly PageName[];
  readonly group: "move" | "look" | "act" | "leave";
};

const ABOUT_STEPS = ["run", "step", "questions"] as const;
const ANSWERED = [...ABOUT_STEPS, "intents", "intent"] as const;
const ABOUT_RUNS = ["runs", "run", "step", "journal", "event", "questions", "checkpoints"] as const;

/** Every key and what it does: what is pressed, what is shown and what is documented come from here. */
export const keyMap = {
  down: { keys: ["j", "down"], label: "down", does: "one down", group: "move" },
  up: { keys: ["k", "up"], label: "up", does: "one up", group: "move" },
  pageDown: { keys: ["pagedown", " ", "ctrl+f"], label: "page", does: "one page down", group: "move" },
  pageUp: { keys: ["pageup", "ctrl+b"], label: "page", does: "one page up", group: "move" },
  halfDown: { keys: ["ctrl+d"], label: "half", does: "half a page down", group: "move" },
  halfUp: { keys: ["ctrl+u"], label: "half", does: "half a page up", group: "move" },
  first: { keys: ["g", "home"], label: "first", does: "to the beginning", group: "move" },
  last: { keys: ["G", "end"], label: "last", does: "to the end", group: "move" },
  open: {
    keys: ["enter", "right", "l"],
    label: "open",
    does: "open what is chosen",
    pages: ["runs", "run", "journal", "questions", "schedules", "intents"],
    group: "look",
  },
  next: { keys: ["tab"], label: "next", does: "next filter or pane", pages: ["runs", "step"], group: "look" },
  previous: {
    keys: ["shift+tab"],
    label: "previous",
    does: "previous filter or pane",
    pages: ["runs", "step"],
    group: "look",
  },
  search: { keys: ["/"], label: "filter", does: "filter or search by text", group: "look" },
  nextHit: { keys: ["n"], label: "next hit", does: "next hit", group: "look" },
  previousHit: { keys: ["N"], label: "previous hit", does: "previous hit", group: "look" },
  journal: {
    keys: ["e"],
    label: "journal",
    does: "events of the run",
    pages: ["runs", "run", "step", "questions", "checkpoints", "schedules", "intents", "intent"],
    group: "look",
  },
  checkpoints: {
    keys: ["C"],
    label: "checkpoints",
    does: "checkpoints of the run",
    pages: ["run", "step"],
    group: "look",
  },
  intents: {
    keys: ["I"],
    label: "intents",
    does: "intents of the run",
    pages: ["runs", "run", "step", "questions"],
    group: "look",
  },
  schedules: {
    keys: ["S"],
    label: "by the clock",
    does: "what begins by the clock",
    pages: ["runs", "schedules"],
    group: "look",
  },
  mandates: {
    keys: ["M"],
    label: "mandates",
    does: "who answers for whom",
    pages: ["runs", "questions", "intents", "intent"],
    group: "look",
  },
  questions: { keys: ["w"], label: "waiting", does: "what waits for a person", group: "look" },
  follow: {
    keys: ["f"],
    label: "follow",
    does: "follow what comes in",
    pages: ["journal", "step"],
    group: "look",
  },
  candidate: {
    keys: ["i"],
    label: "candidate",
    does: "next candidate of a race",
    pages: ["step"],
    group: "look",
  },
  types: { keys: ["t"], label: "type", does: "only events of one type", pages: ["journal"], group: "look" },
  copy: {
    keys: ["y"],
    label: "copy id",
    does: "copy the id",
    pages: [...ABOUT_RUNS, "intents", "intent"],
    group: "look",
  },
  refresh: { keys: ["r"], label: "refresh", does: "look again now", group: "look" },
  approve: { keys: ["a"], label: "approve", does: "approve the proposal", pages: ANSWERED, group: "act" },
  deny: {
    keys: ["d"],
    label: "deny",
    does: "deny it, with a reason",
    pages: ANSWERED,
    group: "act",
  },
  retry: {
    keys: ["t"],
    label: "try again",
    does: "try the step again",
    pages: ABOUT_STEPS,
    group: "act",
  },
  skip: { keys: ["s"], label: "skip", does: "go on without the step", pages: ABOUT_STEPS, group: "act" },
  changeAgent: {
    keys: ["c"],
    label: "change agent",
    does: "give it to another agent",
    pages: ABOUT_STEPS,
    group: "act",
  },
  decide: {
    keys: ["u"],
    label: "decide",
    does: "decide what is in doubt",
    pages: ANSWERED,
    group: "act",
  },
  resume: {
    keys: ["R"],
    label: "resume",
    does: "resume and drive it here",
    pages: ABOUT_RUNS,
    group: "act",
  },
  pause: {
    keys: ["p"],
    label: "pause",
    does: "start nothing new",
    pages: ABOUT_RUNS,
    group: "act",
  },
  cancel: { keys: ["x"], label: "cancel", does: "end the run as failed", pages: ABOUT_RUNS, group: "act" },
  withdraw: {
    keys: ["x"],
    label: "take back",
    does: "take the intent back",
    pages: ["intents", "intent"],
    group: "act",
  },
  revoke: {
    keys: ["x"],
    label: "take back",
    does: "take back what was given",
    pages: ["mandates"],
    group: "act",
  },
  budget: {
    keys: ["b"],
    label: "budget",
    does: "set what it may spend",
    pages: ABOUT_RUNS,
    group: "act",
  },
  note: { keys: ["m"], label: "note", does: "write a note", pages: ABOUT_RUNS, group: "act" },
  apply: {
    keys: ["A"],
    label: "apply",
    does: "apply to your checkout",
    pages: ABOUT_RUNS,
    group: "act",
  },
  help: { keys: ["?"], label: "help", does: "all keys", group: "leave" },
  back: {
    keys: ["escape", "q", "left", "h"],
    label: "back",
    does: "back, and out at the end",
    group: "leave",
  },
  quit: { keys: ["ctrl+c"], label: "leave", does: "leave from anywhere", group: "leave" },
} as const satisfies Readonly<Record<string, Binding>>;

export type CommandName = keyof typeof keyMap;

const all = Object.entries(keyMap) as [CommandName, Binding][];

/** What a key means on a page. */
export const commandOf = (key: Key, page: PageName): CommandName | undefined =>
  all.find(([, { keys, pages }]) => keys.includes(key) && (pages === undefined || pages.includes(page)))?.[0];

/** In a list the next hit is the next row: what does not fit is not there. */
export const keyFor = (name: CommandName, key: Key): Key =>
  name === "nextHit" ? "j" : name === "previousHit" ? "k" : key;

export const bindingsOn = (page: PageName): readonly [CommandName, Binding][] =>
  all.filter(([, { pages }]) => pages === undefined || pages.includes(page));

const NAMES: Readonly<Record<Key, string>> = {
  " ": "space",
  escape: "esc",
  pagedown: "pgdn",
  pageup: "pgup",
};
export const keyName = (key: Key): string => NAMES[key] ?? key;
