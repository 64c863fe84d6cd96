// What a person waits for before anything happens: whole processes of the bundled command line, against a bare Node and
// against a bare script that opens the same file with better-sqlite3.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openRunLedger } from "runledger";
import { millis, paired } from "../measure.mjs";

const exec = promisify(execFile);
const cli = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

const SETTINGS = `agents:
  coder: { kind: command, run: [node, agent.mjs], timeout: 10m }
maxParallelSteps: 2
`;
const plan = {
  goal: "Start",
  steps: [{ id: "a", goal: "a", owner_agent: "coder", validator: { type: "command_pass", target: "true" } }],
};
const BARE = `import Database from ${JSON.stringify(import.meta.resolve("better-sqlite3"))};
const db = new Database(process.argv[2]);
db.prepare("SELECT value FROM meta WHERE key = 'schema_version'").get();
db.close();
`;

const FEW = 3;
const MANY = 10_000;
/** Made at once, so that they share commits. */
const TOGETHER = 100;

export async function* rows() {
  const place = await mkdtemp(join(tmpdir(), "runledger-start-"));
  try {
    yield* rowsIn(place);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function* rowsIn(place) {
  const env = {
    PATH: process.env.PATH,
    HOME: place,
    RUNLEDGER_SET_runLedger__workspaceIsolation: "false",
  };
  const bare = join(place, "bare.mjs");
  await writeFile(join(place, "runledger.yaml"), SETTINGS);
  await writeFile(bare, BARE);
  const node = (argv, home) =>
    millis(() =>
      exec(process.execPath, argv, {
        cwd: place,
        env: home === undefined ? env : { ...env, RUNLEDGER_HOME: home },
      }),
    );
  for (const word of ["--version", "--help"])
    yield await paired({
      name: `runledger ${word} : node -e 0`,
      ours: () => node([cli, word]),
      floor: () => node(["-e", "0"]),
      ...(word === "--version"
        ? { goal: 11, aim: { max: 1.3 }, bound: "commander, and Node's loader of modules" }
        : {}),
    });
  for (const runs of [FEW, MANY]) {
    const home = join(place, `runs-${runs}`);
    await fill({ ...env, RUNLEDGER_HOME: home }, place, runs);
    for (const argv of [["list"], ["show", "last"]])
      yield await paired({
        name: `runledger ${argv.join(" ")}, ${runs} runs : bare better-sqlite3 script`,
        ours: () => node([cli, ...argv], home),
        floor: () => node([bare, join(home, "ledger.db")]),
        goal: 11,
        aim: { max: 1.8 },
        bound: "running the modules, zod above all, and taking back what V8 compiled (docs/adr/0060)",
      });
  }
}

const fill = async (env, projectDir, runs) => {
  const app = await openRunLedger({ projectDir, env });
  try {
    const me = app.issue({ name: "bench", role: "human", sessionKey: "bench" });
    const create = () => app.createRun(me, { plan, sessionKey: "bench", originalRequest: "bench" });
    for (let made = 0; made < runs; made += TOGETHER)
      await Promise.all(Array.from({ length: Math.min(TOGETHER, runs - made) }, create));
  } finally {
    await app.close();
  }
};
