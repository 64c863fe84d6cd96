import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStage, type Stage } from "../../helpers/scenes.js";

let stage: Stage;
let id: string;
beforeAll(async () => {
  stage = await openStage();
  id = stage.run("doubtful");
});
afterAll(() => stage.desk.dispose());

const typed = async (...argv: string[]) => {
  const { code, out, err } = await stage.desk.type(...argv);
  return { code, text: stage.desk.masked(out + err) };
};
const decide = (...words: string[]) =>
  typed("decide", id, "a", "1", ...words, "--reason", "the bank shows it");

describe("a run that asks what became of an effect", () => {
  it("says so wherever one looks, with the command to give", async () => {
    expect((await typed("why", id)).text).toMatchInlineSnapshot(`
      "It is paused because of step "a": effect 1 "pay" had begun, and nobody knows whether it happened.
        runledger decide RUN a 1 rerun|skip|done [--value JSON] --reason "…", then: runledger resume RUN
      "
    `);
    expect((await typed("show", id)).text).toContain("a: 2 recorded, 1 asked");
    expect((await typed("list")).text).toContain('effect 1 "pay" had begun');
    expect((await typed("journal", id, "--type", "effect_decided")).text).toContain("a: effect 1: fail (");
  });

  it("lists them, and shows one with its result", async () => {
    expect((await typed("effects", id)).text).toMatchInlineSnapshot(`
      "STEP  ATTEMPT  EFFECT  NAME  CLASS          STATUS  TIME                      LAST WORD
      a     1             0  look  pure           done    TIME
      a     1             1  pay   guarded money  asked   TIME  a person decides: runledger decide
      Blocked keys: order-7
      "
    `);
    expect((await typed("effects", id, "a", "0")).text).toMatchInlineSnapshot(`
      "effect   0 look
      step     a, attempt 1
      class    pure
      status   done
      settled  TIME
      key      DIGEST (of its position)
      {
        "due": 7
      }
      "
    `);
    expect((await typed("effects", id, "a", "1")).text).toMatchInlineSnapshot(`
      "effect    1 pay
      step      a, attempt 1
      class     guarded money; in doubt: fail
      status    asked
      begun     TIME
      key       order-7
      decision  fail by engine: Whether effect 1 "pay" happened is not known: whoever did it was lost on the way.
      "
    `);
    expect((await typed("effects", stage.run("done"))).text).toBe("No effects are recorded.\n");
  });

  it("refuses what is not there (4), and what cannot be understood (2)", async () => {
    const errors = [
      await typed("effects", id, "b"),
      await typed("effects", id, "a", "9"),
      await decide("done"),
      await decide("done", "--value", "paid"),
      await decide("skip", "--value", "1"),
      await typed("decide", id, "a", "0", "rerun", "--reason", "again"),
    ];
    expect(errors.map(({ code }) => code)).toEqual([4, 4, 2, 2, 2, 5]);
    for (const { text } of errors) expect(text).toMatch(/^error \[\w+\]: .*\nhint: /);
  });

  it("takes what it answered from whoever found out, and goes on when it is resumed", async () => {
    expect(
      (await decide("done", "--value", '{"id":7}', "--idempotency-key", "k")).text,
    ).toMatchInlineSnapshot(`
      "RUN paused
      It is paused; every request is answered.
        runledger resume RUN
      "
    `);
    expect((await decide("done", "--value", '{"id":7}', "--idempotency-key", "k")).code).toBe(0);
    expect((await decide("rerun")).code).toBe(5);
    expect((await typed("effects", id, "a", "1")).text).toContain('"id": 7');
    expect((await typed("effects", id, "--open")).text).toBe("No effects are open.\n");
  });
});
