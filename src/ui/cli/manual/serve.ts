import { EXIT_WORDS } from "../exit-codes.js";
import type { Pages } from "./page.js";

const { interrupted, terminated } = EXIT_WORDS;

/** Commands that work for others, and what others need to be let in. */
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
  credential: {
    about:
      "Prints a signed credential: who an agent program is (--agent, --role), for the runs of one session, or no more than one run or one attempt of a step. It is refused when it has expired, in another ledger, and when its attempt is over; nothing is kept of it. It is never a person's: what people decide at the terminal no credential can. Hand it over in a variable or a file, not in an argument, which everybody on the machine can see.",
    examples: [
      ["runledger credential --agent coder --run last --step sum", "for one attempt of one step"],
      [
        "runledger credential --agent coder --expires 2h",
        "for two hours, for the steps of coder in this session",
      ],
      ["runledger credential --role orchestrator --run last", "to answer for one run"],
    ],
    exits: { conflict: "the step is another agent's, nobody can work on it now, or the name is reserved" },
    seeAlso: ["show", "docs/sdk.md"],
  },
};
