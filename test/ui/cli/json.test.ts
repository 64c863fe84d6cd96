import { afterAll, beforeAll, expect, it } from "vitest";
import { type Desk, openDesk, planOf, shapeOf, shop, step } from "../../helpers/cli.js";

/** Names and kinds of fields are a promise to programs: a change here is one for the changelog and `schemaVersion`. */

let desk: Desk;
let done: string;
let stuck: string;
beforeAll(async () => {
  desk = await openDesk(shop);
  const criterion = {
    description: "it is there",
    validator: { type: "command_pass", target: "cat out/a.txt" },
  };
  const plan = await planOf(desk, "done.json", [step("a", "maker")], { acceptance_criteria: [criterion] });
  done = (await desk.type("run", plan)).out.trim();
  stuck = (await desk.type("run", await planOf(desk, "stuck.json", [step("a", "liar")]))).out.trim();
});
afterAll(() => desk.dispose());

type Shape = Readonly<Record<string, unknown>>;
const shape = async (...argv: string[]) => shapeOf(await desk.json(...argv)) as Shape;

it("list", async () => {
  expect(await shape("list", "--status", "paused")).toMatchInlineSnapshot(`
    {
      "runs": [
        {
          "blocker": "string",
          "createdAt": "string",
          "goal": "string",
          "interrupted": "boolean",
          "lastHash": "string",
          "lastSeq": "number",
          "quarantine": "null",
          "runId": "string",
          "runnable": "boolean",
          "sessionKey": "string",
          "status": "string",
          "stepsCompleted": "number",
          "stepsTotal": "number",
          "updatedAt": "string",
        },
      ],
      "schemaVersion": "number",
    }
  `);
});

it("show: the answer and its run", async () => {
  const { run, ...answer } = await shape("show", done);
  const { steps, criteria, ...rest } = run as Shape;
  expect(answer).toMatchInlineSnapshot(`
    {
      "currentBlocker": "null",
      "currentStepId": "null",
      "interrupted": "boolean",
      "origin": "null",
      "policyRequests": [],
      "schemaVersion": "number",
      "waiting": {
        "for": "string",
        "hint": "null",
        "sentence": "string",
        "stepId": "null",
      },
    }
  `);
  expect(rest).toMatchInlineSnapshot(`
    {
      "base": "string",
      "createdAt": "string",
      "createdBy": {
        "name": "string",
        "role": "string",
      },
      "forkedFrom": "null",
      "goal": "string",
      "head": "string",
      "lastLostEpoch": "number",
      "notes": {},
      "originalRequest": "string",
      "planDigest": "string",
      "protect": [],
      "runId": "string",
      "seq": "number",
      "sessionKey": "string",
      "state": {
        "at": "string",
        "status": "string",
        "summary": "string",
      },
      "updatedAt": "string",
      "waivers": [],
      "workersLost": "number",
      "workspaceIsolation": "boolean",
    }
  `);
  expect(criteria).toMatchObject([
    { spec: { description: "string" }, state: { status: "string", at: "string" } },
  ]);
  expect(steps).toHaveLength(1);
});

it("show: a step and its verdict", async () => {
  const { run } = (await shape("show", done)) as { run: { steps: [{ state: Shape }] } };
  const { state, ...one } = run.steps[0];
  const { verdict, ...completed } = state;
  expect(one).toMatchInlineSnapshot(`
    {
      "attempt": "number",
      "base": "string",
      "feedback": "null",
      "fresh": "boolean",
      "lastDecision": "null",
      "retryCount": "number",
      "spec": {
        "dependsOn": [],
        "goal": "string",
        "id": "string",
        "maxRetries": "number",
        "mayChange": {
          "only": "boolean",
          "paths": [],
        },
        "ownerAgent": "string",
        "toolProfile": [
          "string",
        ],
        "validator": {
          "params": {},
          "target": "string",
          "type": "string",
        },
      },
    }
  `);
  expect(completed).toMatchInlineSnapshot(`
    {
      "completedAt": "string",
      "how": "string",
      "proposal": {
        "at": "string",
        "capture": {
          "base": "string",
          "commit": "string",
          "filesChanged": "number",
          "patch": "string",
          "tree": "string",
        },
        "evidence": [],
        "result": "string",
        "seq": "number",
      },
      "status": "string",
    }
  `);
  expect(verdict).toMatchInlineSnapshot(`
    {
      "base": "string",
      "command": "null",
      "commit": "string",
      "conflicts": [],
      "counts": "null",
      "durationMs": "number",
      "exitCode": "null",
      "head": "string",
      "isolationLevel": "number",
      "log": "null",
      "message": "string",
      "missing": [],
      "outcome": "string",
      "proposalSeq": "number",
      "protectedPaths": [],
      "provision": [],
      "reason": "string",
      "signal": "null",
      "tail": "string",
      "tree": "string",
      "validator": {
        "digest": "string",
        "target": "string",
        "type": "string",
      },
    }
  `);
});

it("show: an open policy request, and what may answer it", async () => {
  const { policyRequests } = await desk.json("show", stuck);
  expect(policyRequests).toMatchObject([
    { allowedActions: ["retry", "decompose", "change_agent", "change_validator", "skip", "abort"] },
  ]);
  const [{ verdict, ...request }] = shapeOf(policyRequests) as [{ verdict: Shape }];
  expect(request).toMatchInlineSnapshot(`
    {
      "allowedActions": [
        "string",
      ],
      "attempt": "number",
      "maxRetries": "number",
      "reason": "string",
      "retryCount": "number",
      "stepGoal": "string",
      "stepId": "string",
    }
  `);
  expect(verdict).toMatchObject({ outcome: "string", reason: "string", message: "string" });
});

it("why", async () => {
  expect(await shape("why", stuck)).toMatchInlineSnapshot(`
    {
      "for": "string",
      "hint": "string",
      "runId": "string",
      "schemaVersion": "number",
      "sentence": "string",
      "status": "string",
      "stepId": "string",
    }
  `);
  expect(await shape("why", done)).toMatchObject({ for: "string", hint: "null", stepId: "null" });
});

it("journal", async () => {
  expect(await shape("journal", done, "--type", "step_started")).toMatchInlineSnapshot(`
    {
      "actor": {
        "name": "string",
        "role": "string",
      },
      "at": "string",
      "attempt": "number",
      "hash": "string",
      "payload": {
        "agent": "string",
        "base": "string",
        "stepId": "string",
      },
      "position": "number",
      "prevHash": "string",
      "runId": "string",
      "schemaVersion": "number",
      "seq": "number",
      "sessionKey": "string",
      "type": "string",
      "version": "number",
    }
  `);
});

it("logs", async () => {
  const { verdict, ...logs } = await shape("logs", stuck, "a");
  expect(logs).toMatchInlineSnapshot(`
    {
      "agent": "string",
      "attempt": "number",
      "judge": "null",
      "runId": "string",
      "schemaVersion": "number",
      "stepId": "string",
    }
  `);
  expect(verdict).toMatchObject({ outcome: "string", tail: "string" });
});

it("commands that act", async () => {
  const answer = await shape("policy", stuck, "a", "retry", "--reason", "again");
  expect(answer).toMatchInlineSnapshot(`
    {
      "for": "string",
      "hint": "string",
      "runId": "string",
      "schemaVersion": "number",
      "sentence": "string",
      "status": "string",
      "stepId": "null",
    }
  `);
  expect(await shape("cancel", stuck)).toEqual({ ...answer, hint: "null" });
});
