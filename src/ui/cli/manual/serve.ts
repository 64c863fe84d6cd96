import { EXIT_WORDS } from "../exit-codes.js";
import type { Pages } from "./page.js";

const { interrupted, terminated } = EXIT_WORDS;

/** Commands that stay and work for others. */
export const servePages: Pages = {
  worker: {
    about:
      "Drives every run of this project that is due, several at the same time, and takes over those whose worker has died. Stops on Ctrl-C, with --once when nothing is due any more. A run that waits for a time is taken up when it is due, at once when that is past; one that only a person can help is left alone. Runs of `schedules` that are due begin here, once, however many workers there are.",
    examples: [
      ["runledger worker", "until stopped"],
      ["runledger worker --once", "until nothing is due, for a CI job"],
      ["runledger worker --runs 4", "up to four runs at the same time"],
    ],
    exits: {
      failed: "a run could not be driven, or the machine is not as it must be",
      interrupted,
      terminated,
    },
    seeAlso: ["run", "resume", "list", "schedules"],
  },
};
