import type { Dialog } from "./dialog.js";
import type { Driving } from "./driving.js";
import type { Answer } from "./page.js";

/** The way out, which may take as long as a run needs to stop. */
export interface Leaving {
  readonly stopping: boolean;
  /** Asks first when something is driven from here. */
  leave(): void;
  /** Gracefully, without asking. */
  stop(): void;
}

export const openLeaving = (parts: {
  readonly driving: Driving;
  readonly pending: ReadonlySet<Promise<void>>;
  readonly ask: (dialog: Dialog) => void;
  readonly say: (answer: Answer) => void;
  readonly end: () => void;
}): Leaving => {
  const { driving, pending, ask, say, end } = parts;
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    if (driving.count > 0)
      say({ tone: "busy", lines: ["Stopping what is driven from here; ctrl+c leaves at once."] });
    void Promise.all([driving.stop(), ...pending]).then(end);
  };
  const leave = (): void => {
    if (driving.count === 0) {
      if (pending.size === 0) end();
      else stop();
      return;
    }
    const runs = driving.count === 1 ? "A run is" : `${driving.count} runs are`;
    ask({
      title: "Leave",
      text: [
        `${runs} driven from here. Leaving stops that gracefully: nothing is lost, and it can be resumed.`,
      ],
      fields: [],
      twin: () => "runledger worker  # would go on with it",
      confirm: "stop and leave",
      done: stop,
    });
  };
  return {
    get stopping() {
      return stopping;
    },
    leave,
    stop,
  };
};
