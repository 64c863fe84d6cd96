import { execFileSync } from "node:child_process";
import {
  chmodSync,
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
import { homeFor } from "../../src/engine/agents/subprocess/own-home.js";
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
/** In a sandbox where no user is to be seen. */
const lay = async (users: string | null): Promise<void> => {
  const attempt = { isSandboxed: users === null, environment: { HOME: users ?? "" }, passEnv: [] };
  await homeFor(attempt, { place }, settings, at("home"));
};
/** Modes hold nobody back who is root: as the owner of all that lies here by then. */
const asOwner = async (check: () => Promise<void>): Promise<void> => {
  if (process.geteuid?.() !== 0) return check();
  execFileSync("chown", ["-R", "65534", place]);
  process.seteuid?.(65_534);
  try {
    await check();
  } finally {
    process.seteuid?.(0);
  }
};
const written = () => JSON.parse(readFileSync(at("home", file), "utf8"));
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
    expect(readFileSync(at("home/.gemini/oauth_creds.json"), "utf8")).toBe("signed in");
    expect(readFileSync(at("user", file), "utf8")).toContain("http://old");
  });

  it("is there for a user who has none, and passes on what cannot be read", async () => {
    await lay(at("user"));
    expect(written()).toEqual(settings.over);
    keep("settings.json", "{ broken");
    await lay(at("user"));
    expect(readFileSync(at("home", file), "utf8")).toBe("{ broken");
  });

  it("has settings made anew, and never written through a link that was left in it", async () => {
    keep("settings.json", "{}");
    keep("oauth_creds.json", "signed in");
    mkdirSync(at("home"));
    symlinkSync(at("user/.gemini"), at("home/.gemini"));
    await lay(null);
    expect(readFileSync(at("user", file), "utf8")).toBe("{}");
    expect(lstatSync(at("home/.gemini")).isSymbolicLink()).toBe(false);
    expect(existsSync(at("home/.gemini/oauth_creds.json"))).toBe(false);
    expect(written()).toEqual(settings.over);
  });

  it("keeps what its program has in it, but for its settings", async () => {
    await lay(null);
    writeFileSync(at("home/.gemini/memory.md"), "it learned");
    rmSync(at("home", file));
    mkdirSync(at("home", file));
    await lay(null);
    expect(readFileSync(at("home/.gemini/memory.md"), "utf8")).toBe("it learned");
    expect(written()).toEqual(settings.over);
  });

  it("is laid where the program left folders that nobody may write, and no link is followed to change its mode", async () => {
    mkdirSync(at("home", file), { recursive: true });
    writeFileSync(at("home", file, "held"), "");
    chmodSync(at("home", file), 0o500);
    chmodSync(at("home/.gemini"), 0o500);
    await asOwner(() => lay(null));
    expect(written()).toEqual(settings.over);
    mkdirSync(at("elsewhere"), { mode: 0o500 });
    rmSync(at("home/.gemini"), { recursive: true });
    symlinkSync(at("elsewhere"), at("home/.gemini"));
    chmodSync(at("home"), 0o500);
    await asOwner(() => lay(null));
    expect(written()).toEqual(settings.over);
    expect(lstatSync(at("elsewhere")).mode & 0o777).toBe(0o500);
  });

  it("is refused, as a fault of the attempt, where its user's folder is no folder or may not be read", async () => {
    mkdirSync(at("user"));
    writeFileSync(at("user/.gemini"), "");
    const unfit = { code: "workspace_unfit", message: expect.stringContaining(at("user/.gemini")) };
    await expect(lay(at("user"))).rejects.toMatchObject(unfit);
    rmSync(at("user/.gemini"));
    keep("settings.json", "{}");
    chmodSync(at("user", file), 0);
    await expect(asOwner(() => lay(at("user")))).rejects.toMatchObject(unfit);
  });

  const homeOf = (isSandboxed: boolean, passEnv: readonly string[] = []) => {
    const environment = { HOME: at("user"), GEMINI_CLI_HOME: at("other") };
    return homeFor({ isSandboxed, environment, passEnv }, { place: at("place") }, settings, at("home"));
  };

  it("is the attempt's home in a sandbox, with nothing of the user's, and a new folder outside", async () => {
    keep("settings.json", '{ "mine": true }');
    expect(await homeOf(true, ["GEMINI_CLI_HOME"])).toEqual({ GEMINI_CLI_HOME: at("place/home") });
    expect(JSON.parse(readFileSync(at("place/home", file), "utf8"))).toEqual(settings.over);
    expect(existsSync(at("home"))).toBe(false);
    expect(await homeOf(false)).toEqual({ GEMINI_CLI_HOME: at("home") });
    expect(written()).toEqual({ mine: true, ...settings.over });
  });

  it("is laid over the one that its variable names only where the program is passed that", async () => {
    keep("settings.json", '{ "mine": true }');
    mkdirSync(at("other/.gemini"), { recursive: true });
    writeFileSync(at("other", file), '{ "other": true }');
    await homeOf(false);
    expect(written()).toHaveProperty("mine");
    rmSync(at("home"), { recursive: true });
    await homeOf(false, ["GEMINI_CLI_HOME"]);
    expect(written()).toEqual({ other: true, ...settings.over });
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
