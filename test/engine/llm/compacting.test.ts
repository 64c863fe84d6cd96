import { readFile } from "node:fs/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { LedgerError } from "../../../src/core/errors.js";
import { planOfSteps, stepBy } from "../../helpers/bench.js";
import { typingIn } from "../../helpers/cli.js";
import { began } from "../../helpers/driving.js";
import { type Asked, modelServer, type Scripted } from "../../helpers/model-server.js";
import { makeSample } from "../../helpers/project.js";
import { expectPairs } from "../../helpers/tool-pairs.js";

/** Lines that say which file they are of: 100 characters each. */
const lines = (word: string, count: number): string => `${word.padEnd(99, ".")}\n`.repeat(count);

const FILES = { "big.txt": lines("a whale", 170), "mid.txt": lines("a horse", 60), "small.txt": "a mouse\n" };

/** A model of that provider with little room, which answers the turns by the script and whoever asks for a summary by that. */
const opened = async (
  provider: string,
  turns: readonly Scripted[],
  { summary = { text: "The horse was seen." } as Scripted, more = "contextTokens: 7000", settings = "" } = {},
) => {
  const left = [...turns];
  let summaries = 0;
  const summed = (): Scripted => {
    summaries += 1;
    return "text" in summary ? { ...summary, text: `${summary.text} (${summaries})` } : summary;
  };
  const by = (asked: Asked): Scripted =>
    asked.tools.length === 0 ? summed() : (left.shift() ?? { status: 400, trouble: "the script is over" });
  // Nobody counts, so that characters are what counts.
  const server = await modelServer(Array(40).fill({ by: (asked: Asked) => ({ usage: null, ...by(asked) }) }));
  const coder = `kind: llm, provider: ${provider}, model: scripted, baseUrl: "${server.url}", apiKeyEnv: SHOP_MODEL, ${more}`;
  const shop = await makeSample(
    { ...FILES, "runledger.yaml": `agents: { coder: { ${coder} } }\nisolation: { maximum: 1 }\n${settings}` },
    { SHOP_MODEL: "key-of-the-model-0123456789" },
  );
  onTestFinished(() => shop.dispose());
  const app = await shop.open();
  const runId = await began(app, planOfSteps(stepBy("a", "true", { max_retries: 0 })));
  const effects = async () =>
    (await app.effects(runId, { values: true })).filter(({ name }) => name.startsWith("compact: "));
  return { server, shop, app, runId, effects };
};

const read = (path: string): Scripted => ({ calls: [["fs_read", { path }]] });
/** Said by the model itself, so that clearing results does not help. */
const ponder: Scripted = { ...read("small.txt"), text: "I look at it. ".repeat(80) };
const times = (count: number, turn: Scripted): readonly Scripted[] => Array(count).fill(turn);
const done: Scripted = { text: "done" };
const isSummary = ({ tools }: Asked): boolean => tools.length === 0;

const PROVIDERS = ["openai-compatible", "anthropic"] as const;
const TOO_LONG = {
  "openai-compatible": {
    status: 400,
    code: "context_length_exceeded",
    trouble: "This model's maximum context length is 8192 tokens.",
  },
  anthropic: { status: 400, trouble: "prompt is too long: 9000 tokens > 8192 maximum" },
} as const;

describe.each(PROVIDERS)("a conversation with %s that comes near to what its model takes", (provider) => {
  it("is rid of old results first, which costs nothing, and says that they were there", async () => {
    const { server, app, runId, effects } = await opened(provider, [
      read("big.txt"),
      ...times(4, read("small.txt")),
      done,
    ]);
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    server.asked.forEach(expectPairs);
    expect(server.asked).toHaveLength(6);
    expect(server.asked.some(isSummary)).toBe(false);
    const last = server.asked.at(-1)?.text ?? "";
    expect(last).not.toContain("a whale");
    expect(last).toMatch(/Cleared to keep this conversation short: \d+ characters that fs_read answered/);
    expect(last).toContain("Do a");
    // The last turns are as they were.
    expect(last.split("a mouse")).toHaveLength(5);
    expect(await effects()).toMatchObject([
      {
        ...{ name: "compact: clear old results", class: "pure", risk: "none", status: "done" },
        value: { before: expect.any(Number), after: expect.any(Number), cuts: [{ keep: 0 }] },
      },
    ]);
  });

  it("is summed up by a call of its own where that is not enough: paid, counted, and the last turns stay", async () => {
    const { server, app, runId, effects } = await opened(
      provider,
      [read("mid.txt"), ...times(13, ponder), done],
      { summary: { text: "The horse was seen.", usage: [70, 7] } },
    );
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    server.asked.forEach(expectPairs);
    const asked = server.asked.findIndex(isSummary);
    expect(server.asked[asked]?.text).toMatch(/Do a.*CALL fs_read.*RESULT of fs_read: .*a horse/s);
    const [next, last] = [server.asked[asked + 1]?.text ?? "", server.asked.at(-1)?.text ?? ""];
    for (const text of [next, last]) {
      expect(text).toContain("You are an agent that works on one step of a plan");
      expect(text).toContain("Do a");
      expect(text).toContain("What was done so far");
      expect(text).toContain("The horse was seen.");
    }
    const { length } = server.asked.slice(0, asked);
    expect(length).toBeGreaterThan(2);
    // Three answers of the model, and what they were told.
    expect(next.match(/"fs_read"/g)).toHaveLength(3);
    const made = await effects();
    expect(made[0]).toMatchObject({
      name: "compact: summary",
      class: "guarded",
      risk: "paid",
      status: "done",
    });
    const { usage } = await app.view(runId);
    expect(usage).toMatchObject({ calls: server.asked.length, tokensIn: 70 * made.length });
  });

  it("is compacted once where the provider says that it is too long, and goes on", async () => {
    const { server, app, runId, effects } = await opened(
      provider,
      [read("mid.txt"), read("big.txt"), TOO_LONG[provider], done],
      { more: "contextTokens: 200000" },
    );
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    server.asked.forEach(expectPairs);
    const [, , refused, summary, after] = server.asked;
    expect(refused?.text).toContain("a whale");
    expect(isSummary(summary as Asked)).toBe(true);
    expect(server.asked).toHaveLength(5);
    // The last turn is there, and what is too long of it is not.
    expect(after?.text).toContain("Shortened: ");
    expect(after?.text.length).toBeLessThan((refused?.text.length ?? 0) * 0.7);
    expect((await effects()).map(({ name }) => name)).toEqual([
      "compact: summary",
      "compact: shorten results",
    ]);
  });

  it("ends the attempt with what the provider says where that does not help", async () => {
    const { server, app, runId } = await opened(
      provider,
      [read("big.txt"), TOO_LONG[provider], TOO_LONG[provider], done],
      { more: "contextTokens: 200000" },
    );
    const { run } = await app.drive(runId);
    expect(run.steps[0]?.feedback).toMatchObject({
      kind: "interrupted",
      reason: expect.stringContaining(TOO_LONG[provider].trouble),
    });
    expect(server.asked).toHaveLength(3);
  });

  it("goes on without a summary where there is none to be had, and the model is told so", async () => {
    const { server, app, runId } = await opened(provider, [...times(5, read("mid.txt")), done], {
      summary: TOO_LONG[provider],
    });
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    expect(server.asked.at(-1)?.text).toContain("Nothing is known of them");
    server.asked.forEach(expectPairs);
  });
});

it("is measured by what its provider counts, and by characters where it counts nothing", async () => {
  const counted = { ...read("small.txt"), usage: [5_000, 5] as const };
  const { server, app, runId, effects } = await opened("openai-compatible", [
    { ...read("mid.txt"), usage: [100, 5] },
    ...times(3, { ...read("small.txt"), usage: [100, 5] }),
    counted,
    done,
  ]);
  await app.drive(runId);
  expect((await effects()).map(({ name }) => name)).toEqual(["compact: clear old results"]);
  // Only the answer before the last one came of a conversation that was counted as long.
  expect(server.asked.at(-2)?.text).toContain("a horse");
  expect(server.asked.at(-1)?.text).not.toContain("a horse");
});

it("is not summed up beyond the budget: the run waits, and nothing is paid twice when it goes on", async () => {
  const turns = [...times(16, ponder), done];
  const { server, app, runId, effects } = await opened("openai-compatible", turns, {
    more: "contextTokens: 7000, outputTokens: 2000",
    settings: "budget: { tokens: 1000000 }\n",
  });
  const me = app.issue({ name: "ada", role: "human", sessionKey: "shop" });
  const { submit } = app.ledger;
  let spent = 0;
  // As a person does who has had enough when the summary is due.
  app.ledger.submit = async (...given) => {
    const [id, command] = given;
    const calls = command.type === "record_effects" ? command.entries : [];
    if (spent === 0 && calls.some((one) => one.kind === "intended" && one.call.name === "compact: summary")) {
      spent = 1;
      await submit(id, { type: "set_budget", budget: { tokens: 1 }, reason: "" }, me);
    }
    return submit(...given);
  };
  const stopped = await app.drive(runId);
  expect(stopped.run.state).toMatchObject({ status: "paused", reason: "budget" });
  expect(server.asked.some(isSummary)).toBe(false);
  const before = server.asked.length;
  await submit(runId, { type: "set_budget", budget: { tokens: 1_000_000 }, reason: "" }, me);
  await submit(runId, { type: "resume_run", reason: "", overrideStale: false }, me);
  const { run } = await app.drive(runId);
  expect(run.state.status).toBe("completed");
  expect(server.asked[before]?.tools).toEqual([]);
  expect(new Set(server.asked.map(({ text }) => text)).size).toBe(server.asked.length);
  expect((await effects())[0]).toMatchObject({ name: "compact: summary", status: "done" });
});

it.each(["compact: clear old results", "compact: summary", "compact: shorten results"])(
  "a crash at the record of %s loses and repeats nothing that was paid",
  async (name) => {
    const turns =
      name === "compact: clear old results"
        ? [read("big.txt"), ...times(4, read("small.txt")), done]
        : [...times(5, read("mid.txt")), read("big.txt"), TOO_LONG.anthropic, read("small.txt"), done];
    const { server, app, runId } = await opened("anthropic", turns);
    const { submit } = app.ledger;
    let isLost = false;
    app.ledger.submit = (...given) => {
      const [, command] = given;
      const ends = command.type === "record_effects" ? command.entries : [];
      isLost ||= ends.some((entry) => entry.kind === "settled" && entry.call.name === name);
      // As when the power goes: from here on nothing comes to the disk.
      if (isLost) throw new LedgerError("store_unavailable", "The disk is gone.");
      return submit(...given);
    };
    await expect(app.drive(runId)).rejects.toThrow("The disk is gone.");
    app.ledger.submit = submit;
    const { run } = await app.drive(runId);
    expect(run.state.status).toBe("completed");
    server.asked.forEach(expectPairs);
    const texts = server.asked.map(({ text }) => text);
    // The call whose record was lost is made again as it was, and no other.
    expect(texts.length - new Set(texts).size).toBe(name === "compact: clear old results" ? 0 : 1);
  },
);

it("is told in the list of effects, in the log, and by show", async () => {
  const { app, runId, shop } = await opened("anthropic", [...times(5, read("mid.txt")), done]);
  await app.drive(runId);
  const log = await readFile(app.agentLog(runId, "a", 1), "utf8");
  expect(log).toMatch(/compact: summary of \d turns: The horse was seen. \(1\)/);
  await app.close();
  const type = async (...argv: string[]) => typingIn(shop)({}, ...argv);
  const { out } = await type("show", "last");
  expect(out).toMatch(/compacted +a, attempt 1: (once|\d times), \d by a summary/);
  const { out: json } = await type("show", "last", "--json");
  expect(JSON.parse(json).compactions).toMatchObject([
    { stepId: "a", attempt: 1, summaries: expect.any(Number) },
  ]);
  expect((await type("effects", "last")).out).toContain("compact: summary");
});
