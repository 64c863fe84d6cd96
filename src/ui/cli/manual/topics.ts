import { EXIT, EXIT_WORDS, type ExitName } from "../exit-codes.js";

/** Rows of a page that belongs to no command. */
export type Topic = {
  readonly title: string;
  readonly rows: readonly (readonly [name: string, means: string])[];
};

/** `runledger help TOPIC`, and parts of the manual page. */
export const topics: Readonly<Record<string, Topic>> = {
  "exit-codes": {
    title: "Exit codes",
    rows: (Object.keys(EXIT) as ExitName[]).map((name) => [String(EXIT[name]), EXIT_WORDS[name]]),
  },
  environment: {
    title: "Environment",
    rows: [
      ["NO_COLOR", "no colours, when it is not empty"],
      ["FORCE_COLOR", "colours although no terminal is there; 0: none; NO_COLOR outranks it"],
      ["TERM=dumb", "no colours, no live line"],
      ["RUNLEDGER_HOME", "the ledger's folder, instead of .runledger at the top of the repository"],
      ["RUNLEDGER_SET_…", "one setting: RUNLEDGER_SET_runLedger__staleTtl=2h; outranks every file"],
      ["RUNLEDGER_KEY", "the root key of sealed runs, in 64 hex digits or base64; else it is a file"],
      ["RUNLEDGER_NEW_KEY", "the root key that `keys rotate` changes to, where it is not in the file"],
      ["RUNLEDGER_EXECUTION_TOKEN", "the token for `intents report`, which --token would show to all users"],
      ["RUNLEDGER_PROMISE_TOKEN", "the token for `promise resolve`, which --token would show to all users"],
      ["RUNLEDGER_CREDENTIAL", "who an MCP client is, for `mcp`; its value is a secret"],
      ["XDG_CONFIG_HOME", "where the user's settings file is (~/.config)"],
      ["XDG_STATE_HOME", "where workspaces are (~/.local/state)"],
      ["TMPDIR", "where clean rooms are made"],
    ],
  },
  files: {
    title: "Files",
    rows: [
      ["runledger.yaml", "settings of the project; meant to be committed"],
      ["~/.config/runledger/config.yaml", "settings of the user, below those of the project"],
      [".runledger/", "the ledger at the top of the repository, for all its worktrees; ignores itself"],
      [".runledger/ledger.db", "journals of all runs (SQLite)"],
      [".runledger/ledger.anchor", "which event was acknowledged last, against files that were put back"],
      [
        ".runledger/ledger.key",
        "the root key of encrypted runs; tokens of promises and signatures of checkpoints are made from it too",
      ],
      [".runledger/checkpoints/", "checkpoints, where durable.checkpoints is file"],
      [".runledger/blobs/", "output and patches that events name"],
      [".runledger/store.git/", "proposals and verified commits"],
      [".runledger/archive/", "runs that prune removed, as bundles"],
      ["~/.local/state/runledger/workspaces/", "private clones in which agents work"],
    ],
  },
  json: {
    title: "JSON",
    rows: [
      ["--json", "every command; data on stdout, one document or one line for each event of a stream"],
      ["schemaVersion", "in every document and line; raised when a field changes its meaning"],
      [
        "errors",
        'one line on stderr: {"schemaVersion","type":"error","error":{"code","message","hint","details"}}',
      ],
      ["docs/json.md", "every field of every command"],
    ],
  },
};
