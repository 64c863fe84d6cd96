import { EXIT_WORDS } from "../exit-codes.js";
import type { Pages } from "./page.js";

const { conflict, interrupted, terminated, waiting } = EXIT_WORDS;
const driving = { waiting, conflict, interrupted, terminated };
const FAILED = "the run failed, or the machine or project is not as it must be";

/** Commands that change something. */
export const doPages: Pages = {
  init: {
    about:
      "Writes a commented settings file at the top of the project and makes the ledger's folder `.runledger/`, which ignores itself. A settings file that is there stays as it is; nothing is committed.",
    examples: [
      ["runledger init", "a settings file to start from"],
      ["runledger init -C ../shop", "the same for another project"],
    ],
    seeAlso: ["doctor", "config set", "docs/settings.md"],
  },
  run: {
    about:
      "Reads the plan, refuses it with all its defects at once, creates a run and carries it out with the agents of the settings: each works in a private clone, and only what its validator has verified becomes a commit. A goal in plain words (words with a blank between them that do not end in .yaml, .yml or .json, where no file is called so; or --goal) is first made a plan by the planner of the settings: it waits for your approval, unless trustPlans says that it need not. Ends when the run is over, or when only a person or the time can help: a worker goes on then. Your checkout never changes; `apply` does that. Also: `run list`, `run status` and `run journal`, as other words for `list`, `status` and `journal`.",
    examples: [
      ["runledger run plan.yaml", "carry out a plan"],
      ['runledger run "the prices of the shop add up"', "have a plan made, then look at it with plan show"],
      ["jq .plan answer.json | runledger run -", "a plan that another program writes"],
      ["runledger run plan.yaml --no-drive", "only create the run; a worker drives it"],
      ["runledger run plan.json --json | tail -n 1", "how it ended, for a program"],
      ["runledger run plan.yaml --idempotency-key build-42", "safe to say twice"],
    ],
    exits: { ...driving, failed: FAILED },
    seeAlso: ["plan show", "why", "resume", "apply", "docs/plans.md", "docs/planning.md"],
  },
  plan: {
    about:
      "A plan that a model made is carried out when a person has approved it: look at it, change it, approve it, or deny it with what is wrong, and another one is made.",
    examples: [["runledger plan show last", "what would be carried out"]],
    seeAlso: ["run", "approve", "deny", "docs/planning.md"],
  },
  "plan show": {
    about:
      "Prints a plan whole, with nothing cut: each step, its agent, what it waits for and what judges it, the criteria, and every command that it brings. Of a run the plan that waits for approval, or the one that it has, with what was decided since; of a file the plan in it, or all of its defects.",
    examples: [
      ["runledger plan show last", "before you approve it"],
      ["runledger plan show plan.yaml", "has it defects?"],
    ],
    exits: { conflict: "the run has no plan yet" },
    seeAlso: ["approve", "deny", "plan edit"],
  },
  "plan edit": {
    about:
      "Opens the plan of a run that waits for one in your editor (VISUAL or EDITOR), or takes it from --file. It is checked as a whole: one with defects is refused with all of them, nothing is recorded, and your text stays. Who writes a plan has approved it. It drives nothing: `resume` does.",
    examples: [
      ["runledger plan edit last", "change it in your editor"],
      ["runledger plan edit last --file plan.yaml", "take this one instead"],
    ],
    exits: { conflict },
    seeAlso: ["plan show", "approve", "resume"],
  },
  selftest: {
    about:
      "Lets every validator of the plan, steps and criteria, judge submissions made from the commit that is checked out: nothing changed, cheats (programs that leave with exit 0, forged reports, deleted, emptied and skipped tests, configuration of runners, stub files), and with --solution work that must pass. Says what is vacuous, what can be gamed and by what. Uses the rooms of a run, but writes no journal; your checkout never changes.",
    examples: [
      ["runledger selftest plan.yaml", "would these validators notice a cheat?"],
      ["runledger selftest plan.yaml --solution done", "and let the work of branch done pass?"],
      ["runledger selftest plan.yaml --step sum --solution sum=sum.patch", "one step, its work as a patch"],
    ],
    exits: {
      failed: "a validator is vacuous, can be gamed, refuses the solution or could not judge",
      interrupted,
      terminated,
    },
    seeAlso: ["run", "doctor", "docs/verification.md"],
  },
  resume: {
    about:
      "Goes on with a run where its journal ends: after a crash, an answer, a pause or Ctrl-C. What was recorded is not done again. A run paused on request for longer than runLedger.staleTtl is resumed only with --stale; one that another worker drives is never taken away from it. An agent goes on from the newest checkpoint that holds; one whose definition has changed since is refused, unless it brings a migration or you say --anew.",
    examples: [
      ["runledger resume last", "go on with the newest run"],
      ["runledger resume last --stale", "although it has been paused for long"],
      ["runledger resume last --anew", "without what its agents remember"],
    ],
    exits: { ...driving, failed: FAILED },
    seeAlso: ["why", "worker", "pause"],
  },
  demo: {
    about:
      "Makes a small repository in a temporary folder and shows there a lie refused, a cheat refused, a fix verified and its commits applied. Nothing of yours is read or changed; the folder is removed, or kept with --keep.",
    examples: [
      ["runledger demo", "see it in half a minute"],
      ["runledger demo --keep shop-demo", "and look round in it afterwards"],
    ],
    exits: { conflict, interrupted, terminated },
    seeAlso: ["run", "show"],
  },
  approve: {
    about:
      "Accepts the work of a step that waits for a person, or with --proposal exactly the proposal you looked at; of a run that waits with a plan, the plan. The agent that made it can never approve it. It drives nothing: `resume` does.",
    examples: [
      ["runledger approve last", "the only step that waits"],
      ['runledger approve last deploy --reason "looked at it"', "a named step, and why"],
      ["runledger approve last/deploy --proposal 12", "only the proposal of event 12"],
    ],
    exits: { conflict },
    seeAlso: ["deny", "show", "resume"],
  },
  checkpoint: {
    about:
      "Signs a checkpoint of a run now: of every attempt under way whose agent has given its memory at the end of a turn, with what it remembered then; or, when there is none, of the run itself. Refused for a run that is over.",
    examples: [["runledger checkpoint last", "before you restart the machine"]],
    exits: { conflict },
    seeAlso: ["checkpoints", "resume", "docs/checkpoints.md"],
  },
  promise: {
    about: "Answers what an agent waits for from outside; `promises` lists it.",
    examples: [["runledger promise resolve last sign/1/0 --value true", "yes"]],
    seeAlso: ["promises", "docs/waiting.md"],
  },
  "promise resolve": {
    about:
      "Gives an agent what it waits for. It needs the promise's token, which its agent has delivered and `promises --reveal` shows; without the right one nothing is said of the promise, not even whether it is there. Once resolved it stays so. It drives nothing: a worker or `resume` does.",
    examples: [
      ["runledger promise resolve last sign/1/0 --value true --token TOKEN", "yes"],
      [
        'runledger promise resolve last sign/1/0 --value \'{"by":"ada"}\'',
        "with the token in RUNLEDGER_PROMISE_TOKEN",
      ],
      ['runledger promise resolve last sign/1/0 --error "not like this" --token TOKEN', "no"],
    ],
    exits: { conflict },
    seeAlso: ["promises", "resume", "docs/waiting.md"],
  },
  deny: {
    about:
      "Refuses the work of a step that waits for a person. The step counts as refused, with your reason as its verdict: its agent tries again while the step has retries, then the run asks a person. A plan that is refused is made anew, with your reason told. It drives nothing: `resume` does.",
    examples: [
      ['runledger deny last --reason "the header is missing"', "the only step that waits"],
      ["runledger deny last/deploy", "a named step"],
    ],
    exits: { conflict },
    seeAlso: ["approve", "policy", "resume"],
  },
  policy: {
    about:
      "Answers a run that asks what to do about a step which was refused, could not be judged, or was interrupted. The answers: retry, decompose (needs --steps), change_agent (needs --agent), change_validator (needs --validator), skip, abort, escalate. What makes a run less than verified (skip, decompose, change_validator) is recorded as a waiver with your reason. It drives nothing: `resume` does.",
    examples: [
      ['runledger policy last sum retry --fresh --reason "start over"', "once more, from a clean clone"],
      [
        'runledger policy last sum change_agent --agent fixer --reason "let fixer try"',
        "give the step to another agent",
      ],
      ['runledger policy last sum skip --reason "not needed"', "go on without it, as a waiver"],
    ],
    exits: { conflict },
    seeAlso: ["why", "show", "resume"],
  },
  decide: {
    about:
      "Answers a run that asks about an effect of an agent: it had begun, and nobody knows whether it happened. Find out at the other side (`effects` names the key it was given), then say: done, and what it answered (--value, as JSON), which the agent then gets; rerun, to do it again; skip, to do without it; fail, to take an earlier rerun or skip back and be asked again. Each holds for later crashes too. It drives nothing: `resume` does. Of an attempt or a run that is over, done and skip answer everybody who comes with its business key, and rerun (it never happened) gives that key back.",
    examples: [
      ['runledger decide last pay 0 rerun --reason "it never arrived"', "do it again"],
      [
        `runledger decide last pay 0 done --value '{"id":7}' --reason "the bank shows it"`,
        "it happened, and this is what it answered",
      ],
      ['runledger decide last pay 0 skip --reason "not needed any more"', "go on without it"],
    ],
    exits: { conflict },
    seeAlso: ["effects", "why", "resume", "docs/effects.md"],
  },
  effect: {
    about:
      "For programs that work on a step. Records that the command is about to be run, runs it, and records what it printed: whatever is killed and whoever starts over, it happens once for its key, in this run and in every other one, and later calls print the same and do nothing. When it fails it may be tried again. When it, or whoever recorded it, was killed on the way, nobody knows whether it happened: --on-ambiguous decides, and by default the run waits for a person. The command finds the key in RUNLEDGER_EFFECT_KEY and hands it on to services that take one.",
    examples: [
      ["runledger effect --key order-17 --risk money -- ./charge.sh 17", "charge once, whatever crashes"],
      [
        "runledger effect --key report-17 --class idempotent -- ./upload.sh",
        "may be done again under its key",
      ],
    ],
    exits: { failed: "no worker listens here, or it could not record it; else as the command ends" },
    seeAlso: ["why", "docs/agents.md"],
  },
  note: {
    about:
      "Without a value prints the note of that name; with one writes it into the run's journal, where agents see it in their task. An empty text clears it; earlier texts stay in the journal.",
    examples: [
      ["runledger note last reviewed", "read it"],
      ['runledger note last reviewed "by ada"', "write it"],
    ],
    exits: { notFound: "no such run, or it has no such note", conflict },
    seeAlso: ["show", "journal"],
  },
  pause: {
    about:
      "Records that nothing new is to be started. An agent that is at work is not killed, and nothing that was verified is lost.",
    examples: [['runledger pause last --reason "release freeze"', "stop until resumed"]],
    exits: { conflict },
    seeAlso: ["resume", "cancel"],
  },
  cancel: {
    about:
      "Ends a run as failed, for good; its agents are stopped. Verified commits stay and can still be applied, its journal stays too. `fork` begins again from what it had.",
    examples: [['runledger cancel last --reason "not wanted any more"', "end it"]],
    exits: { conflict },
    seeAlso: ["pause", "fork"],
  },
  budget: {
    about:
      "Shows what a run may spend in tokens, US dollars, time and attempts, and what of that is used or held for calls under way; with an option, sets that limit for this run instead of the one of the settings (`budget`). A run that came to its limit is paused and waits for it: `resume` goes on with the same attempts, and nothing is paid for again.",
    examples: [
      ["runledger budget last", "what holds, and what is used"],
      ["runledger budget last --tokens 2000000", "two million tokens in all, those used so far included"],
      ["runledger budget last --usd 5 --time 2h", "five dollars and two hours in all"],
    ],
    exits: { conflict },
    seeAlso: ["resume", "why", "docs/agents.md"],
  },
  apply: {
    about:
      "Puts the verified commits of a run on top of your checkout with `git am`, hooks off. Commits that are there already are passed over. A checkout with uncommitted changes is refused, and a conflict is undone, so it never leaves a half-applied run.",
    examples: [["runledger apply last", "take over what was verified"]],
    exits: { conflict: "the commits do not fit your checkout; nothing was changed" },
    seeAlso: ["patch", "show"],
  },
  patch: {
    about:
      "Prints the verified commits of a run as mail patches, in order, or writes one file for each. Your checkout never changes.",
    examples: [
      ["runledger patch last", "look at what was verified"],
      ["runledger patch last -o patches", "one file for each commit"],
      ["runledger patch last | git am", "apply them yourself"],
    ],
    seeAlso: ["apply", "export"],
  },
  fork: {
    about:
      "Makes a new run that takes over another one's events up to --at. What was verified up to there stays verified. The other run is never touched, whatever became of it. It drives nothing: `resume` does.",
    examples: [
      ["runledger fork last", "as far as it could still go on"],
      ["runledger fork last --at 12", "from event 12 of its journal"],
    ],
    exits: { conflict },
    seeAlso: ["journal", "resume", "docs/keeping.md"],
  },
};
