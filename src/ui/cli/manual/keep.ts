import { EXIT_WORDS } from "../exit-codes.js";
import type { Pages } from "./page.js";

const { interrupted, terminated } = EXIT_WORDS;

/** Commands for settings, the machine, and runs as things to keep. */
export const keepPages: Pages = {
  config: {
    about:
      "Reads and changes the settings: `runledger.yaml` of the project, above the user's own file and below RUNLEDGER_SET_ variables.",
    examples: [
      ["runledger config list --show-origin", "what counts, and why"],
      ["runledger config get runLedger.staleTtl", "one value"],
      ["runledger config set maxParallelSteps 2", "change one"],
    ],
    seeAlso: ["settings", "config list", "config set", "config migrate", "docs/settings.md"],
  },
  settings: {
    about:
      "Opens the settings on a screen, section by section: every key with its value and where it comes from. What is typed is checked at every key, by the rules and in the words of the file. Nothing is written before it is saved, and only when all of it is valid; comments stay. Values that a variable sets can be looked at and not changed. Each change shows the command that does the same.",
    examples: [
      ["runledger settings", "of this project"],
      ["runledger settings --user", "of yours, for every project"],
    ],
    seeAlso: ["config list", "config set", "docs/settings.md"],
  },
  "config get": {
    about: "Prints the value that counts now, whichever layer it comes from.",
    examples: [["runledger config get maxParallelSteps", "one value, bare, for a script"]],
    seeAlso: ["config set", "config list"],
  },
  "config set": {
    about:
      "Changes one value in the project's runledger.yaml, or with --user in the user's file. Comments and order stay. Nothing is written unless it fits: the file with what lies below it, all files together, and all with the environment.",
    examples: [
      ["runledger config set runLedger.staleTtl 2h", "a duration"],
      ["runledger config set leaseTtl 1m --user", "for every project of yours"],
      ["runledger config set protect '[\"docs/**\"]'", "a list, as YAML"],
    ],
    seeAlso: ["config get", "config unset", "config list", "docs/settings.md"],
  },
  "config unset": {
    about:
      "Leaves a value out of the project's runledger.yaml, or with --user out of the user's file, so that what lies below it or the default counts. Also takes out a whole agent, or a key that nobody knows.",
    examples: [
      ["runledger config unset runLedger.staleTtl", "back to what lies below"],
      ["runledger config unset agents.reviewer", "an agent, whole"],
    ],
    seeAlso: ["config set", "config list"],
  },
  "config schema": {
    about:
      "Prints the JSON Schema of the settings file. Editors that know YAML check and complete the file with it. The package has the same file as runledger/settings.schema.json.",
    examples: [["runledger config schema > runledger.schema.json", "for an editor"]],
    seeAlso: ["init", "docs/settings.md"],
  },
  "config migrate": {
    about:
      "Makes a settings file of before, or one written for another program that had a runLedger block, one of today. Comments stay. The result is written only if it is valid, and the old text is kept: its place is told. Twice changes nothing.",
    examples: [
      ["runledger config migrate --dry-run", "what would change"],
      ["runledger config migrate --leave-out-others", "and leave out sections of another program"],
    ],
    seeAlso: ["config list", "doctor", "docs/settings.md"],
  },
  "config list": {
    about: "Prints every setting with the value that counts, and with --show-origin the layer it comes from.",
    examples: [
      ["runledger config list", "every value"],
      ["runledger config list --show-origin", "and where each comes from"],
    ],
    seeAlso: ["config get", "status"],
  },
  doctor: {
    about:
      "Looks at the machine and the project as a run would need them: git, the repository, agents, toolchains, the ledger and its journals, and settings that do nothing. Each finding that is bad names its remedy. With --fix it removes what dead processes left, stale git locks of its own, takes the ledger's folder from the eyes of others, and migrates settings of before; it says what it did, and does nothing else.",
    examples: [
      ["runledger doctor", "before the first run"],
      ["runledger doctor --fix", "and mend what is safe to mend"],
      ["runledger doctor --json", "for a program"],
    ],
    exits: { failed: "something would stop a run" },
    seeAlso: ["status", "init"],
  },
  verify: {
    about:
      "Reads the whole ledger and compares it with all that it says of itself: the chain of every run, the anchor, the rows that lists show, snapshots, keys, and the blobs that events name. Of a sealed run whose key is not here, or was destroyed, it checks the chain, and says so. What does not hold is named with its run and event. It changes nothing, waits for nobody, and can be asked while others work; of a ledger that does not open any more it says why. Whoever may write to all of the ledger's folder can still write another history: against that stand backups elsewhere.",
    examples: [
      ["runledger verify", "all of it"],
      ["runledger verify last", "one run"],
      ["runledger verify --json", "for a program"],
    ],
    exits: { failed: "something is not as it was written", interrupted, terminated },
    seeAlso: ["doctor", "journal", "docs/keeping.md"],
  },
  export: {
    about:
      "Writes one run as a bundle that another ledger can take in and check: every event as stored, the output its events name, its git objects, and of a finished run its receipt with the public keys of the ledger that signed it. Your own history is not in it. The bundle of a sealed run brings its key: whoever has it can read it. A file that exists is never written over, and what bears the name is whole.",
    examples: [
      ["runledger export last -o run.jsonl.gz", "into a compressed file"],
      ["runledger export last | ssh backup 'cat > run.jsonl'", "as JSON Lines, elsewhere"],
    ],
    exits: { interrupted, terminated },
    seeAlso: ["import", "prune", "docs/keeping.md"],
  },
  import: {
    about:
      "Takes in a run that was exported elsewhere. Every hash, the whole chain and the receipt are checked first; a bundle that does not hold is refused with its line, and nothing of it is kept. A run that was running arrives paused; one that is here already changes nothing.",
    examples: [
      ["runledger import run.jsonl.gz", "compressed or not"],
      ["ssh builder runledger -C shop export last | runledger import -", "piped in"],
    ],
    exits: { conflict: "another run of that id is here" },
    seeAlso: ["export", "resume", "docs/keeping.md"],
  },
  prune: {
    about:
      "Archives finished runs beyond a number, an age or a size as bundles in the ledger's folder, the oldest first, reads each archive back, and only then removes the run. Output that no other run names goes with them, once it has not been touched for two days, and the database's file becomes smaller. Without an option the settings say the limits; with one, only what is given counts. Runs that wait, run, or ended within the hour stay. So do those whose commits are not here, those in which nobody has said whether something happened, and for 24 hours those in which an agent was let through with an intent, which limits of policies count.",
    examples: [
      ["runledger prune --dry-run", "which would go, and how much that would free"],
      ["runledger prune --keep 20", "keep the newest twenty"],
      ["runledger prune --older-than 30d", "those that ended more than thirty days ago"],
      ["runledger prune --max-bytes 1GiB", "until the ledger is smaller than that"],
    ],
    exits: { interrupted },
    seeAlso: ["gc", "import", "docs/keeping.md"],
  },
  gc: {
    about:
      "Removes output that no event names, workspaces of finished runs, logs of removed and erased runs, copies of what set-up made that nobody used for a week, git objects that no run keeps, what a crash left of thinned checkpoints, and free pages of the database's file. It never removes a run or anything a run needs. With --vacuum the database's file is written anew, as small as it can be: nobody can write meanwhile, so it is refused while a run is driven.",
    examples: [
      ["runledger gc --dry-run", "how much would go"],
      ["runledger gc", "remove it"],
      ["runledger gc --vacuum", "once, for a ledger whose file does not become smaller by itself"],
    ],
    exits: { conflict: "a run is being driven, and --vacuum was asked for" },
    seeAlso: ["prune", "docs/keeping.md"],
  },
  receipt: {
    about:
      "When a run ends, the ledger signs what became of it: an in-toto statement in a DSSE envelope, Ed25519. It names the commit and the end of the journal, every step with its verdict, approvals and costs, and what nobody checked. Whoever has it and the public key can check it, with this program, with openssl, or with any other that knows DSSE.",
    examples: [
      ["runledger receipt show last > receipt.json", "the signed end of a run"],
      ["runledger receipt keys --pem > ledger.pem", "what others check it with"],
      ["runledger receipt verify receipt.json --key ledger.pem", "anywhere, without a ledger"],
    ],
    seeAlso: ["receipt show", "receipt verify", "receipt keys", "docs/receipts.md"],
  },
  "receipt show": {
    about:
      "Prints the receipt of a finished run, as it was signed at its end; where whoever ended the run was killed before, it is signed now. With --statement what a validator found on one step or criterion, each an envelope of its own with in-toto's predicate for tests. Of a run that was imported it is the one that came with it, and which ledger signed it is said on stderr; nobody here vouches for the keys that came along.",
    examples: [
      ["runledger receipt show last > receipt.json", "of the run itself"],
      ["runledger receipt show last --statement all", "of each verdict that decided, one a line"],
    ],
    exits: { conflict: "the run has not ended, or was imported without a receipt" },
    seeAlso: ["receipt verify", "receipt keys", "docs/receipts.md"],
  },
  "receipt verify": {
    about:
      "Checks signature, key and form of a receipt, and prints what it says. With --key it needs no ledger and no network; without, the keys and the journal are those of the ledger of this folder. With --repo the repository must have the commits and trees that it names. It changes nothing.",
    examples: [
      ["runledger receipt verify receipt.json --key ledger.pem", "offline"],
      ["runledger receipt verify receipt.json", "against the ledger of this folder"],
      ["runledger receipt show last | runledger receipt verify -", "piped in"],
    ],
    exits: { failed: "the receipt is refused" },
    seeAlso: ["receipt show", "receipt keys", "docs/receipts.md"],
  },
  "receipt keys": {
    about:
      "Lists the public keys that receipts of this ledger were ever signed with, and from when to when. The name of a key is the SHA-256 of its bytes, and the same as in a receipt. A new one is made by `receipt rotate`; each is signed by itself and by the one before. With --of those of the ledger that signed for an imported run, as they came with it: compare them with what that ledger tells you.",
    examples: [
      ["runledger receipt keys --of last --json > keys.json", "for a run that was imported"],
      ["runledger receipt keys --pem > ledger.pem", "for openssl and others"],
      ["runledger receipt keys --json > ledger-keys.json", "with the times, for receipt verify"],
    ],
    seeAlso: ["receipt verify", "receipt rotate", "docs/receipts.md"],
  },
  "receipt rotate": {
    about:
      "Makes a new key that receipts are signed with from now on, signed by itself and by the one before, whose private half is removed. Receipts of before stay good: their key stays published. Tell those who check your receipts. A key whose private half is gone or cannot be read signs nothing more and vouches for nobody: with --lost another one takes its place, and the list of keys says so. The keys of sealed runs are others.",
    examples: [
      ["runledger receipt rotate", "after somebody looked into the ledger's folder"],
      ["runledger receipt rotate --lost", "the file of the private key is gone, and no backup has it"],
    ],
    seeAlso: ["receipt keys", "keys rotate", "docs/receipts.md"],
  },
  keys: {
    about:
      "Sealed runs are encrypted, each under a key of its own; those keys are under the ledger's key, and that is under the root key, which is kept outside of the database. New runs are sealed with durable.encryption: true.",
    examples: [
      ["runledger keys show", "where the root key is"],
      ["runledger keys rotate", "change it"],
    ],
    seeAlso: ["keys show", "keys rotate", "erase", "docs/encryption.md"],
  },
  "keys show": {
    about:
      "Says whether new runs are sealed, where the root key is looked for and whether it is the right one, and how many runs are sealed, plain and erased. It shows no key, only their ids.",
    examples: [["runledger keys show", "of this ledger"]],
    seeAlso: ["keys rotate", "verify", "docs/encryption.md"],
  },
  "keys rotate": {
    about:
      "Makes a new root key and a new key of the ledger, and wraps the keys of all runs under them: all, or none. What is sealed is not written again. Where the root key is not in the ledger's file, the new one is given in RUNLEDGER_NEW_KEY. Backups of before need the former root key.",
    examples: [
      ["runledger keys rotate", "the root key is in the ledger's file"],
      ["RUNLEDGER_NEW_KEY=$(openssl rand -hex 32) runledger keys rotate", "it is kept elsewhere"],
    ],
    seeAlso: ["keys show", "receipt rotate", "docs/encryption.md"],
  },
  erase: {
    about:
      "Destroys the key of a finished run that is sealed, with its snapshot, its output, its logs and workspaces, and what lists say of it. Nobody can read it again: not from this ledger, nor from its archive, nor with any root key. Its events stay as they are, so that its chain can still be checked; business keys of its effects stay taken. A run that is plain cannot be erased, only pruned. Its forks, its parent and its children stay, and are named: erase them too if that is meant. Backups and exported bundles are elsewhere.",
    examples: [
      ["runledger erase last --dry-run", "which other runs may hold what it told"],
      ["runledger erase last --yes", "for good"],
    ],
    seeAlso: ["keys show", "prune", "verify", "docs/encryption.md"],
  },
  completion: {
    about:
      "Prints the script that makes Tab complete commands, options, choices, run ids, step ids, event types, settings and files in your shell. It completes by asking `runledger` itself, so it never grows old. It installs nothing: put the line of your shell into its start-up file.",
    examples: [
      ["source <(runledger completion bash)", "in ~/.bashrc"],
      ["source <(runledger completion zsh)", "in ~/.zshrc, after compinit"],
      ["runledger completion fish | source", "in ~/.config/fish/config.fish"],
    ],
    seeAlso: ["help", "docs/cli.md"],
  },
  help: {
    about:
      "Explains a command (`runledger help config set`), or one of the topics exit-codes, environment, files and json. Without a word it lists the commands.",
    examples: [
      ["runledger help run", "the same as runledger run --help"],
      ["runledger help exit-codes", "what each means"],
      ["runledger help --man | man -l -", "all of it, as a manual page"],
    ],
    seeAlso: ["completion", "docs/cli.md"],
  },
};
