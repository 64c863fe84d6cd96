import type { Pages } from "./page.js";

/** Commands for what agents ask for before it happens. */
export const gatePages: Pages = {
  intents: {
    about:
      "An intent is an effect that somebody asks for before it happens: so many bytes to a destination, under a policy. Here people look at what would leave the building and answer it; whoever does the work may use it from a script.",
    examples: [
      ["runledger intents list", "who waits for an answer?"],
      ["runledger intents approve last.6", "look at it, and allow exactly that"],
    ],
    seeAlso: ["intents list", "intents approve", "docs/approvals.md"],
  },
  "intents list": {
    about:
      "Lists the intents that wait for somebody: for an answer, for their execution or its report, or for a person to find out whether they happened. Without --run those of runs that are not over, the newest run first, then those of runs that are over and of which nobody has said whether they happened; at most 1000; with --run those of that run, also when it is over. --all adds those of which nothing more becomes.",
    examples: [
      ["runledger intents list", "what waits?"],
      ["runledger intents list --run last --all --json", "all of one run, for a program"],
    ],
    seeAlso: ["intents show", "intents approve", "list"],
  },
  "intents show": {
    about:
      "Shows what exactly would leave the building: destination, payload with its digest, counts, value and key; the policy with its digest and what it said; votes, order, report and result. The content hash binds all that is asked for: an approval is of that hash. --payload adds the payload itself, its lines behind a bar, without characters that a terminal obeys and with known secrets taken out. Of one that is no text --json has the bytes as base64.",
    examples: [
      ["runledger intents show last.6 --payload", "all of it"],
      ["runledger intents show last.6 --json", "for a program"],
    ],
    seeAlso: ["intents list", "intents approve", "journal"],
  },
  "intents approve": {
    about:
      "Prints what is asked for with its payload, asks, and then approves exactly that, in your name. A payload that is too long to be shown here, or no text, needs --hash. With --hash it does not ask: it approves what you saw with `intents show`, and nothing else. A script, --json and --quiet need --hash, for nobody is there to look. Whoever proposed an intent, or has it proposed in their name, cannot approve it. With --for you answer for a person whose deputy you are.",
    examples: [
      ["runledger intents approve last.6", "look at it, and answer y"],
      [
        'runledger intents approve last.6 --hash "$SEEN" --reason "ticket 7"',
        "what was seen before, and nothing else",
      ],
    ],
    exits: {
      usage: "nobody is at the terminal, and --hash is missing",
      waiting: "you did not say yes",
      conflict: "it has another content hash, nobody is asked any more, or you may not",
    },
    seeAlso: ["intents show", "intents deny", "mandate delegate", "docs/approvals.md"],
  },
  "intents deny": {
    about:
      "Prints what is asked for, then refuses it, in your name. One denial is enough, also after others have approved, as long as nobody has begun to execute it. It does not ask, and needs no --hash: what is refused stays here.",
    examples: [['runledger intents deny last.6 --reason "not these leads"', "it will not happen"]],
    exits: { conflict: "it has another content hash, it has begun, or you may not" },
    seeAlso: ["intents approve", "intents cancel", "docs/approvals.md"],
  },
  "intents cancel": {
    about:
      "Takes an intent back that waits for an answer or for its execution. What somebody has begun to execute cannot be cancelled.",
    examples: [['runledger intents cancel last.6 --reason "sent by hand"', "nobody needs it any more"]],
    exits: { conflict: "it has begun, or is over" },
    seeAlso: ["intents deny", "cancel"],
  },
  "intents propose": {
    about:
      "Asks for something that is to leave the building, and records what the policy says of it. You ask as yourself, so somebody else approves it where the policy asks for people. Asked again under the same --key, it is answered with the first one. It executes nothing.",
    examples: [
      [
        "runledger intents propose salesforce.import --policy crm-low-risk --file leads.csv --records 40 --key batch-7",
        "a file, once under its key",
      ],
      ['runledger intents propose slack.post --policy asks --text "We are live"', "a text"],
    ],
    exits: { waiting: "a person is asked", conflict: "its policy blocks it, or its run is over" },
    seeAlso: ["intents show", "intents execute", "docs/policies.md"],
  },
  "intents execute": {
    about:
      "Fetches the order of an intent that is allowed and prints it as JSON, whether --json is given or not: what is to be done, exactly as it was approved, and the token that reports it. Nothing is sent anywhere: whoever runs this does the work. Fetched again by you, it is another attempt, and the token before is no good any more. Of one that is over it prints what became of it.",
    examples: [["runledger intents execute last.6 > order.json", "then do it, and report it"]],
    exits: { conflict: "it is not allowed, or somebody else is at it" },
    seeAlso: ["intents report", "docs/integrate-gate.md"],
  },
  "intents report": {
    about:
      "Says what became of an execution: succeeded; failed, when it is known that nothing happened; unknown, when nobody can tell. With the token of the order that was fetched last it is its worker's word, said once. Without one it is a person's, who found out, of an intent that is unknown or whose order has run out, and the last word.",
    examples: [
      [
        "runledger intents report last.6 succeeded --result '{\"imported\":40}'",
        "by whoever did it, with the token in RUNLEDGER_EXECUTION_TOKEN",
      ],
      [
        'runledger intents report last.6 failed --error "the bank has no such order"',
        "found out by a person",
      ],
    ],
    exits: { conflict: "the token is not right, or nobody asks" },
    seeAlso: ["intents execute", "intents show"],
  },
  "gate-policy": {
    about:
      "Policies say what becomes of intents, which are effects that agents ask for before they happen: blocked, approved, or a person decides. Each is a YAML file in the folder that gate.policies names. `runledger policy check` and so on mean the same.",
    examples: [
      ["runledger gate-policy list", "all of them"],
      ["runledger gate-policy check", "before they are committed"],
      ["runledger gate-policy test", "and whether they decide as you think"],
    ],
    seeAlso: ["gate-policy check", "gate-policy test", "docs/policies.md"],
  },
  "gate-policy list": {
    about:
      "Lists the files in the folder of gate.policies. One that cannot be read is listed too: it blocks every intent that names it. The digest is what the journal keeps with each decision.",
    examples: [["runledger gate-policy list --json", "for a program"]],
    seeAlso: ["gate-policy show", "gate-policy check"],
  },
  "gate-policy show": {
    about:
      "Shows the rules of a policy as they hold in the environment of the settings (gate.environment), in the order in which they are asked; the first that has something to say decides. What is left out of the file is shown where it means something.",
    examples: [
      ["runledger gate-policy show crm-low-risk", "as it holds here"],
      ["runledger gate-policy show new-policy.yaml", "a file, wherever it is"],
    ],
    seeAlso: ["gate-policy list", "gate-policy test", "docs/policies.md"],
  },
  "gate-policy check": {
    about:
      "Reads policies and tells every defect with file and line: unknown keys, thresholds below zero, terms of punctuation alone, patterns that cannot be tried in time that grows with the text alone, rules that contradict each other. What is right and may still not be meant is remarked upon. Changes nothing.",
    exits: { failed: "a policy has a defect" },
    examples: [
      ["runledger gate-policy check", "all of the project"],
      ["runledger gate-policy check new-policy.yaml", "one file, wherever it is"],
    ],
    seeAlso: ["gate-policy test", "gate-policy schema", "docs/policies.md"],
  },
  "gate-policy test": {
    about:
      "Asks each policy about the intents in NAME.cases.yaml beside it and compares its answers with those that the file expects. Nothing is proposed, counted or recorded.",
    exits: { failed: "a policy decides otherwise than a case expects, or cannot be read" },
    examples: [
      ["runledger gate-policy test", "all cases of the project"],
      ["runledger gate-policy test crm-low-risk --json", "of one policy, with each whole decision"],
    ],
    seeAlso: ["gate-policy check", "docs/policies.md"],
  },
  "gate-policy schema": {
    about:
      "Prints the JSON Schema of a policy's file. Editors that know YAML check and complete the file with it. The package has the same file as runledger/policy.schema.json.",
    examples: [["runledger gate-policy schema > policy.schema.json", "for an editor"]],
    seeAlso: ["gate-policy check", "docs/policies.md"],
  },
};
