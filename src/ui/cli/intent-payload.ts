import { type IntentView, LedgerError, type RunLedger } from "../../index.js";

/** What an intent would send, byte for byte; undefined when it is not kept any more. */
export const payloadOf = (app: RunLedger, { runId, payload }: IntentView): Promise<Uint8Array | undefined> =>
  app.ledger.store.getBlob(payload.digest, runId);

/** Null for bytes that are no UTF-8, or are not there any more. */
export const textIn = (bytes: Uint8Array | undefined): string | null => {
  try {
    return bytes === undefined
      ? null
      : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
};

/** What the other side answered, as it is typed. */
export const readResult = (text: string) => {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LedgerError("invalid_input", "--result is no JSON.", {
      hint: `Quote it for the shell: --result '{"imported": 12}'`,
      cause,
    });
  }
};
