/** What the conformance suite asks for and we have not got, each with the reason. What is not named here must pass. */
export type NotOurs = Readonly<Record<string, string>>;

const THING = "asks for a tool, prompt or resource of the suite's own test server";
const NO_SAMPLING = `${THING}; ours never ask the client's model or its person`;

/** In both revisions. */
const both: NotOurs = {
  "completion-complete": "completion of arguments is not offered: ids come from run_active",
  "tools-call-image": `${THING}; answers are facts, no pictures`,
  "tools-call-audio": `${THING}; answers are facts, no sound`,
  "tools-call-embedded-resource": THING,
  "tools-call-mixed-content": THING,
  "tools-call-with-progress": `${THING}; progress of ours is in test/ui/http`,
  "json-schema-2020-12": THING,
  "resources-read-text": THING,
  "resources-read-binary": THING,
  "resources-templates-read": THING,
  "prompts-get-simple": THING,
  "prompts-get-with-args": THING,
  "prompts-get-embedded-resource": THING,
  "prompts-get-with-image": THING,
};

export const notOurs: Readonly<Record<"2025-11-25" | "2026-07-28", NotOurs>> = {
  "2025-11-25": {
    ...both,
    "logging-set-level": "no logging: what happened is in the journal",
    "tools-call-with-logging": "no logging: what happened is in the journal",
    "resources-subscribe": "no subscriptions: a run is read again",
    "resources-unsubscribe": "no subscriptions: a run is read again",
    "tools-call-sampling": NO_SAMPLING,
    "tools-call-elicitation": NO_SAMPLING,
    "elicitation-sep1034-defaults": NO_SAMPLING,
    "elicitation-sep1330-enums": NO_SAMPLING,
    "server-sse-multiple-streams": "warns that there is no session: nothing is kept between requests",
    "server-sse-polling": `${THING}; streams are not resumed, calls are repeated under their key`,
  },
  "2026-07-28": {
    ...both,
    "server-stateless:sep-2575-server-rejects-undeclared-capability": NO_SAMPLING,
    "server-stateless:sep-2575-missing-capability-http-400": NO_SAMPLING,
    "http-custom-header-server-validation": "no tool takes an argument from a header",
    "input-required-result-basic-elicitation": NO_SAMPLING,
    "input-required-result-basic-sampling": NO_SAMPLING,
    "input-required-result-basic-list-roots": NO_SAMPLING,
    "input-required-result-request-state": NO_SAMPLING,
    "input-required-result-multiple-input-requests": NO_SAMPLING,
    "input-required-result-multi-round": NO_SAMPLING,
    "input-required-result-non-tool-request": NO_SAMPLING,
    "input-required-result-result-type": NO_SAMPLING,
    "input-required-result-tampered-state": NO_SAMPLING,
    "input-required-result-capability-check": NO_SAMPLING,
    "input-required-result-missing-input-response": NO_SAMPLING,
    "input-required-result-validate-input": NO_SAMPLING,
  },
};
