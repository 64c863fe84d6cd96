import { lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withEntry } from "../../../src/ui/mcp/install/json-text.js";
import { withTable } from "../../../src/ui/mcp/install/toml-text.js";
import { type Desk, openDesk } from "../../helpers/cli.js";

let desk: Desk;
beforeEach(async () => {
  desk = await openDesk({ "README.md": "# A shop\n" });
});
afterEach(() => desk.dispose());

const install = (...argv: string[]) =>
  desk.typeWith(
    { env: { HOME: join(desk.place, "home"), CODEX_HOME: undefined, CLAUDE_CONFIG_DIR: undefined } },
    ...["mcp", "install", ...argv],
  );
const put = (file: string, text: string): void => {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
};

const npx = { command: "npx", args: ["--no-install", "runledger", "mcp"] };
const coder = { command: "npx", args: [...npx.args, "--role", "executor", "--agent", "coder"] };

describe.each([
  ["claude", ".mcp.json", "home/.claude.json", "mcpServers"],
  ["gemini", ".gemini/settings.json", "home/.gemini/settings.json", "mcpServers"],
  ["cursor", ".cursor/mcp.json", "home/.cursor/mcp.json", "mcpServers"],
  ["opencode", "opencode.json", "config/opencode/opencode.json", "mcp"],
])("%s", (client, ofProject, ofUser, section) => {
  const entry = ({ command, args }: typeof npx): object =>
    client === "opencode" ? { type: "local", command: [command, ...args], enabled: true } : { command, args };

  it.each([
    ["project", join("repo", ofProject)],
    ["user", ofUser],
  ])("gets its entries in the %s's file, once, beside what was there", async (scope, path) => {
    const file = join(desk.place, path);
    const argv = ["--client", client, "--scope", scope];
    expect(await install(...argv)).toMatchObject({ code: 0, out: `${file}\n` });
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ [section]: { runledger: entry(npx) } });
    put(
      file,
      `{\n    // mine\n    "theme": "dark", // so\n    "${section}": { "other": { "command": "x" } },\n}\n`,
    );
    for (const words of [argv, [...argv, "--role", "executor", "--agent", "coder"], argv])
      await install(...words);
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(/^ {4}\/\/ mine\n {4}"theme": "dark", \/\/ so$/m);
    expect(JSON.parse(text.replace(/\/\/.*$/gm, "").replace(/,(\s*\})/g, "$1"))).toEqual({
      theme: "dark",
      [section]: { other: { command: "x" }, runledger: entry(npx), "runledger-coder": entry(coder) },
    });
    expect((await install(...argv)).err).toMatch(/already/);
    expect(readFileSync(file, "utf8")).toBe(text);
    // A changed one is put right, and nothing else is.
    writeFileSync(file, text.replace('"--no-install"', '"--yes"'));
    await install(...argv);
    expect(readFileSync(file, "utf8")).toBe(text);
  });
});

describe("codex", () => {
  it("gets its tables, once, beside what was there", async () => {
    const file = join(desk.place, "home/.codex/config.toml");
    const mine = '# mine\nmodel = "x"\n\n[mcp_servers.other]\ncommand = "y" # so\n';
    put(file, mine);
    const argv = ["--client", "codex", "--scope", "user"];
    expect((await install(...argv)).code).toBe(0);
    await install(...argv, "--role", "executor", "--agent", "coder");
    const text = readFileSync(file, "utf8");
    const table = (name: string, args: readonly string[]): string =>
      `[mcp_servers.${name}]\ncommand = "npx"\nargs = [${args.map((one) => `"${one}"`).join(", ")}]\ntool_timeout_sec = 3600\n`;
    expect(text).toBe(`${mine}\n${table("runledger", npx.args)}\n${table("runledger-coder", coder.args)}`);
    await install(...argv);
    expect(readFileSync(file, "utf8")).toBe(text);
    expect((await install("--client", "codex")).out).toBe(`${join(desk.repo, ".codex/config.toml")}\n`);
  });
});

describe("install", () => {
  it("prints instead of writing, and writes no credential anywhere", async () => {
    const { out } = await install("--client", "claude", "--print");
    expect(JSON.parse(out)).toEqual({ mcpServers: { runledger: npx } });
    expect(() => statSync(join(desk.repo, ".mcp.json"))).toThrow();
    const env = { RUNLEDGER_CREDENTIAL: "rlc1_secret.secret", HOME: join(desk.place, "home") };
    await desk.typeWith({ env }, "mcp", "install", "--client", "claude");
    expect(readFileSync(join(desk.repo, ".mcp.json"), "utf8")).not.toContain("rlc1_");
  });

  it("names the session when it is not the project's own", async () => {
    const { out } = await install("--client", "claude", "--print", "--session", "today");
    expect(JSON.parse(out).mcpServers.runledger.args).toEqual([...npx.args, "--session", "today"]);
  });

  it("keeps a file's rights, and the link that leads to it", async () => {
    const [file, real] = [join(desk.repo, ".mcp.json"), join(desk.place, "dotfiles.json")];
    writeFileSync(real, "{}\n", { mode: 0o640 });
    symlinkSync(real, file);
    await install("--client", "claude");
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(statSync(real).mode & 0o777).toBe(0o640);
    expect(JSON.parse(readFileSync(real, "utf8")).mcpServers.runledger).toEqual(npx);
  });

  it("leaves a file that it cannot read as it is", async () => {
    const file = join(desk.repo, ".mcp.json");
    for (const text of ["{", "[]", '{"mcpServers": 7}', '{"a": 1} x', '{"a" 1}', "{'a': 1}", '{"a": tru}']) {
      writeFileSync(file, text);
      expect(await install("--client", "claude")).toMatchObject({ code: 2, out: "" });
      expect(readFileSync(file, "utf8")).toBe(text);
    }
  });

  it("asks whose entry an executor's is", async () => {
    for (const argv of [[], ["--agent", "a b"], ["--agent", 'x"]\n[evil']])
      expect(await install("--client", "codex", "--role", "executor", ...argv)).toMatchObject({ code: 2 });
  });

  it("gives nobody an orchestrator's tools who named an agent, and says whom no plan can name", async () => {
    const { code, err } = await install("--client", "claude", "--agent", "coder");
    expect([code, err]).toEqual([2, expect.stringMatching(/--role executor/)]);
    expect(() => statSync(join(desk.repo, ".mcp.json"))).toThrow();
    await desk.write({ "runledger.yaml": "agents: { reviewer: { kind: tools } }\n" });
    const executor = (agent: string) => install("--client", "claude", "--role", "executor", "--agent", agent);
    expect((await executor("coder")).err).toMatch(/names no agent "coder".*agents\.coder: \{ kind: tools \}/);
    expect((await executor("reviewer")).err).not.toMatch(/names no agent/);
    expect((await install("--client", "claude", "--role", "orchestrator", "--agent", "coder")).code).toBe(0);
  });

  it("says where npx would start nothing", async () => {
    expect((await install("--client", "claude")).err).toMatch(/npx finds no runledger in this project/);
    put(join(desk.repo, "node_modules/.bin/runledger"), "");
    expect((await install("--client", "claude")).err).not.toMatch(/npx/);
  });
});

describe("a server over HTTP", () => {
  const url = "http://127.0.0.1:7420/mcp";
  const headers = (named: string) => ({ Authorization: `Bearer ${named}` });
  it.each([
    ["claude", "mcpServers", { type: "http", url, headers: headers("$" + "{RUNLEDGER_CREDENTIAL}") }],
    ["gemini", "mcpServers", { httpUrl: url, headers: headers("$RUNLEDGER_CREDENTIAL") }],
    ["cursor", "mcpServers", { url, headers: headers("$" + "{env:RUNLEDGER_CREDENTIAL}") }],
    [
      "opencode",
      "mcp",
      {
        ...{ type: "remote", url, enabled: true, oauth: false },
        headers: headers("{env:RUNLEDGER_CREDENTIAL}"),
      },
    ],
  ])(
    "is an entry of %s beside the one with a command, without its credential",
    async (client, section, entry) => {
      const env = { RUNLEDGER_CREDENTIAL: "rlc1_secret.secret", HOME: join(desk.place, "home") };
      const argv = ["mcp", "install", "--client", client];
      await desk.typeWith({ env }, ...argv);
      const { out } = await desk.typeWith({ env }, ...argv, "--url", url);
      const text = readFileSync(out.trim(), "utf8");
      expect(JSON.parse(text)[section]).toEqual({ runledger: expect.anything(), "runledger-http": entry });
      await desk.typeWith({ env }, ...argv, "--url", url);
      expect(readFileSync(out.trim(), "utf8")).toBe(text);
    },
  );

  it("is a table of codex", async () => {
    expect((await install("--client", "codex", "--url", url, "--print")).out).toBe(
      `[mcp_servers.runledger-http]\nurl = "${url}"\nbearer_token_env_var = "RUNLEDGER_CREDENTIAL"\ntool_timeout_sec = 3600\n`,
    );
  });

  it("has an address, and nobody but its credential says who it is", async () => {
    for (const more of [
      ["--url", "here"],
      ["--url", "file:///etc/passwd"],
      ["--url", url, "--agent", "coder"],
    ])
      expect(await install("--client", "claude", ...more)).toMatchObject({ code: 2, out: "" });
  });
});

describe("an entry put into any JSON", () => {
  it.each([
    ['{\n  "a": 1 // of a\n}\n', '{\n  "a": 1, // of a\n  "m": {\n    "r": {}\n  }\n}\n'],
    ['{\n  "a": 1, // of a\n}\n', '{\n  "a": 1, // of a\n  "m": {\n    "r": {}\n  }\n}\n'],
    ["{\n  // nothing yet\n}\n", '{\n  // nothing yet\n  "m": {\n    "r": {}\n  }\n}\n'],
  ])("leaves what is said of a line on that line: %j", (before, after) => {
    expect(withEntry(before, "m", "r", {})).toBe(after);
  });

  it("keeps what the user added to an entry of that name", () => {
    const before =
      '{\n  "m": {\n    "r": {\n      "command": "old", // mine\n      "env": { "A": "b" }\n    }\n  }\n}\n';
    const after = before
      .replace('"old"', '"npx"')
      .replace('"b" }', '"b" },\n      "args": [\n        "a"\n      ]');
    expect(withEntry(before, "m", "r", { command: "npx", args: ["a"] })).toBe(after);
    expect(withEntry(after, "m", "r", { command: "npx", args: ["a"] })).toBe(after);
  });

  it("changes nothing else (property)", () => {
    const server = { command: "npx", args: ["a"] };
    const file = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true });
    fc.assert(
      fc.property(
        file,
        fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }),
        fc.constantFrom(0, 1, 2, "\t"),
        (rest, list, space) => {
          const whole = { ...rest, mcpServers: list };
          const given = JSON.stringify(whole, null, space);
          const text = withEntry(given, "mcpServers", "runledger", server);
          expect(JSON.parse(text)).toEqual({
            // As JSON tells it: it knows no zero below zero.
            ...JSON.parse(given),
            mcpServers: { ...JSON.parse(given).mcpServers, runledger: server },
          });
          expect(withEntry(text, "mcpServers", "runledger", server)).toBe(text);
        },
      ),
    );
  });
});

describe("a table put into any TOML", () => {
  const table = { command: "npx", args: ["a"] };
  const made = '[mcp_servers.r]\ncommand = "npx"\nargs = ["a"]';

  it("puts its own keys right, and keeps what the user added", () => {
    const behind = '\n\n# of the next\n[mcp_servers.r.env]\nA = "b"\ncommand = "c"\n';
    const before = `[mcp_servers.r]\ncommand = "old" # mine\nmore = 1${behind}`;
    const after = `[mcp_servers.r]\ncommand = "npx" # mine\nmore = 1\nargs = ["a"]${behind}`;
    expect(withTable(before, "mcp_servers", "r", table)).toBe(after);
    expect(withTable(after, "mcp_servers", "r", table)).toBe(after);
    const long = `[mcp_servers.r]\nargs = [\n  "x", # ]\n  "y]",\n]\nenv = { A = "b" }\ncommand = "npx"\n`;
    expect(withTable(long, "mcp_servers", "r", table)).toBe(
      `[mcp_servers.r]\nargs = ["a"]\nenv = { A = "b" }\ncommand = "npx"\n`,
    );
  });

  it("sees no table in a text of several lines", () => {
    const before = 'notes = """\n[mcp_servers.r]\n"""\n';
    expect(withTable(before, "mcp_servers", "r", table)).toBe(`${before}\n${made}\n`);
  });

  it("is refused where servers are written as one line", () => {
    for (const text of ['mcp_servers = { r = { command = "x" } }\n', 'mcp_servers.r.command = "x"\n'])
      expect(() => withTable(text, "mcp_servers", "r", table)).toThrow(/a line of its own/);
  });
});
