import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { isLedgerError } from "../../../src/index.js";
import { type LedgerProcess, ledgerProcess } from "../../../src/ui/mcp/ledger-process.js";

/** Real processes at the other end of a real pipe; what they say is the test's. */

const nobody = { credential: "none" };
const opened: LedgerProcess[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

/** Runs `body` for each line that it is asked, as `asked`; `say` answers with a line. */
const processThat = (body: string) => {
  const remarks: string[] = [];
  const clock = { ms: 1_000 };
  const script = `
    const say = (line) => process.stdout.write((typeof line === "string" ? line : JSON.stringify(line)) + "\\n");
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const asked = JSON.parse(line);
      ${body}
    });`;
  const ledger = ledgerProcess({
    command: [process.execPath, "-e", script],
    ...{ cwd: ".", env: process.env },
    passing: () => clock.ms,
    remark: (sentence) => {
      remarks.push(sentence);
      clock.ms += 20_000;
    },
  });
  opened.push(ledger);
  return { ledger, remarks };
};

describe("what the ledger's process says", () => {
  it("that is no answer is remarked, and the answer behind it is heard", async () => {
    const { ledger, remarks } = processThat(`
      for (const line of ["(node) Warning: {", "7", "null", "{}", '{"id":1}']) say(line);
      say({ id: asked.id, value: { name: "ada" } });`);
    expect(await ledger.ask(nobody, { kind: "who" })).toEqual({ name: "ada" });
    expect(remarks).toHaveLength(5);
    expect(remarks[0]).toBe("The ledger's process said what is no answer: (node) Warning: {");
  });

  it("of a refusal stays that refusal, and of a mistake in a tool stays a mistake", async () => {
    const { ledger } = processThat(`
      const code = asked.id === 1 ? "run_not_found" : "unexpected";
      say({ id: asked.id, error: { code, message: "x is not a function", hint: "Look." } });`);
    const refused = await ledger.ask(nobody, { kind: "who" }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "run_not_found", hint: "Look." });
    const mistake = await ledger.ask(nobody, { kind: "who" }).catch((error: unknown) => error);
    expect([isLedgerError(mistake), (mistake as Error).message]).toEqual([false, "x is not a function"]);
  });
});

describe("a call whose process ended", () => {
  const tool = { kind: "tool", name: "run_propose_step_result", input: {} } as const;

  it.each([
    [45_000, 25_000],
    [10_000, 0],
    [undefined, undefined],
  ])("that may wait for %s ms is asked again for what is left of them", async (waitMs, left) => {
    const ended = join(mkdtempSync(join(tmpdir(), "runledger-ended-")), "once");
    const { ledger, remarks } = processThat(`
      const fs = require("node:fs");
      if (!fs.existsSync(${JSON.stringify(ended)})) {
        fs.writeFileSync(${JSON.stringify(ended)}, line);
        process.exit(1);
      }
      say({ id: asked.id, value: asked.question });`);
    const question = { ...tool, ...(waitMs === undefined ? {} : { waitMs }) };
    const again = await ledger.ask(nobody, question);
    expect(JSON.parse(readFileSync(ended, "utf8"))).toMatchObject({ question });
    expect([again.waitMs, remarks.length]).toEqual([left, 1]);
    rmSync(dirname(ended), { recursive: true });
  });

  it("that waits for a decision is asked again for what is left of its wait", async () => {
    const ended = join(mkdtempSync(join(tmpdir(), "runledger-ended-")), "once");
    const { ledger } = processThat(`
      const fs = require("node:fs");
      if (!fs.existsSync(${JSON.stringify(ended)})) {
        fs.writeFileSync(${JSON.stringify(ended)}, line);
        process.exit(1);
      }
      say({ id: asked.id, value: asked.question });`);
    const input = { intentId: "run_1.1", waitMs: 25_000 };
    const again = await ledger.ask(nobody, { kind: "gate", method: "waitForDecision", input, callKey: "k" });
    expect(again).toMatchObject({ input: { intentId: "run_1.1", waitMs: 5_000 } });
    rmSync(dirname(ended), { recursive: true });
  });
});

it("A call that nobody waits for any more is told to the process, and refused here", async () => {
  const { ledger } = processThat(`
    if ("dropped" in asked) say({ id: 2, value: asked });`);
  const gone = new AbortController();
  const dropped = ledger.ask(nobody, { kind: "who" }, { gone: gone.signal });
  const heard = ledger.ask(nobody, { kind: "who" });
  gone.abort();
  await expect(dropped).rejects.toMatchObject({ code: "worker_unreachable" });
  expect(await heard).toEqual({ dropped: 1 });
});

describe("what would not arrive as it was sent", () => {
  const nested = (levels: number): unknown => {
    let value: unknown = 1;
    for (let level = 0; level < levels; level += 1) value = [value];
    return value;
  };

  it.each([
    ["nested deeper than", nested(40_000)],
    ["too large", JSON.parse("[1e400]")],
    ["__proto__", JSON.parse('{"a":{"__proto__":{"b":1}}}')],
  ])("is refused and asked of nobody, and what is asked goes on: %s", async (why, value) => {
    const { ledger, remarks } = processThat("say({ id: asked.id, value: asked.question.input });");
    const ask = (input: unknown) =>
      ledger.ask(nobody, { kind: "tool", name: "run_note", input } as Parameters<typeof ledger.ask>[1]);
    await expect(ask({ value })).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringContaining(why),
    });
    expect(await ask({ value: nested(90) })).toEqual({ value: nested(90) });
    expect(remarks).toEqual([]);
  });
});
