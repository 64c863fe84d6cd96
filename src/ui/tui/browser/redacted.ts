import type { Run, RunLedger, Step } from "../../../index.js";
import type { Dialog } from "./dialog.js";

/**
 * The library as pages read it. What was recorded before its variable was known for a secret, or in another ledger, still holds the
 * value, and commands redact whatever they print. Pages cut and break what they draw, and half of a secret is not found any more:
 * so it is done where they read. What is done to a run is done with what it truly says.
 */
export const redacted = (app: RunLedger): RunLedger => {
  const { ledger } = app;
  const { redactor, store } = ledger;
  const { deep } = redactor;
  const bytesOf = (bytes: Uint8Array): Uint8Array => {
    const stream = redactor.stream();
    return Buffer.concat([stream.push(Buffer.from(bytes)), stream.end()]);
  };
  const stepOf = onceForEach(deep<Step>);
  const runOf = onceForEach<Run>(({ steps, ...beside }) => ({ ...deep(beside), steps: steps.map(stepOf) }));
  return {
    ...app,
    view: async (runId) => {
      const { run, ...beside } = await app.view(runId);
      return { ...deep(beside), run: runOf(run) };
    },
    list: async (query) => deep(await app.list(query)),
    effects: async (runId, query) => deep(await app.effects(runId, query)),
    checkpoints: async (runId) => deep(await app.checkpoints(runId)),
    schedules: async () => deep(await app.schedules()),
    mandates: async () => deep(await app.mandates()),
    gate: (caller) => {
      const gate = app.gate(caller);
      return {
        ...gate,
        getIntent: async (of) => deep(await gate.getIntent(of)),
        listIntents: async (query) => deep(await gate.listIntents(query)),
      };
    },
    ledger: {
      ...ledger,
      events: async (runId, afterSeq, limit) => deep(await ledger.events(runId, afterSeq, limit)),
      store: {
        ...store,
        getBlob: async (hash, runId) => {
          const bytes = await store.getBlob(hash, runId);
          return bytes && bytesOf(bytes);
        },
      },
    },
  };
};

/** A run, and each step of it, stays the same object as long as nothing happens to it, and is looked at whenever anything does. */
const onceForEach = <T extends object>(change: (value: T) => T): ((value: T) => T) => {
  const changed = new WeakMap<T, T>();
  return (value) => {
    const known = changed.get(value) ?? change(value);
    changed.set(value, known);
    return known;
  };
};

/** A question as it is shown; what is answered goes where it went. */
export const redactedDialog = ({ redact }: Pick<RunLedger, "redact">, dialog: Dialog): Dialog => ({
  ...dialog,
  title: redact(dialog.title),
  text: dialog.text.map(redact),
  twin: (values) => redact(dialog.twin(values)),
});
