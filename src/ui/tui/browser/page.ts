import type { Caller, IntentView, Run, RunLedger, RunView, Step } from "../../../index.js";
import type { Entry } from "../kit/entry.js";
import type { Key } from "../kit/keys.js";
import type { Line, Size } from "../kit/line.js";
import type { Dialog } from "./dialog.js";
import type { CommandName, PageName } from "./keymap.js";

/** What a page is about, as it is shown now: what an action is done to is what was looked at. */
export type Target = {
  readonly runId: string;
  readonly view?: RunView;
  readonly step?: Step;
  readonly intent?: IntentView;
};

/** One full screen: what it reads, how it looks, what keys do. */
export interface Page {
  readonly name: PageName;
  /** Reads what can be seen of what is now. Throws LedgerError when that is gone. */
  load(size: Size): Promise<void>;
  title(): Line;
  draw(size: Size): readonly Line[];
  /** The keys that matter here now, the most important first. */
  hints(): readonly CommandName[];
  /** Keys that are typed, not orders; false for a key it does not take. */
  type?(key: Key, size: Size): boolean;
  /** False for an order that means nothing here. */
  command(name: CommandName, key: Key, size: Size): boolean;
  target(): Target | undefined;
  /** What is typed at the moment, in the place of the keys. */
  typing?: Entry["shown"];
  /** Something may have changed that the ledger does not tell: a file that grows. */
  alive?(): Promise<boolean>;
}

/** What was answered, in lines; the first names the command. */
export type Answer = { readonly tone: "busy" | "good" | "bad" | "plain"; readonly lines: readonly string[] };

/** It is looked again so often also when no event tells of a change: leases end, ages grow, runs are taken out. */
export const LOOK_AGAIN_MS = 5_000;

/** What pages and actions share. */
export type Desk = {
  readonly app: RunLedger;
  readonly caller: Caller;
  /** Milliseconds since 1970. */
  now(): number;
  open(page: Page): void;
  ask(dialog: Dialog): void;
  say(answer: Answer): void;
  /** Reads again and draws. */
  refresh(): void;
  /** Carries a run on from here, in the background. */
  drive(run: Run): void;
  /** What was asked of the ledger and is not answered yet; nobody leaves in the middle of it. */
  readonly pending: Set<Promise<void>>;
  tell(sequence: string): void;
};
