import { EXIT_WORDS } from "../exit-codes.js";
import type { Pages } from "./page.js";

const { interrupted, terminated } = EXIT_WORDS;

/** Commands that only look. */
export const lookPages: Pages = {
  list: {
    about:
      "Shows runs with their status, how many steps are completed, and what holds them up. A run that is due and driven by nobody is `undriven`, or `interrupted` where work that was begun was cut off; one whose due steps are for agents of kind `tools`, which come by themselves, is `awaits agent`; one that asks a person `asks you`; one that a client records is `active`, `blocked` (somebody is asked) or `interrupted`, as `runs inspect` says too; one whose journal cannot be read is `quarantined`.",
    examples: [
      ["runledger list", "the newest twenty"],
      ["runledger list --status paused", "those that wait"],
      ["runledger list --limit 50 --after last", "the next page"],
      ["runledger list --json", "for a program"],
    ],
    seeAlso: ["show", "why", "status"],
  },
  show: {
    about:
      "Shows what is known about a run: each step with its status, judge, attempts and last word, the acceptance criteria, waivers, notes and the last verified commit; and what to type when somebody must answer.",
    examples: [
      ["runledger show last", "the newest run"],
      ["runledger show 4f2a9c", "the run whose id ends so"],
      ["runledger show last --json", "all of it, for a program"],
    ],
    seeAlso: ["why", "logs", "journal"],
  },
  why: {
    about:
      "Says in one sentence what a run waits for (nothing, its agents, a time, a worker or a person), and the command that helps.",
    examples: [
      ["runledger why last", "what does it wait for?"],
      ["runledger why last --json", "the same with `for` and `stepId`"],
    ],
    seeAlso: ["show", "policy", "approve"],
  },
  promises: {
    about:
      "Lists what the agents of a run wait for from outside, each with the id that `promise resolve` takes. With --reveal it shows the tokens too: whoever has one can answer in your name, so hand it on with care. Times that are waited for are in `why`.",
    examples: [
      ["runledger promises last", "who waits for what?"],
      ["runledger promises last --reveal", "with the tokens, to answer them yourself"],
      ["runledger promises last --json", "for a program"],
    ],
    seeAlso: ["promise resolve", "why", "docs/waiting.md"],
  },
  checkpoints: {
    about:
      "Lists the checkpoints of a run, oldest first: when and why each was taken, the turn of the agent whose memory it holds, the last event it knows, and whether its signature holds. One that does not is passed over when the run goes on, and named.",
    examples: [
      ["runledger checkpoints last", "what could it go on from?"],
      ["runledger checkpoints last --json", "for a program"],
    ],
    seeAlso: ["checkpoint", "resume", "verify", "docs/checkpoints.md"],
  },
  children: {
    about:
      "Lists the runs that the agents of a run have started (`effects.child`), with how each of them stands now. They are runs as any other: `show`, `why`, `patch` and `cancel` take them. They are cancelled with the attempt that waits for them.",
    examples: [
      ["runledger children last", "which runs did it start?"],
      ["runledger children last --json", "for a program, with the run that started this one"],
    ],
    seeAlso: ["show", "why", "docs/children.md"],
  },
  journal: {
    about:
      "Prints every event of a run in the order it was recorded, its hash chain checked while it is read; times are UTC. With --follow it goes on until the run is over. It never changes anything.",
    examples: [
      ["runledger journal last", "everything that happened"],
      ["runledger journal last --type step_validation_failed", "only what was refused"],
      ["runledger journal last --follow", "watch a run that is driven elsewhere"],
      ["runledger journal last --json --since 40 --limit 10", "page by page"],
    ],
    exits: { interrupted, terminated },
    seeAlso: ["show", "logs"],
  },
  tui: {
    about:
      "Opens the run browser: runs, one run with its steps, attempts and criteria, its journal, and what waits for you. Approve, deny, answer, pause and resume from the keyboard; each shows the command that does the same. `?` lists the keys. It needs a terminal, and gives it back as it was.",
    examples: [
      ["runledger tui", "all runs"],
      ["runledger tui last", "the newest run"],
      ["runledger tui --no-alt-screen --theme light", "for a light terminal, on its ordinary screen"],
    ],
    seeAlso: ["list", "show", "why"],
  },
  logs: {
    about:
      "Prints what the agent of a step wrote and what its judge said, of the last attempt or of the one you name; of a raced step those of the candidate that won, else of one at work, or of the one you name. Control characters are made visible, so a log cannot take over your terminal.",
    examples: [
      ["runledger logs last sum", "the last attempt"],
      ["runledger logs last sum --attempt 1", "an earlier one"],
      ["runledger logs last sum --candidate 2", "the second of those who race for it"],
      ["runledger logs last sum --judge", "only the verdict and its output"],
    ],
    seeAlso: ["show", "journal"],
  },
  effects: {
    about:
      "Lists the effects of a run in the order they were recorded: done, failed, skipped (done without), known (it had happened before under its business key), open (under way, or cut off by a crash) and asked (a person decides). With a step and a number it shows one with its keys and its result, in which secrets are redacted. It never changes anything.",
    examples: [
      ["runledger effects last", "everything that was done to the world"],
      ["runledger effects last --open", "what nobody knows"],
      ["runledger effects last pay 0", "one effect, with its result"],
      ["runledger effects last pay --attempt 1 --json", "those of an earlier attempt, for a program"],
    ],
    seeAlso: ["decide", "journal", "docs/effects.md"],
  },
  schedules: {
    about:
      "Lists the schedules of the settings: when each is due next, the run that it began last, and what would keep it from beginning one. `worker` begins them; nothing else does.",
    examples: [
      ["runledger schedules", "when is what due?"],
      ["runledger schedules --json", "for a program"],
      ["runledger list --session schedule:nightly --mine", "all runs of one"],
    ],
    seeAlso: ["worker", "doctor", "docs/schedules.md"],
  },
  notify: {
    about: "Who is told when a run needs a person, as `notify` in runledger.yaml names them.",
    examples: [["runledger notify list", "is everybody told?"]],
    seeAlso: ["doctor", "docs/notifications.md"],
  },
  "notify list": {
    about:
      "Lists who is told when a run needs a person: when each was last told anything, and why the last try failed. Whoever records what happened tells them, and a worker tells what is left; a run waits for nobody.",
    examples: [
      ["runledger notify list", "is everybody told?"],
      ["runledger notify list --json", "for a program"],
    ],
    seeAlso: ["notify test", "worker", "doctor", "docs/notifications.md"],
  },
  "notify test": {
    about:
      "Tells the targets of the settings that this is a test, once, and says whether they could be told. Nothing is recorded.",
    examples: [
      ["runledger notify test", "all of them"],
      ["runledger notify test phone", "one"],
    ],
    exits: { failed: "one of them could not be told" },
    seeAlso: ["notify list", "docs/notifications.md"],
  },
  metrics: {
    about:
      "Prints the ledger in numbers, in the text format that Prometheus reads: runs by status, those that wait for a person and for how long, attempts, verdicts, what models used and cost, refusals of access. The numbers are of the runs that are here and fall when runs are pruned; only runledger_events_total never does. No goal, no id and no word of a run is in them.",
    examples: [
      ["runledger metrics", "for a person, or a text file collector"],
      ["runledger metrics --json", "the same numbers, for a program"],
      ["runledger serve --metrics", "for whatever asks for them over HTTP"],
    ],
    seeAlso: ["serve", "status", "docs/metrics.md"],
  },
  status: {
    about:
      "Tells where this project's ledger is, what its settings amount to, and how many runs are in which state.",
    examples: [
      ["runledger status", "for a person"],
      ["runledger status --json", "for a program"],
    ],
    seeAlso: ["doctor", "config list", "list"],
  },
};
