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
  serve: {
    about:
      "Serves the ledger over HTTP to agent programs: the Model Context Protocol (2025-11-25 and 2026-07-28) at /mcp. Each request there brings a credential (`runledger credential`) as bearer token, which says whose tools it sees and is looked at anew each time; without one the answer is 401. Below /v1 is the gate, for programs with an SDK key (`runledger sdk-key`). With --metrics the ledger's numbers are at /metrics, without a credential, for programs of this machine that ask for it by a name of this machine. There is nothing at other paths (404). It listens on this machine alone unless --host says otherwise, and refuses first of all (403) other host names than this machine's, that of --host and those of --allow-host, and pages of other sites. Where it listens is printed first. Ctrl-C stops it: what is being judged then is judged again for whoever asks next, and no process is left.",
    examples: [
      ["runledger serve", "at http://127.0.0.1:7420/mcp"],
      ["runledger serve --port 0 --json", "at any port that is free, which the first line tells"],
      [
        "runledger serve --host 0.0.0.0 --allow-host ledger.example",
        "for other machines, behind something that speaks TLS",
      ],
      ["runledger serve --metrics", "and the ledger's numbers at http://127.0.0.1:7420/metrics"],
    ],
    exits: { failed: "it cannot listen there, or the ledger does not open", interrupted, terminated },
    seeAlso: ["credential", "sdk-key create", "mcp", "metrics", "docs/mcp.md", "docs/http-api.md"],
  },
  mcp: {
    about:
      "Speaks the Model Context Protocol (2025-11-25 and 2026-07-28) with the client that started it. The client sees the tools of one role: an orchestrator's (run_create, run_apply_policy, run_approve_step, run_pause, run_resume) or an executor's (run_start_step, run_propose_step_result), and run_read, run_active, run_note. Without a credential it is who you say it is, in the session of --session: whoever starts it is you. With one (RUNLEDGER_CREDENTIAL or --credential-file) it is that caller and nobody else. It works in a process of its own, which is started again when it ends; a call that was under way is carried on and done once.",
    examples: [
      ["runledger mcp", "for an orchestrator, in the entry of a client"],
      ["runledger mcp --role executor --agent coder", "for the agent that plans call coder"],
      ["runledger mcp --credential-file coder.cred", "for whoever that credential is of"],
    ],
    exits: { conflict: "the credential is refused", interrupted, terminated },
    seeAlso: ["credential", "docs/mcp.md"],
  },
  "mcp install": {
    about:
      "Writes the entry that starts `runledger mcp` into the file of a client (claude, codex, gemini, opencode, cursor): the project's, which may be committed, or your own. Other entries, comments and the order of the file stay; a second time nothing changes. It writes no credential anywhere. The entry of an orchestrator is called runledger, that of an executor runledger-AGENT. With --url it is the address of `runledger serve`, called runledger-http, and names the variable RUNLEDGER_CREDENTIAL, in which the client finds the credential that it sends.",
    examples: [
      ["runledger mcp install --client claude", "into .mcp.json of this project"],
      [
        "runledger mcp install --client codex --scope user --role executor --agent coder",
        "into ~/.codex/config.toml",
      ],
      ["runledger mcp install --client opencode --print", "only show it"],
      [
        "runledger mcp install --client claude --url http://127.0.0.1:7420/mcp",
        "ask runledger serve, and start nothing",
      ],
    ],
    seeAlso: ["mcp", "docs/mcp.md"],
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
    seeAlso: ["mcp", "docs/mcp.md", "docs/sdk.md"],
  },
  mandate: {
    about:
      "What people give for answers that are not asked for yet: a deputy who answers for them, and a standing approval of what an agent asks for. Both end by themselves, and are sealed by the ledger's key.",
    examples: [["runledger mandate list", "who may answer for whom?"]],
    seeAlso: ["mandate delegate", "mandate approve", "docs/approvals.md"],
  },
  "mandate delegate": {
    about:
      "Lets another person answer for you, until the time is over or you take it back. They say for whom they answer; their word is yours then, and neither of you counts twice for one intent.",
    examples: [["runledger mandate delegate bob --for 7d --destination bank.*", "while you are away"]],
    seeAlso: ["mandate list", "mandate revoke", "docs/approvals.md"],
  },
  "mandate approve": {
    about:
      "Approves beforehand what an agent asks for, within limits. Each use stands in the journal as your approval by this mandate, and counts as one person's word. With a limit of value, an intent that says no value is not covered.",
    examples: [
      ["runledger mandate approve importer --for 30d --destination crm.* --per-day 20", "twenty a day"],
      ["runledger mandate approve payer --for 7d --max-usd 100 --per-day-usd 500", "small sums"],
    ],
    seeAlso: ["mandate list", "mandate revoke", "docs/approvals.md"],
  },
  "mandate list": {
    about:
      "Lists all that was given, with what it says, until when it lasts, and whether it is active, revoked or expired. What was altered in the file behind the ledger's back counts for nothing and is not listed.",
    examples: [["runledger mandate list --json", "for a program"]],
    seeAlso: ["mandate delegate", "mandate approve", "mandate revoke"],
  },
  "mandate revoke": {
    about:
      "Takes one back: from the next answer on it counts for nothing. What was approved by it stays approved.",
    examples: [["runledger mandate revoke bob", "bob answers for nobody any more"]],
    seeAlso: ["mandate list"],
  },
  "sdk-key": {
    about:
      "Keys for programs that use the gate over HTTP (`runledger serve`), with the library's Gate or without. A key is of an agent, which proposes, records and executes, or of an approver, who answers; nobody is both under one name. It opens none of the tools of MCP, and nothing of what people do at the terminal.",
    examples: [["runledger sdk-key list", "who has one"]],
    seeAlso: ["sdk-key create", "sdk-key list", "sdk-key revoke", "docs/http-api.md"],
  },
  "sdk-key create": {
    about:
      "Prints a new key, this once: what is kept of it opens nothing. It lasts until it is revoked, unless --expires says how long. --destination and --policy leave it no more than those. The runs of an agent's key are its own, unless --session names a session that it shares. Hand it over in a variable or a file, not in an argument, which everybody on the machine can see.",
    examples: [
      ["runledger sdk-key create enrichment-agent", "for the proposals of this agent"],
      [
        "runledger sdk-key create importer --destination salesforce.* --policy crm-low-risk --expires 90d",
        "no more than that, for three months",
      ],
      ["runledger sdk-key create ops-desk --kind approver", "for whoever answers at the desk's own screen"],
    ],
    exits: { conflict: "the name is reserved" },
    seeAlso: ["sdk-key list", "sdk-key revoke", "serve", "docs/http-api.md"],
  },
  "sdk-key list": {
    about:
      "Lists who has a key, of which kind, whether it is active, revoked, expired or altered (not as this ledger wrote it, and refused), until when it lasts, and what it opens. Ended ones stay in the list. No key can be read here.",
    examples: [["runledger sdk-key list --json", "for a program"]],
    seeAlso: ["sdk-key create", "sdk-key revoke"],
  },
  "sdk-key revoke": {
    about:
      "Ends a key: from the next request on it opens nothing, also while a request waits. What was done with it stays. Done again, it stays as it was.",
    examples: [["runledger sdk-key revoke importer", "the one active key of importer"]],
    seeAlso: ["sdk-key create", "sdk-key list"],
  },
};
