import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { ReadStream, WriteStream } from "node:tty";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
