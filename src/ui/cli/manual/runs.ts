import type { Pages } from "./page.js";

/** Commands about runs that their client records. */
export const trackedPages: Pages = {
  runs: {
    about:
      "Looks at runs that have no plan: a program does the work and records each boundary of it here (docs/integrate-gate.md). Whoever goes on with one after an interruption learns what must not be done again.",
    examples: [
      ["runledger runs inspect last", "where does it stand?"],
      ["runledger runs resume last", "how to go on with it"],
    ],
    seeAlso: ["runs inspect", "runs resume", "docs/integrate-gate.md"],
  },
  "runs inspect": {
    about:
      "Shows where a run stands that its client records: active, blocked (somebody is asked), interrupted, completed or failed; how many events, checkpoints and artifacts it has, which side effects are blocked and which are begun, and whether it can go on. It changes nothing.",
    examples: [
      ["runledger runs inspect last", "the newest run"],
      ["runledger runs inspect 4f2a9c --json", "all of it, for a program"],
    ],
    seeAlso: ["runs events", "runs resume", "show"],
  },
  "runs events": {
    about:
      "Lists what happened in a run that its client records, in the eighteen words of its history. A side effect that had been recorded before under its key is `skipped`: it was not done again. The journal has every event with all that was said.",
    examples: [
      ["runledger runs events last", "from the beginning"],
      ["runledger runs events last --since 40 --limit 20", "page by page"],
    ],
    seeAlso: ["journal", "runs inspect"],
  },
  "runs verify": {
    about:
      "Checks the journal of a run (each event and what it follows), its checkpoints (signature, bytes, and that none is missing between two others), and that the runs it goes on from are what they were. What does not hold is named with its event. It changes nothing, and ends with 1 when anything is wrong.",
    examples: [
      ["runledger runs verify last", "does it hold?"],
      ["runledger runs verify last --json", "for a program"],
    ],
    exits: { failed: "something of it is not as it was written" },
    seeAlso: ["verify", "runs inspect"],
  },
  "runs checkpoint": {
    about:
      "Signs what a run knows now: receipts, artifacts, open handoffs, blocked side effects and what is to be done next. With --reason interruption or failure the run is interrupted from then on, until somebody resumes it.",
    examples: [
      ["runledger runs checkpoint last", "by hand"],
      [
        'runledger runs checkpoint last --reason interruption --next "ask Ada"',
        "its client is gone; say what comes first",
      ],
    ],
    exits: { conflict: "the run is over" },
    seeAlso: ["runs resume", "checkpoints"],
  },
  "runs answer": {
    about:
      "Says what became of a side effect that a client began and never ended: its key is in doubt, and blocked. Ask the other side first. `happened` ends it, and the key stays taken; `not-happened` frees the key in the whole ledger, so that it may be done again. Also of a run that is over. It does nothing itself.",
    examples: [
      [
        'runledger runs answer last crm.import:batch-7 not-happened --reason "Ada looked: there is no batch 7"',
        "it may be done again",
      ],
      ['runledger runs answer last crm.import:batch-7 happened --reason "batch 7 is there"', "it must not"],
    ],
    exits: { conflict: "nothing is begun under that key" },
    seeAlso: ["runs inspect", "runs resume", "intents report"],
  },
  "runs resume": {
    about:
      "Loads the newest checkpoint of a run that holds, adds all that was recorded since, and prints what whoever goes on must know: which side effects must not be done again, which were begun and are in doubt, and what comes first. Checkpoints that do not hold are named and passed over; where none holds, the journal alone tells the same. It records that somebody goes on, and starts nothing.",
    examples: [
      ["runledger runs resume last", "how to go on"],
      ["runledger runs resume last --json", "the whole context, for a program"],
      ["runledger runs resume last --from ckpt_0123456789abcdef", "from this checkpoint, or not at all"],
    ],
    exits: { conflict: "the run is over" },
    seeAlso: ["runs inspect", "runs verify", "checkpoints"],
  },
};
