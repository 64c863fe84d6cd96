import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, expectTypeOf, it } from "vitest";
import { createRedactor } from "../../src/core/redact.js";
import { signedCredentials } from "../../src/ledger/signed.js";
import { callerFaces } from "../../tools/callers.js";
import type { ToolAnswer, ToolKit } from "../../tools/kit.js";
import { mcpTools } from "../../tools/mcp.js";
import type { ToolHost } from "../../tools/tool.js";
import { type Bench, openBench, planOfSteps, stepBy } from "../helpers/bench.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { SESSION } from "../helpers/project.js";

const HOUR_MS = 3_600_000;
/** Longer than what a refusal quotes of any text. */
const LONG_SECRET = Array.from({ length: 9 }, (_, n) => `q7zt${n}p4wx-`).join("");

const signedBy = ({ ledger }: ToolHost) => signedCredentials(ledger, () => new Uint8Array(32).fill(7));
const kitsOf = (bench: Bench) => {
  return callerFaces(bench.host, signedBy(bench.host));
};
const leaderOf = (bench: Bench): ToolKit =>
  kitsOf(bench).toolKit(bench.issue("orchestrator", { role: "orchestrator" }));
const coderOf = (bench: Bench, over = {}): ToolKit => kitsOf(bench).toolKit(bench.issue("coder", over));

const plan = planOfSteps(stepBy("a", "exit 7"));
const made = { plan_json: JSON.stringify(plan), original_request: "please" };

/** The value of an answer that is none. */
const valueIn = (answer: ToolAnswer): Readonly<Record<string, unknown>> =>
  answer.ok ? answer.value : expect.unreachable(answer.text);
const refusalIn = (answer: ToolAnswer) => {
  expect(answer.ok, answer.text).toBe(false);
  return answer.ok ? expect.unreachable() : answer.error;
};

type Schema = Readonly<Record<string, unknown>>;
const propertiesOf = (schema: Schema) => Object.entries((schema.properties ?? {}) as Record<string, Schema>);
/** The schema and each one in it. */
const allIn = (schema: Schema): Schema[] => [
  schema,
  ...propertiesOf(schema).flatMap(([, part]) => allIn(part)),
  ...(schema.items === undefined ? [] : allIn(schema.items as Schema)),
];

/** Of inputs that a tool takes, some with what may be left out. */
const inputs: Readonly<Record<string, readonly Schema[]>> = {
  run_create: [made, { ...made, valid_agents: ["coder"], session_key: SESSION, idempotency_key: "k" }],
  run_apply_policy: [
    { run_id: "r", step_id: "s", action: "retry", reason: "again" },
    { run_id: "r", step_id: "s", action: "retry", reason: "again", fresh: true, attempt: 2 },
  ],
  run_approve_step: [
    { run_id: "r", step_id: "s" },
    { run_id: "r", step_id: "s", reject: true, proposal_seq: 4 },
  ],
  run_pause: [{ run_id: "r" }, { run_id: "r", reason: "wait" }],
  run_resume: [{ run_id: "r" }, { run_id: "r", reason: "on" }],
  run_start_step: [{ run_id: "r", step_id: "s" }],
  run_propose_step_result: [{ run_id: "r", step_id: "s", result: "done", evidence_json: "[]" }],
  intent_propose: [
    { run_id: "r", destination: "mail", policy: "p", payload: "hello", idempotency_key: "k" },
    { run_id: "r", destination: "mail", policy: "p", payload: "hello", idempotency_key: "k", value_usd: 0.5 },
  ],
  intent_status: [{ run_id: "r", intent_id: "r.2" }],
  run_read: [{ run_id: "r" }, { run_id: "r", after_step: "s" }],
  run_active: [{ run_id: "r" }],
  run_note: [
    { run_id: "r", key: "k" },
    { run_id: "r", key: "k", value: "v" },
  ],
};

/** What is listed of a caller; nothing of it is called. */
const listedFor = (role: "orchestrator" | "executor"): ToolKit => {
  const host = { ledger: { redactor: NO_SECRETS }, settleMs: 0 } as unknown as ToolHost;
  return callerFaces(host, signedBy(host)).toolKit({ name: "ada", role, sessionKey: SESSION });
};

describe("definitions for providers", () => {
  const kits = { orchestrator: listedFor("orchestrator"), executor: listedFor("executor") } as const;
  const all = Object.values(kits).flatMap((kit) =>
    kit.tools.map((about, at) => ({
      about,
      chat: kit.openaiChat[at] ?? expect.unreachable(),
      responses: kit.openaiResponses[at] ?? expect.unreachable(),
      anthropic: kit.anthropic[at] ?? expect.unreachable(),
    })),
  );
  const ajv = new Ajv2020({ strict: true });

  it.each(["orchestrator", "executor"] as const)("are those of MCP for the role (%s)", (role) => {
    const listed = mcpTools(role);
    expect(kits[role].tools).toEqual(
      listed.map(({ name, title, description, inputSchema }) => ({ name, title, description, inputSchema })),
    );
    const names = listed.map(({ name }) => name);
    expect(kits[role].openaiChat.map((tool) => tool.function.name)).toEqual(names);
    expect(kits[role].openaiResponses.map(({ name }) => name)).toEqual(names);
    expect(kits[role].anthropic.map(({ name }) => name)).toEqual(names);
  });

  it.each(all)("of $about.name keep to what OpenAI's strict mode takes", ({ about, chat, responses }) => {
    const { name, description, parameters, strict } = chat.function;
    expect({ type: "function", ...chat.function }).toEqual(responses);
    expect(strict).toBe(true);
    expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(description.length).toBeLessThanOrEqual(1_024);
    expect(parameters.type).toBe("object");
    for (const schema of allIn(parameters)) {
      const keywords = [
        "type",
        "description",
        "enum",
        "items",
        "properties",
        "required",
        "additionalProperties",
      ];
      expect(Object.keys(schema).filter((keyword) => !keywords.includes(keyword))).toEqual([]);
      if (schema.type !== "object") continue;
      expect(schema.additionalProperties).toBe(false);
      expect(schema.required).toEqual(propertiesOf(schema).map(([key]) => key));
    }
    const takes = ajv.compile(parameters);
    const keys = propertiesOf(parameters).map(([key]) => key);
    for (const input of inputs[about.name] ?? []) {
      const whole = Object.fromEntries(keys.map((key) => [key, input[key] ?? null]));
      expect(takes(whole), JSON.stringify(takes.errors)).toBe(true);
      expect(takes({ ...whole, nobody_knows: 1 })).toBe(false);
    }
  });

  it.each(all)("of $about.name keep to what Anthropic's strict mode takes", ({ about, anthropic }) => {
    for (const schema of allIn(anthropic.input_schema)) {
      expect(typeof schema.type, "no unions").toBe("string");
      for (const bound of ["minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "$schema"])
        expect(schema).not.toHaveProperty(bound);
      if (schema.type === "object") expect(schema.additionalProperties).toBe(false);
    }
    const takes = ajv.compile(anthropic.input_schema);
    for (const input of inputs[about.name] ?? []) {
      expect(takes(input), JSON.stringify(takes.errors)).toBe(true);
      expect(takes({ ...input, nobody_knows: 1 })).toBe(false);
      expect(takes({})).toBe(false);
    }
  });

  it.each(Object.entries(kits))(
    "of one role (%s) have no more optional keys than a request may",
    (_role, kit) => {
      const optional = kit.anthropic.flatMap(({ input_schema }) => {
        const required = input_schema.required as readonly string[];
        return propertiesOf(input_schema).filter(([key]) => !required.includes(key));
      });
      expect(optional.length).toBeLessThanOrEqual(24);
    },
  );

  it.each(all)("of $about.name say of each key that may be left out what it is", ({ about }) => {
    const required = about.inputSchema.required as readonly string[];
    for (const [key, part] of propertiesOf(about.inputSchema))
      if (!required.includes(key) && key !== "reason") expect(part.description, key).toMatch(/\.$/);
  });
});

describe("a call", () => {
  it("takes the arguments as an object or as JSON, and null for what is left out", async () => {
    const bench = await openBench({ isolated: false });
    const leader = leaderOf(bench);
    const first = await leader.call("run_create", { ...made, valid_agents: null, idempotency_key: "once" });
    const again = await leader.call("run_create", JSON.stringify({ ...made, idempotency_key: "once" }));
    expect(valueIn(first)).toEqual(valueIn(again));
    expect(JSON.parse(first.text)).toEqual(valueIn(first));
    const { run_id } = valueIn(first);
    expect(valueIn(await leader.call("run_note", { run_id, key: "k", value: "v" }))).toMatchObject({
      value: "v",
    });
    // Not written over: a null value is a value that is left out.
    expect(valueIn(await leader.call("run_note", { run_id, key: "k", value: null }))).toMatchObject({
      value: "v",
    });
  });

  it("with wrong arguments is refused, each of them named, and nothing is journaled", async () => {
    const bench = await openBench({ isolated: false });
    const leader = leaderOf(bench);
    const { run_id } = valueIn(await leader.call("run_create", made));
    const before = await bench.types(String(run_id));
    const wrong = { run_id, step_id: 3, action: "give up", reason: "", colour: "red" };
    const refused = refusalIn(await leader.call("run_apply_policy", wrong));
    expect(refused.code).toBe("invalid_input");
    for (const name of ["step_id", "action", "reason", "colour"]) expect(refused.message).toContain(name);
    for (const [given, code] of [
      ["{ run_id: 1 }", "parse_failed"],
      ["[]", "invalid_input"],
      ["", "invalid_input"],
      [undefined, "invalid_input"],
      [null, "invalid_input"],
    ] as const) {
      const answer = await leader.call("run_pause", given);
      expect(refusalIn(answer).code).toBe(code);
      expect(answer.text).toMatch(/^error \[\w+\]: .*run_pause.*\nNext: \S/);
    }
    expect(await bench.types(String(run_id))).toEqual(before);
  });

  it("tells all defects of a plan at once, each with its place", async () => {
    const bench = await openBench({ isolated: false });
    const bad = { ...plan, steps: [{ ...stepBy("a", "x"), owner_agent: "nobody", depends_on: ["b"] }] };
    const { ok, text } = await leaderOf(bench).call("run_create", {
      ...made,
      plan_json: JSON.stringify(bad),
    });
    expect(ok).toBe(false);
    expect(text).toContain("owner_agent");
    expect(text).toContain("depends_on");
  });

  it("of a tool of another role, or of none, is refused with the names there are", async () => {
    const bench = await openBench({ isolated: false });
    for (const name of ["run_create", "run_apply_policy", "constructor", ""]) {
      const { code, hint } = refusalIn(await coderOf(bench).call(name, made));
      expect(code).toBe("access_denied");
      expect(hint).toContain("run_start_step");
      expect(hint).not.toContain("run_create");
    }
  });

  it("reaches its own step and no other, and its own session alone", async () => {
    const bench = await openBench({ isolated: false });
    const { runId } = await bench.create(planOfSteps(stepBy("a", "exit 7"), stepBy("b", "true")));
    const kit = coderOf(bench, { runId, stepId: "a" });
    expect(refusalIn(await kit.call("run_start_step", { run_id: runId, step_id: "b" })).code).toBe(
      "access_denied",
    );
    const elsewhere = coderOf(bench, { sessionKey: "elsewhere" });
    expect(refusalIn(await elsewhere.call("run_read", { run_id: runId })).code).toBe("session_mismatch");
    expect(valueIn(await kit.call("run_start_step", { run_id: runId, step_id: "a" }))).toMatchObject({
      attempt: 1,
    });
  });

  it("of another role's tool is refused, and the run's journal tells of it", async () => {
    const bench = await openBench({ isolated: false });
    const { runId } = await bench.create(plan);
    const noted = async () =>
      (await bench.ledger.events(runId, 0, 100)).filter(({ type }) => type === "access_refused");
    const signed = await kitsOf(bench).signCredential({
      ...{ name: "coder", role: "executor", runId, stepId: "a", lifetimeMs: HOUR_MS },
    } as const);
    const pause = { run_id: runId, reason: "mine" };
    expect(refusalIn(await coderOf(bench).call("run_pause", pause)).code).toBe("access_denied");
    const opened = await kitsOf(bench).openToolKit(signed.credential);
    expect(refusalIn(await opened.call("run_pause", pause)).code).toBe("access_denied");
    const payload = { tool: "run_pause", code: "access_denied", by: { name: "coder", role: "executor" } };
    expect(await noted()).toMatchObject([{ payload }, { payload }]);
    const forged = { name: "lead", role: "executor", sessionKey: SESSION } as const;
    expect(refusalIn(await kitsOf(bench).toolKit(forged).call("run_pause", pause)).code).toMatch(/access/);
    expect(await noted()).toHaveLength(2);
  });

  it("never carries a secret to the model, neither in an answer nor in a refusal", async () => {
    const SECRET = "hunter2-hunter2-hunter2";
    const bench = await openBench({ isolated: false });
    const { redactor: _plain, ...ledger } = bench.ledger;
    const redactor = createRedactor([{ name: "SHOP_KEY", value: SECRET }]);
    const host = { ...bench.host, ledger: { ...ledger, redactor } };
    const kit = kitsOf({ ...bench, host }).toolKit(bench.issue("orchestrator", { role: "orchestrator" }));
    const { run_id } = valueIn(await kit.call("run_create", { ...made, original_request: `use ${SECRET}` }));
    const read = await kit.call("run_read", { run_id });
    expect(read.ok).toBe(true);
    expect(JSON.stringify(read)).toContain("[redacted:SHOP_KEY]");
    expect(JSON.stringify(read)).not.toContain(SECRET);
    const refused = await kit.call("run_read", { run_id: SECRET });
    expect(refused.ok).toBe(false);
    expect(JSON.stringify(refused)).toContain("[redacted:SHOP_KEY]");
    expect(JSON.stringify(refused)).not.toContain(SECRET);
  });

  it.each([0, 20, 40, 52])(
    "shows no part of a long secret that a refusal cuts off with eight letters or more of it, behind %i letters",
    async (count) => {
      const bench = await openBench({ isolated: false });
      const { redactor: _plain, ...ledger } = bench.ledger;
      const redactor = createRedactor([{ name: "SHOP_KEY", value: LONG_SECRET }]);
      const host = { ...bench.host, ledger: { ...ledger, redactor } };
      const kit = kitsOf({ ...bench, host }).toolKit(bench.issue("orchestrator", { role: "orchestrator" }));
      const asked = `${"-".repeat(count)}${LONG_SECRET}`;
      const refused = await Promise.all([
        kit.call("run_read", { run_id: asked }),
        kit.call("run_read", { run_id: 7, [asked]: asked }),
        kit.call("run_create", { ...made, plan: asked }),
      ]);
      for (const { ok } of refused) expect(ok).toBe(false);
      expect(JSON.stringify(refused)).toContain("[redacted:SHOP_KEY]");
      expect(JSON.stringify(refused)).not.toContain(LONG_SECRET.slice(0, 4));
    },
  );

  it("that fails for a reason of its own is an answer too", async () => {
    const bench = await openBench({ isolated: false });
    const broken = { ...bench.ledger, load: () => Promise.reject(new Error("the disk is gone")) };
    const host = { ...bench.host, ledger: broken };
    const kit = kitsOf({ ...bench, host }).toolKit(bench.issue("coder"));
    const { code, message } = refusalIn(await kit.call("run_read", { run_id: "r" }));
    expect([code, message]).toEqual(["unexpected", "the disk is gone"]);
  });

  it("for a signed credential is opened anew: it ends with its attempt and with its time", async () => {
    const bench = await openBench({ isolated: false });
    const kits = kitsOf(bench);
    const { runId } = await bench.create(plan);
    const step = { run_id: runId, step_id: "a" };
    const asked = { name: "coder", role: "executor", runId, stepId: "a", lifetimeMs: HOUR_MS } as const;
    const { credential } = await kits.signCredential(asked);
    const kit = await kits.openToolKit(credential);
    expect(valueIn(await kit.call("run_start_step", step))).toMatchObject({ attempt: 1 });
    const claim = { ...step, result: "done", idempotency_key: "k" };
    expect(valueIn(await kit.call("run_propose_step_result", claim))).toMatchObject({
      status: "verification_failed",
    });
    // What was answered is answered again, and reading stays open; nothing else does.
    expect(valueIn(await kit.call("run_propose_step_result", claim))).toMatchObject({
      status: "verification_failed",
    });
    expect(refusalIn(await kit.call("run_start_step", step)).code).toBe("credential_ended");
    expect(valueIn(await kit.call("run_read", { run_id: runId }))).toMatchObject({ run_id: runId });
    bench.clock.aheadMs = HOUR_MS;
    expect(refusalIn(await kit.call("run_read", { run_id: runId })).code).toBe("credential_expired");
    await expect(kits.openToolKit(credential)).rejects.toMatchObject({ code: "credential_expired" });
  });
});

it("is typed by role and by name", () => {
  type Kits = ReturnType<typeof kitsOf>;
  const typesOnly = async ({ toolKit }: Kits, bench: Bench) => {
    const coder = toolKit({ ...bench.issue("coder"), role: "executor" as const });
    type Names = (typeof coder)["tools"][number]["name"];
    expectTypeOf<Names>().toEqualTypeOf<
      | "run_start_step"
      | "run_propose_step_result"
      | "intent_propose"
      | "intent_status"
      | "run_read"
      | "run_active"
      | "run_note"
    >();
    const answer = await coder.call("run_start_step", {});
    if (!answer.ok) return;
    if (answer.name === "run_start_step") expectTypeOf(answer.value.workspace).toEqualTypeOf<string>();
    if (answer.name === "run_read") expectTypeOf(answer.value.head).toEqualTypeOf<string | null>();
    if (answer.name === "run_propose_step_result")
      expectTypeOf(answer.value.status).toExtend<"verified" | "verification_failed" | string>();
  };
  expect(typesOnly).toBeTypeOf("function");
});
