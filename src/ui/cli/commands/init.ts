import { access, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findProject, LedgerError, openRunLedger } from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { printJson, printLine, say } from "../output.js";
import type { Bench } from "../program.js";

const SAMPLE = `# RunLedger settings. Every key may be left out; \`runledger config list --show-origin\` shows what counts, and
# \`runledger settings\` changes it on a screen.

# Who works on steps. A program works in a private clone of your repository; exit code 0 means "I am done",
# which is then verified. It sees PATH, HOME, RUNLEDGER_* and the variables named in \`env\`, nothing else.
agents: {}
#  coder:
#    kind: command
#    run: [node, agent.mjs]      # the program, and a script of this project
#    env: [MY_API_KEY]           # variables passed through to it
#    timeout: 30m

# Steps worked on at the same time, when their dependencies allow it.
maxParallelSteps: 4

# Paths nobody may change, beside the built-in ones (test files, runner and build configuration, lockfiles, CI).
protect: []

workspace:
  setup: []                      # commands that prepare a fresh tree, such as [[npm, ci, --offline]]
  share: []                      # paths copied into it from your checkout, such as [node_modules]

durable:
  encryption: true               # journal, output and snapshots of new runs are encrypted; the key is .runledger/ledger.key

runLedger:
  workspaceIsolation: true
  staleTtl: 1h
  validatorTimeout: 2m
  maxRunHistory: 100             # finished runs that stay; older ones are archived, and 0 keeps all

retention:
  maxBytes: 1GiB                 # of the ledger's rows and output; above it the oldest finished runs are archived
#  completedFor: 7d              # and those that ended longer ago than this
#  failedFor: 30d
`;

/** Where a project has the package, beside it: the one place that is there for everybody who has the project. */
const SCHEMA = "node_modules/runledger/dist/settings.schema.json";

/** Tells editors how to check the file; they find it without a network, or are told nothing. */
const schemaLine = async (projectDir: string): Promise<string> =>
  access(join(projectDir, SCHEMA)).then(
    () => `# yaml-language-server: $schema=${SCHEMA}\n`,
    () => "",
  );

const unwritable =
  (file: string) =>
  (cause: NodeJS.ErrnoException): never => {
    throw new LedgerError("settings_invalid", `${file} cannot be written (${cause.code}).`, {
      hint: "Whose folder is it, and does something else already have this name?",
      cause,
    });
  };

// A settings file to start from, and the ledger's folder; what exists already is left alone.
export const initProject = async (bench: Bench): Promise<number> => {
  const { output, terminal } = bench;
  const projectDir = await findProject(bench.directory);
  const file = join(projectDir, "runledger.yaml");
  const existed = await access(file).then(
    () => true,
    () => false,
  );
  if (!existed)
    await writeFile(file, (await schemaLine(projectDir)) + SAMPLE, { flag: "wx" }).catch(unwritable(file));
  const app = await openRunLedger({ projectDir, env: terminal.env });
  await app.close();
  if (output.json) printJson(output, { file, created: !existed, data: app.dataDir });
  else {
    printLine(output, file);
    say(
      output,
      existed
        ? "It was there already and stays as it is."
        : "Name an agent in it, then: runledger run plan.yaml",
    );
  }
  return EXIT.done;
};
