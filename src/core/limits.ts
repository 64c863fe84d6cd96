/** Bounds on everything a model, a person or a program may hand to the ledger. Each has its reason. */

/** A plan longer than this is a queue, not a plan; 1,000 is what one run is tested with. */
export const STEPS_PER_PLAN = 1_000;
/** Criteria are judged one after the other in rooms of their own; more would never finish. */
export const CRITERIA_PER_PLAN = 200;
/** Globs are matched against every changed path. */
export const GLOBS_PER_LIST = 200;
/** Each candidate is an agent at work and a checkout; more of them at one step would only wait for each other. */
export const CANDIDATES_MAX = 10;
/** A step id becomes part of a branch name and of folder names. */
export const ID_CHARS = 64;
/** Goals and descriptions are shown in prompts and lists. */
export const GOAL_CHARS = 10_000;
/** The request as the user wrote it, attachments excluded. */
export const REQUEST_CHARS = 100_000;
/** Targets end up in an argument list; Linux refuses a single argument above 128 KiB. */
export const TARGET_CHARS = 20_000;
/** A planner's whole text: about 250,000 tokens, far above any model's answer. */
export const PLAN_TEXT_CHARS = 1_000_000;
/** What an agent claims about its work; whole logs belong into evidence blobs, not into the claim. */
export const RESULT_CHARS = 100_000;
/** Pieces of evidence per proposal, and the size of each. */
export const EVIDENCE_ITEMS = 50;
export const EVIDENCE_CHARS = 100_000;
/** A note is a scratchpad entry, read back whole in every snapshot. */
export const NOTE_KEY_CHARS = 200;
export const NOTE_VALUE_CHARS = 20_000;
export const NOTES_PER_RUN = 1_000;
/** Reasons are sentences. */
export const REASON_CHARS = 10_000;
/** How often one step may be retried by plan; people may go on by hand. */
export const RETRIES_MAX = 20;
/** A day: longer than any validator or agent that is still making progress. */
export const TIMEOUT_MAX_MS = 86_400_000;
/** A verifier that could not run is tried this often for one proposal before a person is asked. */
export const VERIFY_ERRORS_MAX = 3;
/** A session key names a conversation; it is compared, stored and shown. */
export const SESSION_KEY_CHARS = 200;
/** A signed credential: names, ids and 32 bytes; what is longer is not even read. */
export const CREDENTIAL_CHARS = 2_000;
/** Thirty days: what outlives that in a file of a client is forgotten there. */
export const CREDENTIAL_MAX_MS = 2_592_000_000;
/** What is recorded of calls that were refused: a flood of them leaves room in the minute that follows, and cannot fill a disk. */
export const REFUSALS_PER_MINUTE = 60;
/** Of callers by a credential that holds: each of them can be called to account. */
export const VOUCHED_REFUSALS_PER_RUN = 800;
/** Of whoever came without one: anybody can bring these about, so they take no room from those that name somebody. */
export const UNVOUCHED_REFUSALS_PER_RUN = 200;
/** Of whoever was refused, and of what they called: names, not texts. */
export const CALLER_NAME_CHARS = 200;
export const TOOL_NAME_CHARS = 200;
/** Client keys that make a command repeatable. */
export const IDEMPOTENCY_KEY_CHARS = 200;
/** A host's own name for a request, and the names of its agents and tools: shown in lists and prompts. */
export const GRANT_ID_CHARS = 200;
export const TEAMMATE_NAME_CHARS = 200;
/** More requests than a person would answer for one run; each stands whole in every snapshot. */
export const TEAMMATES_BLOCKED = 100;
/** Bytes of validator or agent output that stay readable in the verdict; the whole log is a blob. */
export const TAIL_BYTES = 8_192;
/** The whole log of one command; beyond it both ends are kept. Held in memory while the command runs. */
export const LOG_BYTES = 8 * 1024 * 1024;
/** Paths listed in a verdict or a refusal; the count is always told. */
export const PATHS_LISTED = 50;
/** Ids, step ids and agent names of hosts: names, not texts. */
export const HOST_ID_CHARS = 200;
/** Calls of one attempt that are recorded; far above what a run of 50,000 events needs, and a loop without end stops. */
export const EFFECTS_PER_ATTEMPT = 100_000;
/** Twenty times what one run is proved with; each is read when it is folded anew. */
export const EVENTS_PER_RUN = 1_000_000;
/** So many calls at once settle or begin in one commit; more wait for the next. */
export const EFFECT_ENTRIES = 1_000;
/** Names are shown in lists; business keys are compared and stored. */
export const EFFECT_NAME_CHARS = 200;
export const EFFECT_KEY_CHARS = 500;
/** Ten years: what is due later is no wait of a run. */
export const SLEEP_MAX_MS = 315_360_000_000;
/** Each stands in every snapshot of its run until its attempt ends. */
export const PROMISES_PER_ATTEMPT = 1_000;
/** Each stands in every snapshot of its parent until the attempt ends. */
export const CHILDREN_PER_ATTEMPT = 100;
/** A run that starts itself over and over stops here; people who divide work by hand are far below. */
export const CHILD_DEPTH_MAX = 8;
/** A step's id and three numbers; 32 bytes in hex. */
export const PROMISE_ID_CHARS = 120;
export const PROMISE_TOKEN_CHARS = 64;
/** As providers name them. */
export const MODEL_CHARS = 200;
/** Far above what any model reads or writes at once. */
export const TOKENS_PER_CALL = 1_000_000_000;
/** Calls of models within one effect that tell what they used; who makes more makes more effects. */
export const SPENT_PER_EFFECT = 100;
/** A million calls of the longest that there are. */
export const TOKENS_PER_RUN = 1_000_000_000_000;
/** Each of a thousand steps, tried as often as it may be and a few times by hand. */
export const ATTEMPTS_PER_RUN = 100_000;
/** Ten years. */
export const RUN_TIME_MAX_MS = 315_360_000_000;
/** A result as JSON; what is larger belongs into a file of the workspace. */
export const EFFECT_VALUE_BYTES = 1_048_576;
/** Longer results are blobs: events are read whole when a run is folded. */
export const EFFECT_INLINE_BYTES = 8_192;
/** The token of a step's socket is shorter; what is longer is not even compared. */
export const SOCKET_TOKEN_CHARS = 100;
/** One line to or from a step's socket: the largest result, each character of it escaped. */
export const SOCKET_LINE_BYTES = 6 * EFFECT_VALUE_BYTES + 10_000;
/** What an agent keeps from turn to turn; what is larger belongs into a file of the workspace. */
export const CHECKPOINT_MEMORY_BYTES = 1_048_576;
/** A whole checkpoint, unpacked: that memory and all lists at their longest. A packed one that grows beyond it is a bomb. */
export const CHECKPOINT_BYTES = 8 * 1_048_576;
/** The newest receipts, artifacts and keys are listed and the others counted, or a turn would cost what the run is long. */
export const CHECKPOINT_LISTED = 1_000;
/** A checkpoint that is stored whole after so many differences: reading one reads at most so many. */
export const CHECKPOINT_FULL_EVERY = 10;
/** Of a run, beside what its attempts go on from: two whole ones and what builds on them, in case the newest are spoilt. */
export const CHECKPOINTS_KEPT = 20;
/** What is kept of each stands in every snapshot of its run. */
export const CHECKPOINTS_KEPT_MAX = 1_000;
/** So many go at once, or an event would go with each. */
export const CHECKPOINTS_THINNED_MIN = 10;
/** More than these go with the next one: events are read whole. */
export const CHECKPOINTS_THINNED_MAX = 1_000;
/** Parts of parts that a difference goes into; what lies deeper is put anew. */
export const DELTA_DEPTH = 32;
/** When this many in a row do not hold, the store is gone, and the journal alone is faster. */
export const CHECKPOINTS_TRIED = 50;
/** So often a run remembers that some did not hold; the journal has all. */
export const CHECKPOINTS_PASSED_OVER = 20;
/** One sentence to whoever goes on. */
export const NEXT_ACTION_CHARS = 1_000;
/** Of a message that may ask to go on: who writes more asks for something else. */
export const RESUME_MESSAGE_CHARS = 1_000;
/** Paused runs of one session that a message may mean; who has more names one. */
export const RESUME_CANDIDATES = 50;
/** Runs of one test command for one verdict; who needs more has a load test. */
export const TEST_RUNS_MAX = 20;
/** Names of destinations, policies, actions and tags: compared and shown. */
export const INTENT_NAME_CHARS = 200;
/** More words than anybody would file one thing under. */
export const INTENT_TAGS = 50;
/** Each stands in every snapshot of its run. */
export const INTENTS_PER_RUN = 1_000;
/** As long as the longest log that is kept; a policy reads all of it. */
export const INTENT_PAYLOAD_BYTES = 8 * 1_048_576;
/** What is said of one intent beside its payload, as JSON: it stands in every snapshot of its run. */
export const INTENT_METADATA_BYTES = 16_384;
/** Identifiers and counts of what was done; what is longer belongs to where it was done. */
export const INTENT_RESULT_BYTES = 8_192;
/** Thirty days: what nobody has answered by then nobody means any more. */
export const INTENT_WAIT_MAX_MS = 2_592_000_000;
/** A quarter of an hour (seed 000): longer than one execution takes, shorter than anybody waits for a lost worker. */
export const ORDER_TTL_MS = 900_000;
/** A leap year: what was given for longer nobody remembers. */
export const MANDATE_MAX_MS = 31_622_400_000;
/** 32 bytes in hex. */
export const ORDER_TOKEN_CHARS = 64;
/** What a client says of one event of its run; what is longer is an artifact. */
export const TRACKED_PAYLOAD_BYTES = 65_536;
/** Names of actors, steps, runtimes and capabilities: shown in lists. */
export const TRACKED_NAME_CHARS = 200;
/** A path or an address. */
export const ARTIFACT_URI_CHARS = 4_096;
/** Kept beside the journal where they are handed in; what is larger stays where it is, and its hash is kept. */
export const ARTIFACT_BYTES = 8 * 1_048_576;
/** Things that a client may do, or may not; each stands in every snapshot and every checkpoint of its run. */
export const CAPABILITIES_MAX = 200;
/** Side effects begun and not yet done, and handoffs not yet completed: each stands in every snapshot of its run. */
export const TRACKED_OPEN_MAX = 1_000;
/** Runs that go on from each other; verifying one looks at all before it. */
export const LINEAGE_DEPTH_MAX = 100;
/** Events of a tracked run that are answered at once; the answer says where to go on. */
export const TRACKED_EVENTS_LISTED = 1_000;
/** Keys of one ledger, ended ones too: each is one that a person made by hand. */
export const SDK_KEYS_MAX = 1_000;
/** Of a destination or a gate policy, in the limits of an SDK key. */
export const SDK_PATTERN_CHARS = 200;
export const SDK_PATTERNS_MAX = 100;
