import type { Caller, RunLedger } from "../../../index.js";
import { bodyRows, boxed, boxWidth, framed, type Hint } from "../kit/frame.js";
import type { Key } from "../kit/keys.js";
import { cut, type Line, type Size, span, told } from "../kit/line.js";
import type { Show } from "../kit/screen.js";
import type { Stage } from "../kit/terminal.js";
import { asking } from "./actions.js";
import { type DialogState, dialogBox, opened, pressed, valuesOf } from "./dialog.js";
import { openDriving } from "./driving.js";
import { helpLines } from "./help.js";
import { type CommandName, commandOf, keyMap, keyName } from "./keymap.js";
import type { Answer, Desk, Page } from "./page.js";
import { refusal } from "./perform.js";
import { questionsPage } from "./questions-page.js";
import { runPage } from "./run-page.js";
import { runsPage } from "./runs-page.js";
import { counted } from "./words.js";

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

/** Also when no event tells of it: leases end, ages grow, runs are taken out. */
const LOOK_AGAIN_MS = 3_000;
/** What is typed quicker than it is read is drawn all the same. */
const PATIENCE_MS = 100;

type Pulse = { readonly running: number; readonly waiting: number };

// One state, one page on top of the others, one dialog on top of that. A key changes the state at once; what it needs is read
// next, and drawn when it is there.
export const openBrowser = (options: BrowserOptions, stage: Stage): Browser => {
  const { app, caller, now } = options;
  const { store } = app.ledger;
  let size: Size = { columns: 80, rows: 24 };
  let answer: Answer | null = null;
  let dialog: DialogState | null = null;
  let helpTop: number | null = null;
  let pulse: Pulse = { running: 0, waiting: 0 };
  let position = -1;
  let lookedAt = 0;
  let stopping = false;
  let reading = false;
  let again = false;

  const say = (given: Answer): void => {
    answer = given;
    stage.redraw();
  };
  const driving = openDriving(app, (given) => {
    say(given);
    refresh();
  });
  const desk: Desk = {
    app,
    caller,
    now,
    open: (page) => {
      pages.push(page);
      answer = answer?.tone === "busy" ? answer : null;
      refresh();
    },
    ask: (given) => {
      dialog = opened(given);
      stage.redraw();
    },
    say,
    refresh: () => refresh(),
    drive: (run) => driving.start(run),
    tell: stage.tell,
  };
  const pages: Page[] = [runsPage(desk)];
  if (options.runId !== undefined) pages.push(runPage(desk, options.runId));
  const page = (): Page => pages.at(-1) ?? runsPage(desk);
  const bodySize = (): Size => ({ ...size, rows: bodyRows(size, answerLines(answer, size.columns)) });

  /** Reads what is seen; what is asked for meanwhile is read after it, once. */
  const refresh = (): void => {
    again = true;
    if (reading) return;
    reading = true;
    const impatient = setTimeout(stage.redraw, PATIENCE_MS);
    void readOn().finally(() => {
      clearTimeout(impatient);
      reading = false;
      stage.redraw();
    });
  };
  const readOn = async (): Promise<void> => {
    while (again) {
      again = false;
      const on = page();
      try {
        lookedAt = now();
        await on.load(bodySize());
        pulse = {
          running: await store.count({ statuses: ["running"] }),
          waiting: await store.count({ statuses: ["planning", "running", "paused"], waiting: true }),
        };
      } catch (error) {
        answer = { tone: "bad", lines: [`${refusal(error)[0]}`, ...refusal(error).slice(1)] };
        // What is gone is not stood upon.
        if (pages.length > 1 && on === page()) {
          pages.pop();
          again = true;
        }
      }
    }
  };
  const back = (): void => {
    if (answer !== null && answer.tone !== "busy") answer = null;
    else if (pages.length > 1) pages.pop();
    else leave();
    refresh();
  };
  const leave = (): void => {
    if (driving.count === 0) {
      stage.end();
      return;
    }
    const runs = driving.count === 1 ? "A run is" : `${driving.count} runs are`;
    desk.ask({
      title: "Leave",
      text: [
        `${runs} driven from here. Leaving stops that gracefully: nothing is lost, and it can be resumed.`,
      ],
      fields: [],
      twin: () => "runledger worker  # would go on with it",
      confirm: "stop and leave",
      done: () => void stopAll(),
    });
  };
  const stopAll = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    say({ tone: "busy", lines: ["Stopping what is driven from here; ctrl+c leaves at once."] });
    await driving.stop();
    stage.end();
  };
  const order = (name: CommandName, key: Key): void => {
    const on = page();
    if (name === "help") helpTop = 0;
    else if (name === "quit") leave();
    else if (asking[name] !== undefined && on.target() !== undefined) void ask(name);
    else if (on.command(name, key, bodySize())) refresh();
    else if (name === "back") back();
    else if (name === "refresh") refresh();
    else if (name === "questions") desk.open(questionsPage(desk));
    else if (name === "copy") copy();
    stage.redraw();
  };
  const ask = async (name: CommandName): Promise<void> => {
    const target = page().target();
    if (target === undefined) return;
    try {
      const asked = await asking[name]?.(target, desk);
      if (asked === undefined) return;
      if ("nothing" in asked) say({ tone: "plain", lines: [asked.nothing] });
      else desk.ask(asked);
    } catch (error) {
      say({ tone: "bad", lines: refusal(error) });
    }
  };
  const copy = (): void => {
    const runId = page().target()?.runId;
    if (runId === undefined) return;
    stage.tell(`\u001b]52;c;${Buffer.from(runId).toString("base64")}\u0007`);
    say({ tone: "plain", lines: [`${runId} is copied, where the terminal allows it.`] });
  };
  const pressDialog = (state: DialogState, key: Key): void => {
    const next = pressed(state, key);
    dialog = next.state;
    if (next.send) state.dialog.done(valuesOf(state));
    stage.redraw();
  };
  const press = (key: Key): void => {
    if (stopping) {
      if (key === "ctrl+c") stage.end();
    } else if (dialog !== null) pressDialog(dialog, key);
    else if (helpTop !== null) pressHelp(key);
    else if (page().type?.(key, bodySize()) === true) refresh();
    else {
      const name = commandOf(key, page().name);
      if (name !== undefined) order(name, key);
    }
  };
  const pressHelp = (key: Key): void => {
    const step = { j: 1, down: 1, k: -1, up: -1, pagedown: 8, " ": 8, pageup: -8 }[key];
    helpTop = step === undefined ? null : Math.max(0, (helpTop ?? 0) + step);
    stage.redraw();
  };
  const tick = async (): Promise<void> => {
    if (reading) return;
    const last = await store.position();
    const alive = (await page().alive?.()) ?? false;
    if (last === position && !alive && now() - lookedAt < LOOK_AGAIN_MS) return;
    position = last;
    refresh();
  };
  const draw = (given: Size): readonly Line[] => {
    // What is read fits the screen it is read for.
    if (given.columns !== size.columns || given.rows !== size.rows) {
      size = given;
      queueMicrotask(refresh);
    }
    const on = page();
    const entry = on.typing?.(size.columns);
    const lines = framed(
      {
        title: [span("runledger", "strong"), ...crumbs(pages, options.project, size.columns)],
        aside: asideOf(pulse, driving.count),
        body: on.draw(bodySize()),
        answer: answerLines(answer, size.columns),
        hints: entry?.hints ?? on.hints().map(hintOf),
        ...(entry === undefined ? {} : { entry: entry.line }),
      },
      size,
    );
    if (dialog !== null) return boxed(lines, dialogBox(dialog, size.columns), size);
    if (helpTop === null) return lines;
    const help = helpLines(on.name, boxWidth(size.columns));
    const top = Math.min(helpTop, Math.max(0, help.length - 4));
    return boxed(lines, { title: "Keys", content: help.slice(top) }, size);
  };
  refresh();
  return {
    draw,
    press,
    tick,
    stop: () => void stopAll(),
  };
};

const hintOf = (name: CommandName): Hint => {
  const { keys, label } = keyMap[name];
  return [keyName(keys[0]), label];
};

const crumbs = (pages: readonly Page[], project: string, columns: number): Line => {
  const shown = columns >= 60 ? pages : pages.slice(-1);
  return [
    ...(columns >= 80 ? [span(`  ${told(project)}`, "dim")] : []),
    ...shown.flatMap((page) => [
      span(" › ", "faint"),
      ...page
        .title()
        .map((piece) => ({ ...piece, text: cut(piece.text, Math.max(12, Math.floor(columns / 4))) })),
    ]),
  ];
};

const asideOf = ({ running, waiting }: Pulse, driven: number): Line => [
  ...(driven > 0 ? [span(`▶ driving ${driven} here  `, "busy")] : []),
  ...(running > 0 ? [span(`${counted(running)} running`, "dim")] : []),
  ...(running > 0 && waiting > 0 ? [span("  ")] : []),
  ...(waiting > 0 ? [span(`◆ ${counted(waiting)} ${waiting === 1 ? "waits" : "wait"} for you`, "warn")] : []),
];

const MARKS = { busy: "…", good: "✔", bad: "✘", plain: "·" } as const;
/** More of an answer would cover what it is about. */
const ANSWER_LINES = 4;

const answerLines = (answer: Answer | null, columns: number): readonly Line[] =>
  (answer?.lines ?? [])
    .slice(0, ANSWER_LINES)
    .map((text, index) => [
      index === 0 && answer !== null
        ? span(`${MARKS[answer.tone]} `, answer.tone === "plain" ? "dim" : answer.tone)
        : span("  "),
      span(cut(told(text), columns - 3), index === 0 ? "plain" : "dim"),
    ]);
