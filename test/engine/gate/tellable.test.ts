import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import type { RunLedger } from "../../../src/index.js";
import { agentOf, gatedProject, personOf } from "../../helpers/gated.js";

const SETTINGS = "runLedger: { workspaceIsolation: false }\n";
const WORD = "hunter2hunter2-42";

/** Approved by a person. */
const approved = async (app: RunLedger, asked: object): Promise<string> => {
  const terms = { destination: "mail", payload: { text: "hello" }, policy: "ask-first", ...asked };
  const { intentId, contentHash } = await app.gate(agentOf(app)).propose(terms);
  await app.gate(personOf(app)).approve({ intentId, contentHash });
  return intentId;
};

it("an order that could not be told as it was approved is none: what it is about has become a secret, or reads like one", async () => {
  vi.stubEnv("ORDINARY_WORD", WORD);
  const project = await gatedProject(SETTINGS);
  const app = await project.open();
  const looksLikeOne = Buffer.from("/+/+AKIAIOSFODNNAEXAMPLE/+/+", "base64");
  const asBytes = await approved(app, { payload: looksLikeOne });
  const intents = [
    await approved(app, { payload: { text: `Your word is ${WORD}` } }),
    await approved(app, { destination: `mail.${WORD}` }),
    await approved(app, { action: WORD }),
    await approved(app, { idempotencyKey: WORD }),
  ];
  const quoted = `A "quoted" \\ line\nof ${WORD.slice(0, 12)}…`;
  const fine = await approved(app, { payload: { text: quoted }, scope: `${WORD.slice(0, 12)}…` });
  const refused = async (from: RunLedger, intentId: string) => {
    await expect(from.gate(agentOf(from)).execute({ intentId })).rejects.toMatchObject({
      code: "execution_refused",
      details: { intentId },
    });
    expect(await from.gate(agentOf(from)).getIntent({ intentId })).toMatchObject({
      status: "approved",
      execution: null,
    });
  };
  await refused(app, asBytes);
  await app.close();
  await writeFile(join(project.folder, "runledger.yaml"), `${SETTINGS}secrets: { names: [ORDINARY_WORD] }\n`);
  const later = await project.open();
  for (const intentId of intents) await refused(later, intentId);
  // Who wrote the mark cut it off, and everybody saw it like that.
  await expect(approved(later, { payload: { text: `so ${quoted}` } })).resolves.toBeDefined();
  expect(await later.gate(agentOf(later)).execute({ intentId: fine })).toMatchObject({
    payload: { text: quoted },
  });
});
