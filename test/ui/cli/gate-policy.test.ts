import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv } from "ajv";
import { afterEach, describe, expect, it } from "vitest";
import { parseYaml, policyJsonSchema } from "../../../src/index.js";
import { type Desk, openDesk } from "../../helpers/cli.js";

const EXAMPLES = join(import.meta.dirname, "../../../examples/gate-policies");

let desk: Desk | undefined;
afterEach(async () => {
  await desk?.dispose();
  desk = undefined;
});

const open = async (files: Readonly<Record<string, string>> = {}): Promise<Desk> => {
  desk = await openDesk({ "README.md": "", ...files });
  return desk;
};

/** A project with the policies that come as examples. */
const withExamples = async (): Promise<Desk> => {
  const opened = await open();
  await mkdir(join(opened.repo, "gate-policies"));
  await cp(EXAMPLES, join(opened.repo, "gate-policies"), { recursive: true });
  return opened;
};

describe("the example policies", () => {
  it("hold, each with cases that hold", async () => {
    const at = await withExamples();
    const checked = await at.type("policy", "check");
    expect([checked.code, checked.out]).toEqual([
      0,
      "ok crm-low-risk\nok payments-quorum\nok support-reply\n",
    ]);
    const { code, out, err } = await at.type("policy", "test");
    expect([code, err]).toEqual([0, ""]);
    expect(out.split("\n").filter((line) => line.startsWith("ok "))).toHaveLength(22);
  });

  it("are right in the eyes of editors too", async () => {
    const validate = new Ajv({ strict: false }).compile(policyJsonSchema());
    const files = (await readdir(EXAMPLES)).filter((file) => !file.includes(".cases."));
    expect(files).toHaveLength(3);
    for (const file of files) {
      const { value } = parseYaml(await readFile(join(EXAMPLES, file), "utf8"), file);
      expect([file, validate(value), validate.errors]).toEqual([file, true, null]);
    }
    for (const wrong of [
      { auto_aprove_under: 1 },
      { auto_approve_under: -1 },
      { require_approval: "sometimes" },
      { field_checks: [{ required: true }] },
      { environments: { production: { destinations: [] } } },
      { environments: { "not a name": {} } },
    ])
      expect([wrong, validate(wrong)]).toEqual([wrong, false]);
  });
});

describe("policy check", () => {
  it("tells every defect with its line, and ends with 1", async () => {
    const at = await open({
      "gate-policies/a.yaml":
        "auto_approve_under: -1\nblock_if_terms:\n  - fine\n  - '!!'\nauto_aprove_over: 5\n",
      "gate-policies/b.yaml": "require_approval: never\n",
    });
    const { code, out } = await at.type("policy", "check");
    expect(code).toBe(1);
    expect(out).toContain("gate-policies/a.yaml:1:1: auto_approve_under: found -1, expected at least 0");
    expect(out).toContain(
      'gate-policies/a.yaml:4:5: block_if_terms[1]: found "!!", expected a term with letters',
    );
    expect(out).toContain("gate-policies/a.yaml:5:1: auto_aprove_over: found an unknown key");
    expect(out).toContain("ok b\n");
  });

  it("looks at a file that is named, wherever it lies, and at nothing else", async () => {
    const at = await open({ "gate-policies/a.yaml": "x: 1\n", "new/b.yaml": "require_approval: never\n" });
    expect((await at.type("policy", "check", "new/b.yaml")).code).toBe(0);
    expect((await at.type("policy", "check", "a")).code).toBe(1);
    const nobody = await at.type("policy", "check", "c");
    expect([nobody.code, nobody.err]).toEqual([4, expect.stringContaining("error [policy_not_found]")]);
  });

  it("remarks on what may not be meant", async () => {
    const text =
      "require_approval: never\nauto_approve_under: 9\nrequire_approval_over: 5\nenvironments: { production: {} }\n";
    const at = await open({ "gate-policies/a.yaml": text });
    const { code, err } = await at.type("policy", "check");
    expect(code).toBe(0);
    for (const remark of [
      "not those of production: gate.environment is not set",
      "never approves nothing",
      "(9) approves no more than",
    ])
      expect(err).toContain(remark);
    await writeFile(join(at.repo, "runledger.yaml"), "gate: { environment: production }\n");
    expect((await at.type("policy", "check")).err).not.toContain("production");
  });
});

describe("policy test", () => {
  const policy = { "gate-policies/a.yaml": "auto_approve_under: 5\n" };
  const cases = (text: string) => open({ ...policy, "gate-policies/a.cases.yaml": `cases:\n${text}` });

  it("ends with 1 and says what differs", async () => {
    const at = await cases(
      "  - { name: few, intent: { destination: x, record_count: 5 }, expect: approved }\n" +
        "  - { name: many, intent: { destination: x, record_count: 6 }, expect: { outcome: pending, approvals: 2 } }\n",
    );
    const { code, out } = await at.type("policy", "test");
    expect(code).toBe(1);
    expect(out).toBe(
      "ok a: few\nno a: many: expected outcome pending, approvals 2; got outcome pending, approvals 1: No rule approves it, so a person decides.\n",
    );
  });

  it.each([
    ["reason: policy_not_found", 1],
    ["reason: approved_by_policy", 0],
    ["risk: high", 1],
    ["approvals: 0", 0],
  ])("compares what a case names: %s", async (named, code) => {
    const at = await cases(
      `  - { name: few, intent: { destination: x, record_count: 5 }, expect: { outcome: approved, ${named} } }\n`,
    );
    expect((await at.type("policy", "test", "a")).code).toBe(code);
  });

  it.each([
    ["a case without an outcome", "  - { name: few, intent: { destination: x } }\n"],
    ["a misspelt fact", "  - { name: few, intent: { destination: x, records: 5 }, expect: approved }\n"],
    ["an outcome that there is not", "  - { name: few, intent: { destination: x }, expect: allowed }\n"],
  ])("does not pass over %s", async (_, text) => {
    const at = await cases(text);
    const { code, out } = await at.type("policy", "test");
    expect([code, out]).toEqual([1, expect.stringContaining("gate-policies/a.cases.yaml:2:")]);
  });

  it("does not pass a policy that nobody can read, and says where there are no cases", async () => {
    const at = await open({ ...policy, "gate-policies/b.yaml": "x: 1\n" });
    const { code, out, err } = await at.type("policy", "test");
    expect([code, out]).toEqual([
      1,
      expect.stringMatching(/^bad b: 1 defect in the policy: gate-policies\/b\.yaml:1:1/),
    ]);
    expect(err).toContain("a: there are no cases in gate-policies/a.cases.yaml");
  });
});

describe("policy list and show", () => {
  it("name the rules that hold here, in their order", async () => {
    const at = await withExamples();
    await writeFile(join(at.repo, "runledger.yaml"), "gate: { environment: production }\n");
    const { out } = await at.type("policy", "show", "crm-low-risk");
    expect(out).toMatch(/auto_approve_under +25\n/);
    expect(out.indexOf("destinations")).toBeLessThan(out.indexOf("block_if_terms"));
    expect(out.indexOf("require_approval_over")).toBeLessThan(out.indexOf("auto_approve_under"));
    expect(out).toMatch(/on_no_response +reject\n/);
    expect((await at.type("policy", "list")).out).toMatch(/payments-quorum +[0-9a-f]{12} +Refunds/);
  });

  it("leave policy actions of runs as they were", async () => {
    const at = await open();
    const { code, err } = await at.type("policy", "last", "a", "retry", "--reason", "x");
    expect([code, err]).toEqual([4, expect.stringContaining("run_not_found")]);
  });
});
