import { mkdir, readFile, realpath, rename, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname } from "node:path";
import { findProject, LedgerError, type NewCredential } from "../../../index.js";
import { type ClientName, clients, type Scope } from "../../mcp/install/clients.js";
import { EXIT } from "../exit-codes.js";
import { printJson, printLine, say } from "../output.js";
import type { Bench } from "../program.js";

export type InstallOptions = {
  readonly client: ClientName;
  readonly scope: Scope;
  readonly role?: NewCredential["role"];
  readonly agent?: string;
  readonly print: boolean;
};

/** The session that the command line has when none is named. */
const SESSION = "project";

// No credential goes into an entry: such files are committed, and whoever reads one would be its caller.
export const installServer = async (bench: Bench, options: InstallOptions): Promise<number> => {
  const { directory, shared, terminal, output } = bench;
  const { client, scope, role = "orchestrator", agent, print } = options;
  const places = {
    project: await findProject(directory),
    home: terminal.env.HOME ?? homedir(),
    env: terminal.env,
  };
  const { file, withServer } = clients[client];
  const target = file(scope, places);
  const name = nameOf(role, agent);
  // Only what is installed here: a name that nobody has published yet may be published by anybody.
  const argv = ["npx", "--no-install", "runledger", "mcp", ...wordsOf(role, agent, shared.session)];
  const told = { client, scope, file: target, name, command: argv };
  if (print) {
    const text = withServer("", name, argv);
    if (output.json) printJson(output, { ...told, written: false, text });
    else printLine(output, text.trimEnd());
    return EXIT.done;
  }
  const before = await textOf(target);
  const text = withServer(before, name, argv);
  const written = text !== before;
  if (written) await replace(target, text);
  if (output.json) printJson(output, { ...told, written, text: null });
  else printLine(output, target);
  say(output, written ? `${client} has the server "${name}" now (${role}).` : `It has "${name}" already.`);
  if (written && scope === "project")
    say(output, "Commit the file, or have git ignore it: runs start from what is committed.");
  return EXIT.done;
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
