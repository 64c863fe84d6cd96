import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { ReadStream, WriteStream } from "node:tty";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PLAN_TEXT_CHARS } from "../../../src/index.js";
import { type Desk, openDesk, planOf, shop, step, type Typed } from "../../helpers/cli.js";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk(shop);
});
afterAll(() => desk.dispose());

const TEXT = '{"goal":"mine"}';

/** Nothing here reads or writes it: it is there. */
const tty = () => ({
  input: Object.create(ReadStream.prototype) as ReadStream,
  output: Object.create(WriteStream.prototype) as WriteStream,
});

/** `plan edit` with an editor that does this to the file "$1". */
const edited = async (runId: string, script: string): Promise<Typed> => {
  await desk.write({ "../editor.sh": `touch ${desk.place}/opened\n${script}\n` });
  rmSync(join(desk.place, "opened"), { force: true });
  const env = { VISUAL: undefined, EDITOR: `sh ${join(desk.place, "editor.sh")}` };
  return desk.typeWith({ env, tty }, "plan", "edit", runId);
};
const wasOpened = (): boolean => existsSync(join(desk.place, "opened"));

describe("a plan that is piped in", () => {
  const plan = { goal: "Sums", steps: [step("a", "maker")] };
  const yaml = `goal: Sums\nsteps:\n  - ${JSON.stringify(step("a", "maker"))}\n`;
  it.each([
    ["YAML", yaml],
    ["JSON", JSON.stringify(plan)],
    ["what a model answered", `Here it is:\n\`\`\`json\n${JSON.stringify(plan)}\n\`\`\`\n`],
  ])("is taken for what it is: %s", async (_what, text) => {
    const shown = await desk.typeWith(
      { input: Readable.from([text.slice(0, 9), text.slice(9)]) },
      "plan",
      "show",
      "-",
    );
    expect([shown.err, shown.code]).toEqual(["", 0]);
    expect(shown.out).toContain("Sums");
    const begun = await desk.typeWith({ input: Readable.from([text]) }, "run", "-", "--no-drive");
    expect([begun.code, begun.out]).toEqual([0, expect.stringMatching(/^run_/)]);
    expect(await desk.json("show", begun.out.trim())).toMatchObject({
      run: { originalRequest: "runledger run -" },
    });
  });

  it("is refused where it is none, and where it is longer than a plan may be", async () => {
    const of = async (text: string) =>
      (await desk.typeWith({ input: Readable.from([text]) }, "run", "-")).err;
    expect(await of("goal: [\n")).toMatch(/^error \[parse_failed\]: 1 defect in the YAML: stdin:\d+:\d+: /);
    expect(await of("I would rather talk about it.")).toMatch(/^error \[parse_failed\]: stdin: /);
    expect(await of("x".repeat(PLAN_TEXT_CHARS + 1))).toContain(`a plan has at most ${PLAN_TEXT_CHARS}.`);
  });

  it("becomes the plan of a run that waits for one", async () => {
    const runId = (await desk.type("run", "--goal", "sums", "--planner", "maker", "--no-drive")).out.trim();
    const input = Readable.from([yaml]);
    expect((await desk.typeWith({ input }, "plan", "edit", runId, "--file", "-")).code).toBe(0);
    expect((await desk.type("journal", runId, "--json")).out).toContain("plan_attached");
  });
});

describe("plan edit", () => {
  it("opens no editor for a run that takes no plan any more", async () => {
    const plan = await planOf(desk, "plan.json", [step("a", "maker")]);
    const runId = (await desk.type("run", plan, "--no-drive")).out.trim();
    const { code, err } = await edited(runId, "");
    expect([code > 0, err]).toEqual([true, expect.stringContaining("error [run_not_planning]")]);
    expect(wasOpened()).toBe(false);
  });

  it("records nothing when its editor fails, and says where the text is that was written", async () => {
    const asked = ["--goal", "sums", "--planner", "maker", "--no-drive"];
    const runId = (await desk.type("run", ...asked)).out.trim();
    const { err } = await edited(runId, `printf '%s' '${TEXT}' > "$1"\nexit 3`);
    expect(wasOpened()).toBe(true);
    expect(err).toContain("The editor ended with 3; nothing was recorded.");
    const [, file = ""] = /What you wrote is in (\S+);/.exec(err) ?? [];
    expect(readFileSync(file, "utf8")).toBe(TEXT);
    rmSync(dirname(file), { recursive: true });
    expect((await edited(runId, "exit 3")).err).toContain("The plan was not changed; nothing was recorded.");
    expect((await desk.type("journal", runId, "--json")).out).not.toContain("plan_attached");
  });
});
