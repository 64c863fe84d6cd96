import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type IntentView,
  type NewIntent,
  type OpenOptions,
  openRunLedger,
  type RunLedger,
} from "../../src/index.js";
import { type Looking, look } from "./browsing.js";
import { clockAt } from "./driving.js";
import { agentOf, gatedProject, openRun, personOf } from "./gated.js";

/** The run whose intents are looked at. */
export const RUN = "run_01a2000000007000800000000001e471";
const HOSTILE = "name,mail\n\u001b[2J\u001b]0;owned\u0007Ada,ada\u202e@example.org\nstatus  approved\n";
export const SIZES = [
  { columns: 60, rows: 20 },
  { columns: 80, rows: 24 },
  { columns: 200, rows: 60 },
];

/** A run whose intents are looked at in the browser, by a clock that is moved by hand. */
export type GatedScreen = {
  readonly app: RunLedger;
  readonly clock: ReturnType<typeof clockAt>;
  propose(over?: Partial<NewIntent>): Promise<IntentView>;
  /** As it is now. */
  now(intent: IntentView): Promise<IntentView>;
  open(
    size?: (typeof SIZES)[number],
    over?: Partial<Parameters<typeof look>[2]>,
    shown?: RunLedger,
  ): Promise<Looking>;
  close(): Promise<void>;
};

export const openGated = async (): Promise<GatedScreen> => {
  const clock = clockAt("2026-03-01T10:00:00.000Z");
  const at = await mkdtemp(join(tmpdir(), "runledger-intents-"));
  const { folder } = await gatedProject("gate: { environment: staging }\n", at);
  const env: OpenOptions["env"] = { ...process.env, XDG_DATA_HOME: join(folder, "data") };
  const app = await openRunLedger({ projectDir: folder, env, now: clock.now });
  await openRun(app, RUN);
  return {
    app,
    clock,
    propose: (over = {}) =>
      app.gate(agentOf(app)).propose({
        ...{ runId: RUN, destination: "salesforce.import", policy: "two-people", payload: { text: HOSTILE } },
        ...{ recordCount: 40, valueUsd: 12.5, idempotencyKey: "batch-1", metadata: { list: "spring" } },
        ...over,
      }),
    now: ({ intentId }) => app.gate(personOf(app)).getIntent({ intentId }),
    open: (size = { columns: 80, rows: 24 }, over = {}, shown = app) =>
      look({ app: shown }, size, { runId: RUN, now: () => Date.parse(clock.now()), ...over }),
    close: async () => {
      await app.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
