import { existsSync } from "node:fs";
import { mkdir, readFile, realpath, rename, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { findProject, LedgerError, loadSettings, type NewCredential } from "../../../index.js";
import { type ClientName, clients, type Entry, type Places, type Scope } from "../../mcp/install/clients.js";
import { EXIT } from "../exit-codes.js";
import { printJson, printLine, say } from "../output.js";
import type { Bench } from "../program.js";

export type InstallOptions = {
  readonly client: ClientName;
  readonly scope: Scope;
  readonly role?: NewCredential["role"];
  readonly agent?: string;
  /** Of a server over HTTP, in the place of a command. */
  readonly url?: string;
  readonly print: boolean;
};

/** The session that the command line has when none is named. */
const SESSION = "project";

// No credential goes into an entry: such files are committed, and whoever reads one would be its caller.
export const installServer = async (bench: Bench, options: InstallOptions): Promise<number> => {
  const { directory, shared, terminal, output } = bench;
  const { client, scope, print } = options;
  const places = {
    project: await findProject(directory),
    home: terminal.env.HOME ?? homedir(),
    env: terminal.env,
  };
  const { file, withServer } = clients[client];
  const target = file(scope, places);
  const { name, of, entry } = options.url === undefined ? started(options, shared.session) : remote(options);
  const said = "url" in entry ? { command: [], url: entry.url } : { command: entry.argv, url: null };
  const told = { client, scope, file: target, name, ...said };
  if (print) {
    const text = withServer("", name, entry);
    if (output.json) printJson(output, { ...told, written: false, text });
    else printLine(output, text.trimEnd());
    return EXIT.done;
  }
  const before = await textOf(target);
  const text = withServer(before, name, entry);
  const written = text !== before;
  if (written) await replace(target, text);
  if (output.json) printJson(output, { ...told, written, text: null });
  else printLine(output, target);
  for (const sentence of await lacking(places, options)) say(output, sentence);
  say(output, written ? `${client} has the server "${name}" now (${of}).` : `It has "${name}" already.`);
  if (written && scope === "project")
    say(
      output,
      "Commit the file, or have git ignore it: runs start from what is committed, and are refused beside what is not (docs/mcp.md).",
    );
  return EXIT.done;
};

type Made = { readonly name: string; readonly of: string; readonly entry: Entry };

const started = ({ role, agent }: InstallOptions, session: string): Made => {
  // Whoever names an agent means its tools, and would get those that approve what it does.
  if (role === undefined && agent !== undefined)
    throw new LedgerError("invalid_input", "--agent alone does not say whose tools the entry is to have.", {
      hint: "For those of the agent add --role executor; for an orchestrator of that name --role orchestrator.",
    });
  return startedAs(role ?? "orchestrator", agent, session);
};

const startedAs = (role: NewCredential["role"], agent: string | undefined, session: string): Made => ({
  name: nameOf(role, agent),
  of: role,
  // Only what is installed here: a name that nobody has published yet may be published by anybody.
  entry: { argv: ["npx", "--no-install", "runledger", "mcp", ...wordsOf(role, agent, session)] },
});

/** A name of its own, so that nothing of an entry with a command stays in it. */
const HTTP_NAME = "runledger-http";

const remote = ({ role, agent, url = "" }: InstallOptions): Made => {
  if ((role ?? agent) !== undefined)
    throw new LedgerError("invalid_input", "Over HTTP the credential says who it is.", {
      hint: "Leave out --role and --agent; the client finds the credential in RUNLEDGER_CREDENTIAL.",
    });
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))
    return { name: HTTP_NAME, of: "whose credential RUNLEDGER_CREDENTIAL is", entry: { url } };
  throw new LedgerError("invalid_input", `--url is no address: "${url}".`, {
    hint: "`runledger serve` prints it: http://127.0.0.1:7420/mcp.",
  });
};

/** One entry a role: agents that share an entry share its tools. */
const nameOf = (role: NewCredential["role"], agent: string | undefined): string => {
  if (role === "orchestrator") return "runledger";
  if (agent !== undefined && /^[A-Za-z0-9_-]{1,50}$/.test(agent)) return `runledger-${agent}`;
  throw new LedgerError("invalid_input", "An executor's entry is one agent's, and named after it.", {
    hint: 'Give --agent the name that plans have as owner_agent: letters, digits, "-" and "_".',
  });
};

const wordsOf = (
  role: NewCredential["role"],
  agent: string | undefined,
  session: string,
): readonly string[] => [
  ...(role === "orchestrator" ? [] : ["--role", role]),
  ...(agent === undefined ? [] : ["--agent", agent]),
  ...(session === SESSION ? [] : ["--session", session]),
];

const textOf = async (file: string): Promise<string> => {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw new LedgerError("file_not_found", `The client's file ${file} cannot be read.`, {
      hint: "Use --print and put the entry in by hand.",
      cause: error,
    });
  }
};

/** What keeps the entry from serving anybody, told while somebody is there who can mend it. */
const lacking = async (
  { project, env }: Pick<Places, "project" | "env">,
  { agent, role, url }: InstallOptions,
): Promise<readonly string[]> => {
  if (url !== undefined) return [];
  const program = isInstalled(project)
    ? []
    : [
        "npx finds no runledger in this project or above it (node_modules/.bin): unless it is installed for the whole machine, the entry starts nothing.",
      ];
  // Settings that cannot be read are told of by every command that needs them.
  const loaded = await loadSettings(project, env).catch(() => undefined);
  const named = Object.keys(loaded?.settings.agents ?? {});
  if (role !== "executor" || agent === undefined || named.length === 0 || named.includes(agent))
    return program;
  return [
    ...program,
    `runledger.yaml names no agent "${agent}", so no plan can give it a step. Add it: agents.${agent}: { kind: tools }`,
  ];
};

/** Where `npx` looks for a program of a project. */
const isInstalled = (folder: string): boolean =>
  existsSync(join(folder, "node_modules", ".bin", "runledger")) ||
  (dirname(folder) !== folder && isInstalled(dirname(folder)));

/** At once or not at all, and where a link leads: people keep such files in folders of their own. */
const replace = async (file: string, text: string): Promise<void> => {
  const target = await realpath(file).catch(() => file);
  await mkdir(dirname(target), { recursive: true });
  const former = await stat(target).catch(() => undefined);
  const draft = `${target}.runledger-${process.pid}`;
  await writeFile(draft, text, {
    flush: true,
    ...(former === undefined ? {} : { mode: former.mode & 0o777 }),
  });
  await rename(draft, target);
};
