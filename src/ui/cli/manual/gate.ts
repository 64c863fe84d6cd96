import type { Pages } from "./page.js";

/** Commands for what agents ask for before it happens. */
export const gatePages: Pages = {
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
