import type { Pages } from "./page.js";

/** Commands for what agents ask for before it happens. */
export const gatePages: Pages = {
  policy: {
    about:
      "Policies say what becomes of intents, which are effects that agents ask for before they happen: blocked, approved, or a person decides. Each is a YAML file in the folder that gate.policies names.",
    examples: [
      ["runledger policy list", "all of them"],
      ["runledger policy check", "before they are committed"],
      ["runledger policy test", "and whether they decide as you think"],
    ],
    seeAlso: ["policy check", "policy test", "docs/policies.md"],
  },
  "policy list": {
    about:
      "Lists the files in the folder of gate.policies. One that cannot be read is listed too: it blocks every intent that names it. The digest is what the journal keeps with each decision.",
    examples: [["runledger policy list --json", "for a program"]],
    seeAlso: ["policy show", "policy check"],
  },
  "policy show": {
    about:
      "Shows the rules of a policy as they hold in the environment of the settings (gate.environment), in the order in which they are asked; the first that has something to say decides. What is left out of the file is shown where it means something.",
    examples: [
      ["runledger policy show crm-low-risk", "as it holds here"],
      [
        "RUNLEDGER_SET_gate__environment=production runledger policy show crm-low-risk",
        "as it holds in production",
      ],
    ],
    seeAlso: ["policy list", "policy test", "docs/policies.md"],
  },
  "policy check": {
    about:
      "Reads policies and tells every defect with file and line: unknown keys, thresholds below zero, terms of punctuation alone, patterns that cannot be tried in time that grows with the text alone, rules that contradict each other. What is right and may still not be meant is remarked upon. Changes nothing.",
    exits: { failed: "a policy has a defect" },
    examples: [
      ["runledger policy check", "all of the project"],
      ["runledger policy check new-policy.yaml", "one file, wherever it is"],
    ],
    seeAlso: ["policy test", "policy schema", "docs/policies.md"],
  },
  "policy test": {
    about:
      "Asks each policy about the intents in NAME.cases.yaml beside it and compares its answers with those that the file expects. Nothing is proposed, counted or recorded.",
    exits: { failed: "a policy decides otherwise than a case expects, or cannot be read" },
    examples: [
      ["runledger policy test", "all cases of the project"],
      ["runledger policy test crm-low-risk --json", "of one policy, with each whole decision"],
    ],
    seeAlso: ["policy check", "docs/policies.md"],
  },
  "policy schema": {
    about:
      "Prints the JSON Schema of a policy's file. Editors that know YAML check and complete the file with it. The package has the same file as runledger/policy.schema.json.",
    examples: [["runledger policy schema > policy.schema.json", "for an editor"]],
    seeAlso: ["policy check", "docs/policies.md"],
  },
};
