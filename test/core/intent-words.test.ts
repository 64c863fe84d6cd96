import { describe, expect, it } from "vitest";
import { because } from "../../src/core/because.js";
import { intentMessage } from "../../src/core/intent-words.js";
import * as cast from "../helpers/cast.js";
import { orchestrator, person } from "../helpers/cast.js";
import * as gates from "../helpers/gates.js";
import { gateContext, gateRules } from "../helpers/gates.js";
import { given, played, playedOn, rules } from "../helpers/given.js";

const world = { rules: { ...rules, gate: gateRules }, gate: gateContext };
const AT = "2026-01-01T00:00:00.000Z";

describe("the reason behind a clause", () => {
  it.each([
    ["", "."],
    ["  ", "."],
    ["not these", ": not these."],
    ["not these.", ": not these."],
    ["why?", ": why?"],
    ["“No.”", ": “No.”."],
    ['he said "no."', ': he said "no."'],
  ])("%j ends as a sentence does", (reason, words) => {
    expect(because(reason)).toBe(words);
  });
});

describe("what is said of an intent", () => {
  const proposed = (policy: string) =>
    playedOn(played(cast.startTracked()), world, [gates.proposeIntent({ policy }), orchestrator]);
  const denied = (reason: string) => {
    const after = playedOn(proposed("ask"), world, [gates.vote("deny", { reason }), person]);
    return gates.newest(after) ?? expect.unreachable("it was proposed");
  };

  it("has its reason as a sentence of its own, whether it was written as one or not", () => {
    for (const reason of ["not these leads", "not these leads."])
      expect(intentMessage(denied(reason), AT)).toBe(
        "It was denied: not these leads. It was NOT executed, and will not be.",
      );
    expect(intentMessage(gates.newest(proposed("not there")) ?? expect.unreachable(), AT)).toBe(
      'The policy "not there" blocks it: There is no such policy. It was NOT executed, and will not be.',
    );
  });

  it("is so too where it is asked for all the same", () => {
    const run = playedOn(proposed("ask"), world, [
      gates.vote("deny", { reason: "not these leads." }),
      person,
    ]);
    const { message } = given(run, world)
      .when(gates.orderIntent(), orchestrator)
      .thenRefuses("intent_not_approved");
    expect(message).toMatch(/ is denied: not these leads\. Nothing was executed\.$/);
  });
});
