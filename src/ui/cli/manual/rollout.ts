import type { Pages } from "./page.js";

const seeAlso = ["rollout status", "rollout drift", "docs/rollout.md"];

/** Commands for hosts that keep runs elsewhere too. */
export const rolloutPages: Pages = {
  rollout: {
    about:
      "For hosts that keep runs in a table of their own: five stages lead from there to the ledger alone, and back again from each. Name the table first: `runledger config set rollout.tables FILE` (SQLite) or `rollout.board FILE` (Markdown). Whoever uses the ledger itself needs none of this.",
    examples: [
      ["runledger rollout status", "which stage, and how far the table has come"],
      ["runledger rollout drift", "where table and ledger differ"],
      ["runledger rollout advance", "one stage further"],
    ],
    seeAlso: ["rollout status", "rollout advance", "docs/rollout.md"],
  },
  "rollout status": {
    about:
      "Prints the stage that the settings say, and of the host's runs in the ledger how many its table has (synced), may lack (pending), or could not take over (degraded); of these it names the newest, since when and why. It reads only.",
    examples: [["runledger rollout status --json", "for a program"]],
    seeAlso: ["rollout drift", "status", "docs/rollout.md"],
  },
  "rollout drift": {
    about:
      "Reads both sides page by page and lists every difference in the host's words: a run or step that one side lacks, a status, an outcome, a fact, a journal that cannot be read. It changes nothing.",
    examples: [
      ["runledger rollout drift", "what is left to explain or repair"],
      ["runledger rollout drift --all --json", "everything, for a program"],
    ],
    exits: { failed: "a difference is unexplained" },
    seeAlso: ["rollout replay", "rollout explain", "docs/rollout.md"],
  },
  "rollout explain": {
    about:
      "Records a person's word that a difference is as it should be. It is void as soon as either side changes. It repairs nothing.",
    examples: [
      ['runledger rollout explain 3f2a90c1d4e5 --reason "closed by hand in May"', "one difference"],
      ['runledger rollout explain task-7 --reason "a test of ours"', "all differences of a run"],
    ],
    exits: { notFound: "there is no such difference" },
    seeAlso,
  },
  "rollout replay": {
    about:
      "In shadow the ledger becomes what the host's table says, as far as a journal can; from write-through on the table becomes what the ledger says. Runs that could not be repaired are named, the others are. What a person explained is left as it is.",
    examples: [["runledger rollout replay", "after a crash, or a table that was locked"]],
    exits: { failed: "some run could not be repaired" },
    seeAlso,
  },
  "rollout advance": {
    about:
      "Writes the settings of the next stage into runledger.yaml; comments stay. Refused while a difference is unexplained or a run is degraded. Hosts that run already keep their stage until they are started again.",
    examples: [
      ["runledger rollout advance", "off, shadow, write_through, authoritative_read, projection_retired"],
    ],
    exits: { conflict: "a difference is unexplained, a run is degraded, or this is the last stage" },
    seeAlso: ["rollout retreat", "rollout drift", "docs/rollout.md"],
  },
  "rollout retreat": {
    about:
      "Brings the table that the stage before reads up to the ledger, then writes the settings of that stage; comments stay. Never refused for drift: going back is what helps when something is wrong.",
    examples: [["runledger rollout retreat", "one stage back"]],
    exits: { failed: "some run could not be repaired first; it is named", conflict: "the rollout is off" },
    seeAlso: ["rollout advance", "rollout replay", "docs/rollout.md"],
  },
};
