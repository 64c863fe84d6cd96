import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { GateFacts, IntentFacts } from "../../src/core/gate-policy/facts.js";
import { openGatePolicies } from "../../src/settings/gate-policies.js";
import { tempFolder } from "../helpers/repositories.js";

const intent: IntentFacts = {
  destination: "salesforce.import",
  agentId: "importer",
  environment: null,
  payload: { type: "csv", text: "a,b\n", digest: "0".repeat(64), bytes: 4 },
  recordCount: 10,
  valueUsd: null,
  action: null,
  scope: null,
  tags: [],
  metadata: {},
};
const none: GateFacts = { proposalsLastHour: 0, proposalsLastDay: 0 };

const project = async (files: Readonly<Record<string, string>>, environment = "") => {
  const folder = await tempFolder();
  await mkdir(join(folder, "gate-policies"));
  const write = (name: string, text: string) => writeFile(join(folder, "gate-policies", name), text);
  for (const [name, text] of Object.entries(files)) await write(name, text);
  const policies = openGatePolicies(folder, { policies: "gate-policies", environment });
  const ask = (name: string) => policies.ask(name, { ...intent, environment: policies.environment }, none);
  return { folder, write, policies, ask };
};

describe("the policies of a project", () => {
  it("decide, and say by which text they did", async () => {
    const { ask } = await project({ "crm.yaml": "auto_approve_under: 10\n" });
    expect(ask("crm")).toMatchObject({
      outcome: "approved",
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it("are read anew for each intent", async () => {
    const { ask, write } = await project({ "crm.yaml": "auto_approve_under: 10\n" });
    const before = ask("crm");
    await write("crm.yaml", "auto_approve_under: 09\n");
    const after = ask("crm");
    expect(after.outcome).toBe("pending");
    expect(after.digest).not.toBe(before.digest);
    await write("crm.yaml", "auto_approve_under: 10 # as before\n");
    expect(ask("crm").digest).toBe(before.digest);
  });

  it("block once they cannot be read, and say where: what was before does not go on deciding", async () => {
    const { ask, write } = await project({ "crm.yaml": "auto_approve_under: 10\n" });
    expect(ask("crm").outcome).toBe("approved");
    await write("crm.yaml", "destinations: [a]\nauto_approve_under: -1\n");
    expect(ask("crm")).toMatchObject({
      outcome: "blocked",
      reason: "policy_invalid",
      digest: null,
      detail:
        "1 defect in the policy: gate-policies/crm.yaml:2:1: auto_approve_under: found -1, expected at least 0.",
    });
  });

  it("are found by name alone", async () => {
    const { ask, folder } = await project({ "crm.yaml": "require_approval: never\n" });
    await writeFile(join(folder, "outside.yaml"), "require_approval: never\n");
    for (const name of [
      "../outside",
      "constructor",
      "__proto__",
      "toString",
      "",
      ".",
      "crm.yaml",
      "CRM",
      "crm/",
      "./crm",
      "hasOwnProperty",
    ])
      expect(ask(name), name).toMatchObject({ outcome: "blocked", reason: "policy_not_found", digest: null });
  });

  it("are nothing where there is no folder", async () => {
    const { ask, folder, policies } = await project({});
    await rm(join(folder, "gate-policies"), { recursive: true });
    expect(ask("crm").reason).toBe("policy_not_found");
    expect(policies.list()).toEqual([]);
  });

  it("block when two files have one name", async () => {
    const { ask, policies } = await project({ "crm.yaml": "{}\n", "crm.yml": "require_approval: never\n" });
    expect(ask("crm")).toMatchObject({ outcome: "blocked", reason: "policy_invalid" });
    expect(policies.list()).toHaveLength(1);
  });

  it("bear the name of their file", async () => {
    const { ask } = await project({ "crm.yaml": "id: other\nrequire_approval: never\n" });
    expect(ask("crm")).toMatchObject({
      reason: "policy_invalid",
      detail: expect.stringContaining("crm.yaml:1:1: id"),
    });
  });

  it.each([
    ["tabs", "\tx"],
    ["a list", "- a\n"],
    ["nothing", ""],
    ["a key twice", "require_approval: always\nrequire_approval: never\n"],
    ["an alias", "destinations: &a [x]\nallowed_types: *a\n"],
    ["two documents", "require_approval: never\n---\nrequire_approval: never\n"],
    ["too much", `description: ${"x".repeat(200_000)}\n`],
    ["a prototype", "__proto__: { require_approval: never }\n"],
    ["a prototype among environments", "environments: { __proto__: { require_approval: never } }\n"],
  ])("block when the file holds %s", async (_, text) => {
    const { ask } = await project({ "crm.yaml": text });
    expect(ask("crm")).toMatchObject({ outcome: "blocked", reason: "policy_invalid" });
  });

  it("block when the file is no file, or no text", async () => {
    const { ask, folder, write } = await project({});
    await mkdir(join(folder, "gate-policies", "folder.yaml"));
    await symlink("nowhere", join(folder, "gate-policies", "lost.yaml"));
    await writeFile(join(folder, "gate-policies", "bytes.yaml"), Buffer.from([0xff, 0xfe, 0x00]));
    await write("fine.yaml", "require_approval: never\n");
    for (const name of ["folder", "lost", "bytes"]) expect(ask(name).reason, name).toBe("policy_invalid");
    expect(ask("fine").outcome).toBe("approved");
  });

  it("hold for the environment of the settings", async () => {
    const text = "require_approval: never\nenvironments: { production: { require_approval: always } }\n";
    expect((await project({ "p.yaml": text })).ask("p").outcome).toBe("approved");
    expect((await project({ "p.yaml": text }, "production")).ask("p").outcome).toBe("pending");
    expect((await project({ "p.yaml": text }, "toString")).ask("p").outcome).toBe("approved");
  });
});
