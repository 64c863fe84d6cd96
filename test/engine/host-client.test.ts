import { join } from "node:path";
import { expect, it } from "vitest";
import { SOCKET_VARIABLE, TOKEN_VARIABLE } from "../../src/core/effect-wire.js";
import { askWorker, programEffect } from "../../src/engine/host-client.js";

const nowhere = join(import.meta.dirname, "no-socket");
const effect = { key: "order-1", name: "pay", class: "guarded" } as const;

it("whoever asks a worker that is gone is told to end, and an effect to pass on what leads to its worker", async () => {
  const ending = expect.stringContaining("is gone: end.");
  await expect(askWorker(nowhere, "rlc1_x", { kind: "who" })).rejects.toMatchObject({
    code: "worker_unreachable",
    hint: ending,
  });
  const env = { [SOCKET_VARIABLE]: nowhere, [TOKEN_VARIABLE]: "t" };
  const performing = programEffect(effect, async () => expect.unreachable(), env);
  await expect(performing).rejects.toMatchObject({ hint: expect.stringContaining(SOCKET_VARIABLE) });
});
