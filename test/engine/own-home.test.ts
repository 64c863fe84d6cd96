import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { layHome } from "../../src/engine/agents/subprocess/own-home.js";
import { presetOf } from "../../src/engine/agents/subprocess/presets.js";

let place = "";
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "runledger-home-"));
});
afterEach(() => rmSync(place, { recursive: true }));

const at = (...names: readonly string[]): string => join(place, ...names);
const file = ".gemini/settings.json";
const settings = {
  file,
  variable: "GEMINI_CLI_HOME",
  over: { mcpServers: { runledger: { command: "ours" } }, hooks: { AfterAgent: ["ours"] } },
};
const lay = (users: string | null, over = settings) => layHome(over, { users, own: at("own") });
const written = () => JSON.parse(readFileSync(at("own", file), "utf8"));
const keep = (name: string, text: string): void => {
  mkdirSync(at("user/.gemini"), { recursive: true });
  writeFileSync(at("user/.gemini", name), text);
};

describe("the home that a program gets for an attempt", () => {
  it("has its user's settings with ours over them, and who is signed in", async () => {
    keep(
      "settings.json",
      `{ // mine
        "model": { "name": "pro // max" }, /* servers */
        "mcpServers": { "mine": { "command": "m" }, "runledger": { "httpUrl": "http://old" } },
        "hooks": { "AfterAgent": ["mine"], "BeforeTool": ["mine"] } }`,
    );
    keep("oauth_creds.json", "signed in");
    await lay(at("user"));
    expect(written()).toEqual({
      model: { name: "pro // max" },
      mcpServers: { mine: { command: "m" }, runledger: { command: "ours" } },
      hooks: { AfterAgent: ["mine", "ours"], BeforeTool: ["mine"] },
    });
    expect(readFileSync(at("own/.gemini/oauth_creds.json"), "utf8")).toBe("signed in");
    expect(readFileSync(at("user", file), "utf8")).toContain("http://old");
  });

  it("is there for a user who has none, and passes on what cannot be read", async () => {
    await lay(at("user"));
    expect(written()).toEqual(settings.over);
    keep("settings.json", "{ broken");
    await lay(at("user"));
    expect(readFileSync(at("own", file), "utf8")).toBe("{ broken");
  });

  it("is made anew, and never written through a link that was left in it", async () => {
    keep("settings.json", "{}");
    keep("oauth_creds.json", "signed in");
    mkdirSync(at("own"));
    symlinkSync(at("user/.gemini"), at("own/.gemini"));
    await lay(null);
    expect(readFileSync(at("user", file), "utf8")).toBe("{}");
    expect(lstatSync(at("own/.gemini")).isSymbolicLink()).toBe(false);
    expect(existsSync(at("own/.gemini/oauth_creds.json"))).toBe(false);
    expect(written()).toEqual(settings.over);
  });

  it("is asked for by gemini alone, which believes no other settings of ours", () => {
    const start = {
      ...{ prompt: "", model: null, server: "/s/mcp", gate: "/s/gate", folder: "/s" },
      ...{ sandboxed: false, environment: {} },
    };
    expect(presetOf("gemini", start).home).toMatchObject({
      file,
      over: {
        mcpServers: { runledger: { command: "/s/mcp" } },
        hooks: { AfterAgent: [{ hooks: [{ command: "/s/gate" }] }] },
      },
    });
    for (const name of ["claude", "codex", "opencode"] as const)
      expect(presetOf(name, start).home).toBeUndefined();
  });
});
