import { expect, test } from "vitest";
import { ValidatorType } from "../../src/core/spec.js";
import { Judgement } from "../../src/core/verdict.js";
import { judge, validators } from "../../validators/index.js";
import type { Room } from "../../validators/room.js";

test("there is one validator for each wire name and no other", () => {
  expect(Object.keys(validators).sort()).toEqual([...ValidatorType.options].sort());
});

test("orchestrator_approval never passes by itself and looks at nothing", async () => {
  const judgement = await judge({ type: "orchestrator_approval", target: "", params: {} }, {} as Room);
  expect(Judgement.parse(judgement)).toMatchObject({ outcome: "failed", reason: "awaiting_approval" });
  expect(judgement.hint).toContain("run_approve_step");
});
