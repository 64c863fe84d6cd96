import { describe, expect, test } from "vitest";
import type { Caller } from "../../src/core/commands.js";
import { createCredentials } from "../../src/ledger/credentials.js";

const { credentials } = createCredentials();
const agent = (name: string, over: Partial<Caller> = {}): Caller => ({
  name,
  role: "executor",
  sessionKey: "session-1",
  ...over,
});
const issuing = (caller: unknown) => () => credentials.issue(caller as Caller);

describe("A credential", () => {
  test("is a thing, not a name: only what this ledger handed out counts", () => {
    const real = credentials.issue(agent("coder", { runId: "run_1", stepId: "a", attempt: 2 }));
    expect(credentials.check(real)).toBe(real);
    const lookAlikes = [
      { ...real },
      Object.create(real) as Caller,
      JSON.parse(JSON.stringify(real)) as Caller,
      createCredentials().credentials.issue(agent("coder")),
    ];
    for (const lookAlike of lookAlikes)
      expect(() => credentials.check(lookAlike)).toThrow(expect.objectContaining({ code: "access_denied" }));
  });

  test("stays what it was, whatever is done to it or to what it was made from", () => {
    const asked = agent("coder");
    const real = credentials.issue(asked);
    Object.assign(asked, { role: "human" });
    expect(() => Object.assign(real, { role: "human" })).toThrow(TypeError);
    expect(real.role).toBe("executor");
  });

  test("is made from one reading of the question", () => {
    let readings = 0;
    const sly = {
      name: "sly",
      sessionKey: "session-1",
      get role() {
        readings += 1;
        return readings === 1 ? "executor" : "engine";
      },
    };
    expect(credentials.issue(sly as Caller).role).toBe("executor");
  });

  test("of hosts is made with the ledger and never handed out", () => {
    const { credentials: own, host } = createCredentials();
    expect(own.check(host)).toMatchObject({ role: "host" });
    expect(() => own.issue({ name: "host", role: "host", sessionKey: "host" })).toThrow(
      expect.objectContaining({ code: "access_denied" }),
    );
    expect(() => credentials.check(host)).toThrow();
  });

  test("of the engine is made with the ledger and never handed out", () => {
    const { credentials: own, engine } = createCredentials();
    expect(own.check(engine)).toMatchObject({ role: "engine" });
    expect(() => own.issue({ name: "engine", role: "engine", sessionKey: "engine" })).toThrow(
      expect.objectContaining({ code: "access_denied" }),
    );
    expect(() => credentials.check(engine)).toThrow();
  });
});

describe("The names of the orchestrator", () => {
  const spellings = (["orchestrator", "lango-orchestrator", "system"] as const).flatMap((name) => [
    name,
    name.toUpperCase(),
    ` ${name} `,
    name.replace("s", "ｓ").replace("o", "ｏ"),
  ]);
  test.each(spellings)("are no other role's: %j", (name) => {
    for (const role of ["executor", "human"] as const)
      expect(issuing(agent(name, { role }))).toThrow(expect.objectContaining({ code: "access_denied" }));
    expect(credentials.issue(agent(name, { role: "orchestrator" })).name).toBe(name);
  });

  test("are not forbidden as a part of a name", () => {
    expect(credentials.issue(agent("system-tester")).name).toBe("system-tester");
  });
});

describe("No credential is made", () => {
  test.each([
    ["a blank name", agent("   "), "access_denied"],
    ["an empty name", agent(""), "invalid_input"],
    ["an empty session", agent("coder", { sessionKey: "" }), "invalid_input"],
    ["a session that is too long", agent("coder", { sessionKey: "s".repeat(201) }), "invalid_input"],
    ["an unknown role", { ...agent("coder"), role: "root" }, "invalid_input"],
    ["a word more", { ...agent("coder"), admin: true }, "invalid_input"],
    ["half a character in its name", agent("cod\ud800er"), "invalid_input"],
    ["a control character in its name", agent("co\u001bder"), "invalid_input"],
    ["half a character in its session", agent("coder", { sessionKey: "\udfff" }), "invalid_input"],
    ["nothing", undefined, "invalid_input"],
  ])("with %s", (_what, caller, code) => {
    expect(issuing(caller)).toThrow(expect.objectContaining({ name: "LedgerError", code }));
  });
});
