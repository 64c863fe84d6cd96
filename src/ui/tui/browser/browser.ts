import type { Caller, RunLedger } from "../../../index.js";
import type { Key } from "../kit/keys.js";
import type { Size } from "../kit/line.js";
import type { Show } from "../kit/screen.js";
import type { Stage } from "../kit/terminal.js";
import { asking } from "./actions.js";
import { drawBrowser, pageSize, type Surroundings } from "./browser-lines.js";
import { opened, pressed, valuesOf } from "./dialog.js";
import { openDriving } from "./driving.js";
import { type CommandName, commandOf } from "./keymap.js";
import { openLeaving } from "./leaving.js";
import { type Answer, type Desk, LOOK_AGAIN_MS, type Page } from "./page.js";
import { refusal } from "./perform.js";
import { questionsPage } from "./questions-page.js";
import { openReader } from "./reader.js";
import { redacted, redactedDialog } from "./redacted.js";
import { runPage } from "./run-page.js";
import { runsPage } from "./runs-page.js";

export type BrowserOptions = {
  readonly app: RunLedger;
  readonly caller: Caller;
  /** What the ledger's project is called. */
  readonly project: string;
  /** Opens at this run. */
  readonly runId?: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
};

export type Browser = Show & {
  /** Looks whether anything changed, and draws what did; called a few times a second. */
  tick(): Promise<void>;
};

const OPEN = ["planning", "running", "paused"] as const;

/** What is shown, and how it changes: pages on top of each other, one answer, one dialog or the help. */
type Sight = {
  size: Size;
  pages: Page[];
  answer: Answer | null;
  dialog: Surroundings["dialog"];
  help: Surroundings["help"];
  pulse: Surroundings["pulse"];
};

export const openBrowser = (options: BrowserOptions, stage: Stage): Browser => {
  const { caller, now } = options;
  const app = redacted(options.app);
  const sight: Sight = {
    size: { columns: 80, rows: 24 },
    answer: null,
    pages: [],
    dialog: null,
    help: null,
    pulse: { position: -1, running: 0, waiting: 0 },
  };
  const say = (answer: Answer): void => {
    sight.answer = { ...answer, lines: answer.lines.map(app.redact) };
    stage.redraw();
  };
  const ask: Desk["ask"] = (dialog) => {
    sight.dialog = opened(redactedDialog(app, dialog));
    stage.redraw();
  };
  const reader = openReader(() => readPage(app, sight), stage.redraw);
  const driving = openDriving(app, (answer) => {
    say(answer);
    reader.refresh();
  });
  const desk: Desk = {
    app,
    caller,
    now,
    open: (page) => {
      sight.pages.push(page);
      sight.answer = sight.answer?.tone === "busy" ? sight.answer : null;
      reader.refresh();
    },
    ask,
    say,
    refresh: reader.refresh,
    drive: driving.start,
    pending: new Set(),
    tell: stage.tell,
  };
  const leaving = openLeaving({ driving, pending: desk.pending, ask, say, end: stage.end });
  sight.pages.push(runsPage(desk));
  if (options.runId !== undefined) sight.pages.push(runPage(desk, options.runId));
  reader.refresh();
  const around = (): Surroundings => ({ ...sight, project: options.project, driven: driving.count });
  return {
    draw: (size) => {
      // What is read fits the screen it is read for.
      if (size.columns !== sight.size.columns || size.rows !== sight.size.rows) {
        sight.size = size;
        queueMicrotask(reader.refresh);
      }
      return drawBrowser(top(sight), around(), size);
    },
    press: (key) => {
      if (leaving.stopping) {
        if (key === "ctrl+c") stage.end();
      } else if (!answered(sight, key) && typedOrOrdered(sight, desk, leaving.leave, key)) reader.refresh();
      // What is read is drawn when it is there: not before, or every key would be drawn twice.
      else stage.redraw();
    },
    typing: () => sight.dialog !== null || top(sight).typing?.(sight.size.columns) !== undefined,
    stop: leaving.stop,
    tick: ticking(desk, sight, reader),
  };
};

const top = ({ pages }: Sight): Page => pages.at(-1) as Page;
const roomOf = (sight: Sight): Size => pageSize(sight.answer, sight.size);

/** The page on top, and how much goes on elsewhere. */
const readPage = async (app: RunLedger, sight: Sight): Promise<void> => {
  const page = top(sight);
  const { store } = app.ledger;
  try {
    await page.load(roomOf(sight));
    const position = await store.position();
    if (position === sight.pulse.position) return;
    sight.pulse = {
      position,
      running: await store.count({ statuses: ["running"] }),
      waiting: await store.count({ statuses: OPEN, waiting: true }),
    };
  } catch (error) {
    const isLeft = sight.pages.length > 1 && page === top(sight);
    // What was just done may be why it is gone, as a planner's step is once its plan is approved: then that is told.
    if (!isLeft || sight.answer?.tone !== "good")
      sight.answer = { tone: "bad", lines: refusal(error).map(app.redact) };
    // What is gone is not stood upon.
    if (isLeft) {
      sight.pages.pop();
      await readPage(app, sight);
    }
  }
};

/** Looks whether there is anything to read. */
const ticking = (desk: Desk, sight: Sight, reader: { refresh(): void; readonly reading: boolean }) => {
  let position = -1;
  let lookedAt = 0;
  return async (): Promise<void> => {
    if (reader.reading) return;
    const last = await desk.app.ledger.store.position();
    const alive = (await top(sight).alive?.()) ?? false;
    if (last === position && !alive && desk.now() - lookedAt < LOOK_AGAIN_MS) return;
    position = last;
    lookedAt = desk.now();
    reader.refresh();
  };
};

const HELP_STEPS: Readonly<Record<Key, number>> = {
  j: 1,
  down: 1,
  k: -1,
  up: -1,
  pagedown: 8,
  " ": 8,
  pageup: -8,
};

/** Whether a dialog or the help took the key: what lies on top of the page comes first. */
const answered = (sight: Sight, key: Key): boolean => {
  const { dialog, help } = sight;
  if (dialog !== null) {
    const next = pressed(dialog, key);
    sight.dialog = next.state;
    if (next.send) dialog.dialog.done(valuesOf(dialog));
    return true;
  }
  if (help === null) return false;
  const step = HELP_STEPS[key];
  sight.help = step === undefined ? null : Math.max(0, help + step);
  return true;
};

/** True when there is something to read. */
const typedOrOrdered = (sight: Sight, desk: Desk, leave: () => void, key: Key): boolean => {
  const page = top(sight);
  if (page.type?.(key, roomOf(sight)) === true) return true;
  const name = commandOf(key, page.name);
  if (name === undefined) return false;
  if (asking[name] !== undefined) {
    void askFirst(desk, page, name);
    return false;
  }
  if (page.command(name, key, roomOf(sight))) return true;
  switch (name) {
    case "help":
      sight.help = 0;
      return false;
    case "quit":
      leave();
      return false;
    case "back":
      return wentBack(sight, leave);
    case "questions":
      desk.open(questionsPage(desk));
      return true;
    case "copy":
      copyId(desk, page);
      return false;
    default:
      return name === "refresh";
  }
};

const wentBack = (sight: Sight, leave: () => void): boolean => {
  if (sight.answer !== null && sight.answer.tone !== "busy") sight.answer = null;
  else if (sight.pages.length > 1) sight.pages.pop();
  else {
    leave();
    return false;
  }
  return true;
};

/** What is done to what is on the screen now, however long the question stands. */
const askFirst = async (desk: Desk, page: Page, name: CommandName): Promise<void> => {
  const target = page.target();
  if (target === undefined) return;
  try {
    const asked = await asking[name]?.(target, desk);
    if (asked === undefined) return;
    if ("nothing" in asked) desk.say({ tone: "plain", lines: [asked.nothing] });
    else desk.ask(asked);
  } catch (error) {
    desk.say({ tone: "bad", lines: refusal(error) });
  }
};

const copyId = (desk: Desk, page: Page): void => {
  const target = page.target();
  if (target === undefined) return;
  const id = target.intent?.intentId ?? target.runId;
  desk.tell(`\u001b]52;c;${Buffer.from(id).toString("base64")}\u0007`);
  desk.say({ tone: "plain", lines: [`${id} is copied, where the terminal allows it.`] });
};
