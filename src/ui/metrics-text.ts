import type { Metrics } from "../index.js";

type Sample = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

type Family = {
  readonly name: string;
  /** A counter never falls while its ledger is the same one. */
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: readonly Sample[];
};

/**
 * The numbers as Prometheus reads them: its text format 0.0.4, with names that OpenMetrics takes too.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export const metricsText = (metrics: Metrics, version: string): string =>
  [...ofTheLedger(metrics, version), ...ofItsWork(metrics), ...ofItsModels(metrics)].map(textOf).join("");

const NANO = 1_000_000_000;

const gauge = (name: string, help: string, samples: readonly Sample[]): Family => ({
  ...{ name: `runledger_${name}`, type: "gauge", help, samples },
});

const one = (value: number): readonly Sample[] => [{ labels: {}, value }];

const ofTheLedger = (metrics: Metrics, version: string): readonly Family[] => {
  const { events, runs, waiting, unattended, unread, workersLost } = metrics;
  const byStatus = Object.entries(runs).map(([status, value]) => ({ labels: { status }, value }));
  return [
    gauge("build_info", "The runledger that tells these numbers.", [{ labels: { version }, value: 1 }]),
    {
      ...{ name: "runledger_events_total", type: "counter", samples: one(events) },
      help: "Events that were ever appended to this ledger.",
    },
    gauge("runs", "Runs that are here, by status.", byStatus),
    gauge("runs_waiting", "Runs that ask something of a person.", one(waiting.runs)),
    gauge(
      "oldest_wait_seconds",
      "How long the longest-waiting of them has asked.",
      one(waiting.oldestSeconds),
    ),
    gauge("runs_unattended", "Runs in which something is due and that nobody works on.", one(unattended)),
    gauge("runs_unread", "Runs with a part that cannot be read here; it is not counted.", one(unread)),
    gauge("workers_lost", "Workers that were lost at work, of the runs that are here.", one(workersLost)),
  ];
};

const ofItsWork = ({ attempts, verdicts, intents, refusals }: Metrics): readonly Family[] => {
  const judgedSteps = verdicts.filter(({ of, outcome }) => of === "step" && outcome !== "errored");
  return [
    gauge(
      "attempts",
      "Attempts at steps by agent, of the runs that are here; each candidate of a race is one.",
      attempts.map(({ agent, attempts: value }) => ({ labels: { agent }, value })),
    ),
    gauge(
      "verdicts",
      "Verdicts on steps and criteria by type of validator, of the runs that are here.",
      verdicts.map(({ of, validator, outcome, verdicts: value }) => ({
        ...{ labels: { of, validator, outcome }, value },
      })),
    ),
    gauge(
      "verdict_wait_seconds",
      "From claims to their verdicts, added up, of the runs that are here.",
      judgedSteps.map(({ validator, outcome, waitedSeconds: value }) => ({
        ...{ labels: { validator, outcome }, value },
      })),
    ),
    gauge(
      "intents",
      "Intents at the gate by status, of the runs that are here.",
      Object.entries(intents).map(([status, value]) => ({ labels: { status }, value })),
    ),
    gauge(
      "refusals",
      "Recorded refusals of access by code, of the runs that are here.",
      refusals.map(({ code, refusals: value }) => ({ labels: { code }, value })),
    ),
  ];
};

type Used = Metrics["usage"][number];

const ofItsModels = ({ usage }: Metrics): readonly Family[] => {
  const samples = (
    of: (used: Used) => number,
    more: Readonly<Record<string, string>> = {},
  ): readonly Sample[] =>
    usage.map((used) => ({
      labels: { agent: used.agent, model: used.model ?? "", ...more },
      value: of(used),
    }));
  return [
    gauge(
      "model_calls",
      "Calls of models whose end was recorded, of the runs that are here.",
      samples(({ calls }) => calls),
    ),
    gauge("model_tokens", "Tokens that models read (in) and wrote (out), of the runs that are here.", [
      ...samples(({ tokensIn }) => tokensIn, { direction: "in" }),
      ...samples(({ tokensOut }) => tokensOut, { direction: "out" }),
    ]),
    gauge("model_cached_tokens", "Of the tokens read: from (read) and into (write) a provider's cache.", [
      ...samples(({ cacheRead }) => cacheRead, { cache: "read" }),
      ...samples(({ cacheWrite }) => cacheWrite, { cache: "write" }),
    ]),
    gauge(
      "model_cost_usd",
      "What priced calls of models cost, in US dollars, of the runs that are here.",
      samples(({ nanoUsd }) => nanoUsd / NANO),
    ),
    gauge(
      "model_calls_unpriced",
      "Counted calls of models that have no price, of the runs that are here.",
      samples(({ unpriced }) => unpriced),
    ),
    gauge(
      "model_calls_uncounted",
      "Calls and tries that may have been charged, and nobody counted, of the runs that are here.",
      samples(({ uncounted }) => uncounted),
    ),
  ];
};

const textOf = ({ name, type, help, samples }: Family): string =>
  [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(({ labels, value }) => `${name}${labelsText(labels)} ${value}`),
    "",
  ].join("\n");

const labelsText = (labels: Readonly<Record<string, string>>): string => {
  const said = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return said.length === 0 ? "" : `{${said.join(",")}}`;
};

const escaped = (value: string): string =>
  value.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));
