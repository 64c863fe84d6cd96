// Parts of an append by themselves, each against the barest thing that does the same.
import { createRequire } from "node:module";
import { EventBody } from "../../dist/src/core/events.js";
import { newKey, sealBytes } from "../../dist/src/stores/cipher.js";
import { paired } from "../measure.mjs";

const TIMES = 50_000;

export async function* rows() {
  yield* validating();
  yield* sealing();
}

/** Of the processor: nothing here waits for anything, and whoever else is at work must not count. */
const micros = (work) => () => {
  const from = process.cpuUsage();
  for (let at = 0; at < TIMES; at += 1) work();
  return process.cpuUsage(from).user / TIMES;
};

/** From the second time on they are compiled. */
const warmed = (...all) => {
  for (let warm = 0; warm < 3; warm += 1) for (const one of all) one();
};

async function* validating() {
  const event = {
    type: "effect_settled",
    version: 1,
    attempt: 1,
    payload: {
      stepId: "a",
      position: 7,
      call: null,
      outcome: { kind: "done", value: { kind: "inline", json: JSON.stringify("v".repeat(1_000)) } },
    },
  };
  const alone = EventBody.options.find((one) => one.safeParse(event).success);
  const [ours, floor] = [EventBody, alone].map((schema) => micros(() => schema.parse(event)));
  warmed(ours, floor);
  yield await paired({
    name: `validating one of ${EventBody.options.length} kinds of event, over its own schema alone`,
    ours,
    floor,
    unit: "µs",
    goal: 16,
    aim: { max: 1.5 },
  });
}

async function* sealing() {
  const sodium = sodiumOfPeers();
  if (sodium === undefined) return;
  const [key, bytes, bound] = [newKey(), Buffer.alloc(1_024, "v"), Buffer.from("bound")];
  const ours = micros(() => sealBytes(key, bound, bytes));
  const nonce = Buffer.alloc(sodium.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
  const into = Buffer.alloc(bytes.length + sodium.crypto_aead_xchacha20poly1305_ietf_ABYTES);
  const floor = micros(() => {
    sodium.randombytes_buf(nonce);
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(into, bytes, bound, null, nonce, key);
  });
  warmed(ours, floor);
  yield await paired({
    name: "sealing 1 KB, over sodium-native",
    ours,
    floor,
    unit: "µs",
    goal: 15,
    aim: { max: 1.3 },
    bound:
      "node:crypto, which makes a cipher for each call; nothing native is to be installed (docs/adr/0032)",
  });
}

const sodiumOfPeers = () => {
  try {
    return createRequire(new URL("../peers/package.json", import.meta.url))("sodium-native");
  } catch {
    console.log("sealing: not measured, sodium-native is not installed (npm run bench:peers)");
    return undefined;
  }
};
