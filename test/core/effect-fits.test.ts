import { describe, expect, test } from "vitest";
import { isEffectEvent } from "../../src/core/effect-fits.js";
import { EventBody } from "../../src/core/events.js";
import * as limit from "../../src/core/limits.js";

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const call = {
  position: 3,
  name: "charge",
  class: "guarded",
  risk: "money",
  onAmbiguous: "fail",
  key: "order-17",
  input: "f00d",
};
const bare = { ...call, class: "pure", risk: "none", onAmbiguous: null, key: null, input: null };
const done = { kind: "done", value: { kind: "inline", json: '{"ok":true}' } };
const bodyOf = (type: string, payload: Json) => ({ type, version: 1, attempt: 2, payload });

const usual = [
  bodyOf("effect_intended", { stepId: "a", call }),
  bodyOf("effect_settled", { stepId: "a", position: 3, call: null, outcome: done }),
  bodyOf("effect_settled", { stepId: "a", position: 3, call: bare, outcome: done }),
];

const rare = [
  bodyOf("effect_intended", { stepId: "a", candidate: 1, call }),
  bodyOf("effect_intended", { stepId: "a", call, atMost: { tokens: 7, nanoUsd: null } }),
  bodyOf("effect_settled", { stepId: "a", position: 3, call: null, outcome: { kind: "skipped" } }),
  bodyOf("effect_settled", { stepId: "a", position: 3, call: null, outcome: done, spent: [] }),
  bodyOf("timer_fired", { stepId: "a", position: 3 }),
];

const OTHERS: readonly Json[] = [
  ...[null, true, -1, 0, 1, 2, 1.5, 2 ** 53, "", "a", "inline", "failed", [], {}, [{}], { kind: "inline" }],
  ...["idempotent", "notify", "rerun", "effect_settled", "effect_intended"],
  ...[limit.EFFECT_NAME_CHARS, limit.EFFECT_KEY_CHARS].flatMap((most) => [
    "n".repeat(most),
    "n".repeat(most + 1),
  ]),
];

/** The value, once with each member of each object left out, made another one, or with one more beside it. */
function* changed(value: Json): Generator<Json> {
  if (value === null || typeof value !== "object") return;
  for (const [key, member] of Object.entries(value)) {
    const { [key]: _gone, ...rest } = value as Record<string, Json>;
    yield rest;
    for (const other of OTHERS) yield { ...value, [key]: other };
    for (const inner of changed(member)) yield { ...value, [key]: inner };
  }
  yield { ...value, more: 1 };
  yield JSON.parse(`{"__proto__":1,${JSON.stringify(value).slice(1)}`) as Json;
}

/** What is read of a row: its columns, and what its text says. */
function* changedRow(body: ReturnType<typeof bodyOf>): Generator<Json> {
  for (const payload of changed(body.payload)) yield { ...body, payload };
  for (const column of ["type", "version", "attempt", "payload"])
    for (const other of OTHERS) yield { ...body, [column]: other };
}

const looksWell = (body: Json): boolean => isEffectEvent(body as Parameters<typeof isEffectEvent>[0]);

describe("What is told of an effect's event by looking alone", () => {
  test.each(usual)("is that it fits: $type", (body) => {
    expect(looksWell(body)).toBe(true);
    expect(EventBody.parse(body)).toEqual(body);
  });

  test("is left to its schema where it is rarer", () => {
    for (const body of rare) {
      expect(looksWell(body)).toBe(false);
      expect(EventBody.safeParse(body).success).toBe(true);
    }
  });

  test("is never more than its schema says, whatever is changed in it", () => {
    const told = { fit: 0, unfit: 0 };
    for (const body of usual)
      for (const other of changedRow(body)) {
        const text = JSON.stringify(other);
        const { data } = EventBody.safeParse(JSON.parse(text));
        if (looksWell(JSON.parse(text) as Json)) {
          expect(data, text).toEqual(other);
          told.fit += 1;
        } else if (data === undefined) told.unfit += 1;
      }
    expect(told.fit).toBeGreaterThan(20);
    expect(told.unfit).toBeGreaterThan(500);
  });
});
