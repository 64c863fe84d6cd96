import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { serveLedger } from "../../../src/ui/mcp/ledger-side.js";
import type { Asked, Question } from "../../../src/ui/mcp/line.js";
import { makeSample, type Sample } from "../../helpers/project.js";

let shop: Sample;
beforeEach(async () => {
  shop = await makeSample({ "README.md": "# A shop\n" });
});
afterEach(() => shop.dispose());

const ada = { name: "ada", role: "orchestrator", sessionKey: "test" } as const;

/** What is answered to these, line by line in the order of their asking. */
const answersTo = async (questions: readonly Question[], of: Partial<{ env: object; as: Asked["as"] }> = {}) => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const env = { ...shop.env, ...of.env };
  const served = serveLedger({ input, output, env, projectDir: shop.repo, toolAgents: [] });
  for (const [id, question] of questions.entries())
    input.write(`${JSON.stringify({ id, as: of.as ?? ada, question })}\n`);
  input.end();
  await served;
  output.end();
  const lines = (await text(output)).trim().split("\n");
  const told = lines.map((line) => JSON.parse(line) as { id: number; value?: unknown; error?: unknown });
  return told.sort((one, other) => one.id - other.id);
};

it("takes secrets out of what it says, and leaves lines whole that look like one", async () => {
  const env = { FIRST_TOKEN: `","role":"`, SECOND_TOKEN: "tester-of-tests" };
  const as = { ...ada, name: "tester-of-tests" };
  expect(await answersTo([{ kind: "who" }], { env, as })).toEqual([
    { id: 0, value: { ...ada, name: "[redacted:SECOND_TOKEN]" } },
  ]);
});
