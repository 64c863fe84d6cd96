import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sample } from "../../helpers/bench.js";
import { buildPackage } from "../../helpers/built.js";
import { first } from "../../helpers/first.js";
import { modelServer, type Scripted } from "../../helpers/model-server.js";
import { buggySum, onePlan } from "../../helpers/project.js";
import { expectPairs } from "../../helpers/tool-pairs.js";

let built: ReturnType<typeof buildPackage>;
beforeAll(() => {
  built = buildPackage();
});
afterAll(() => built.remove());

/** Runs of the command line, one after the other, each a process that the script may kill. */
const driven = async (
  provider: string,
  script: (kill: () => void, place: string) => readonly Scripted[],
  settings = "",
  more = "",
) => {
  const shop = await sample(buggySum);
  let child: ChildProcess | undefined;
  let killed = 0;
  const killOnce = (): void => {
    killed += 1;
    child?.kill("SIGKILL");
    throw new Error("its other side is gone");
  };
  const server = await modelServer(script(killOnce, shop.place));
  await shop.write({
    "runledger.yaml": `agents: { coder: { kind: llm, provider: ${provider}, model: scripted, baseUrl: "${server.url}", apiKeyEnv: SHOP_MODEL${more} } }\nisolation: { maximum: 1 }\n${settings}`,
    "plan.json": JSON.stringify(onePlan()),
  });
  shop.commit();
  const type = async (...argv: string[]): Promise<string | number | null> => {
    const env = { ...shop.env, SHOP_MODEL: "key-of-the-model-0123456789" };
    child = spawn(process.execPath, [built.bin, ...argv], { cwd: shop.repo, env, stdio: "ignore" });
    const [code, signal] = await once(child, "exit");
    return signal ?? code;
  };
  return { shop, server, type, killed: () => killed };
};

describe.each(["openai-compatible", "anthropic"])("kill -9 of who drives an llm agent of %s", (provider) => {
  it("repeats no answer that was paid for and no command, whenever it comes", async () => {
    const { shop, server, type, killed } = await driven(provider, (kill, place) => [
      // In the middle of a command: its parent is the program that drives the run.
      { calls: [["exec", { command: `echo ran >> ${place}/commands; kill -9 $PPID; sleep 1` }]] },
      { text: "Let me see.", calls: [["fs_read", { path: "src/sum.mjs" }]], before: first(kill) },
      { text: "All tests pass.", before: first(kill) },
      {
        calls: [
          [
            "fs_edit",
            { path: "src/sum.mjs", old_text: "prices.length", new_text: "prices.reduce((a, b) => a + b, 0)" },
          ],
        ],
        before: first(kill),
      },
      { text: "The sum adds up now.", before: first(kill) },
    ]);
    const ends = [await type("run", "plan.json")];
    while (ends.at(-1) === "SIGKILL" && ends.length < 10) ends.push(await type("resume", "last"));
    expect(ends).toEqual([...Array(5).fill("SIGKILL"), 0]);
    expect(killed()).toBe(4);
    expect(await readFile(join(shop.place, "commands"), "utf8")).toBe("ran\n");
    expect(server.answered).toHaveLength(5);
    expect(new Set(server.answered.map(({ text }) => text)).size).toBe(5);
    // What was asked before each kill and not answered came once more, and nothing else did.
    expect(server.asked).toHaveLength(9);
    expect(server.answered[1]?.text).toContain("This command was cut off");
    const app = await shop.open();
    const { usage } = await app.view(await app.findRun("last"));
    // Four calls were cut off by a kill, and may have been charged; of the five answers each is counted once.
    expect(usage).toMatchObject({ calls: 5, tokensIn: 500, tokensOut: 50, uncounted: 4 });
    const effects = await app.effects(await app.findRun("last"), { values: true });
    const calls = effects.filter(({ name }) => name === "model call");
    expect(calls.map(({ status, attempt }) => [status, attempt])).toEqual([
      ["done", 1],
      ["done", 1],
      ["done", 1],
      ["done", 2],
      ["done", 2],
    ]);
    expect(effects.filter(({ name }) => name.startsWith("exec")).map(({ status }) => status)).toEqual([
      "skipped",
    ]);
  });
});

describe.each(["openai-compatible", "anthropic"])(
  "kill -9 while a conversation with %s is compacted",
  (provider) => {
    it("comes by the very same conversation again, and pays for nothing twice", async () => {
      const tooLong = {
        status: 400,
        trouble: "prompt is too long: this model's maximum context length is 4000",
      };
      const long = (n: number): string => `Thought ${n}. `.repeat(300);
      const { shop, server, type, killed } = await driven(
        provider,
        (kill) => [
          { text: long(1), calls: [["fs_read", { path: "src/sum.mjs" }]], usage: null },
          { text: long(2), calls: [["fs_read", { path: "test/sum.test.mjs" }]], usage: null },
          { text: long(3), calls: [["fs_read", { path: "src/sum.mjs" }]], usage: null },
          // The summary of the first turns, which is near to what the model takes.
          { text: "Summary one.", usage: null, before: first(kill) },
          { text: long(4), calls: [["fs_list", {}]], usage: null, before: first(kill) },
          { ...tooLong, before: first(kill) },
          { text: "Summary two.", usage: null, before: first(kill) },
          {
            calls: [
              [
                "fs_edit",
                {
                  path: "src/sum.mjs",
                  old_text: "prices.length",
                  new_text: "prices.reduce((a, b) => a + b, 0)",
                },
              ],
            ],
            usage: null,
            before: first(kill),
          },
          { text: "The sum adds up now.", usage: null, before: first(kill) },
        ],
        "",
        ", contextTokens: 5000",
      );
      const ends = [await type("run", "plan.json")];
      while (ends.at(-1) === "SIGKILL" && ends.length < 10) ends.push(await type("resume", "last"));
      expect(ends).toEqual([...Array(6).fill("SIGKILL"), 0]);
      expect(killed()).toBe(6);
      server.asked.forEach(expectPairs);
      const texts = server.answered.map(({ text }) => text);
      expect(new Set(texts).size).toBe(9);
      expect(server.answered.map(({ tools }) => tools.length === 0)).toEqual(
        [0, 0, 0, 1, 0, 0, 1, 0, 0].map((summary) => summary === 1),
      );
      // Each question that a kill cut off came once more, word by word, and no other did.
      expect(server.asked).toHaveLength(15);
      expect(new Set(server.asked.map(({ text }) => text))).toEqual(new Set(texts));
      expect(texts.at(-1)).toContain("Summary two.");
      const app = await shop.open();
      const effects = await app.effects(await app.findRun("last"));
      expect(effects.filter(({ name }) => name === "compact: summary").map(({ status }) => status)).toEqual([
        "done",
        "done",
      ]);
      const { usage } = await app.view(await app.findRun("last"));
      expect(usage).toMatchObject({ calls: 9 });
    });
  },
);

describe("a call of a model that was cut off", () => {
  it("is put to a person where paid calls in doubt are skipped", async () => {
    const { server, type, shop } = await driven(
      "anthropic",
      (kill) => [{ text: "done", before: first(kill) }],
      "durable: { paidAmbiguous: skip }\n",
    );
    expect(await type("run", "plan.json")).toBe("SIGKILL");
    expect(await type("resume", "last")).toBe(3);
    expect(server.asked).toHaveLength(1);
    const app = await shop.open();
    expect(await app.effects(await app.findRun("last"), { open: true })).toMatchObject([
      { name: "model call", status: "asked" },
    ]);
  });
});
