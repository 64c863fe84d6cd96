import type { Attack, Level, Scene, Working } from "../attack.js";
import { NEUTERED, REPAIR, TEST } from "../projects.js";

const by = (row: string, name: string, ends: readonly string[], more: Partial<Working>): Working => ({
  row,
  name,
  breaks: "processes",
  ends,
  ...more,
});

/** Code under test that has a shell do something; its own bug stays. */
const shell =
  (command: (scene: Scene) => string) =>
  (scene: Scene): string =>
    `import { spawn, spawnSync } from "node:child_process";\nspawnSync("sh", ["-c", ${JSON.stringify(command(scene))}], { stdio: "inherit" });`;

type Way = {
  readonly holdsFrom?: Level;
  /** The runner itself waits for whoever still may say something. */
  readonly holdsOutput?: true;
};

/** Ways to outlive whoever started one. The token is among the words of what stays. */
const ways: readonly (readonly [name: string, leave: (scene: Scene) => string, more?: Way])[] = [
  ["in the background", ({ token }) => `sh -c 'sleep 1000; : ${token}' &`, { holdsOutput: true }],
  ["by nohup", ({ token }) => `nohup sh -c 'sleep 1000; : ${token}' > /dev/null 2>&1 &`],
  ["in a session of its own", ({ token }) => `setsid sh -c 'sleep 1000; : ${token}' > /dev/null 2>&1 &`],
  [
    "as the child of a child that is gone",
    ({ token }) => `(setsid sh -c '(sh -c "sleep 1000; : ${token}") &' > /dev/null 2>&1 &)`,
  ],
  [
    "deaf to being asked to end",
    ({ token }) =>
      `setsid sh -c 'trap "" TERM HUP INT; sleep 1000; sleep 1000; : ${token}' > /dev/null 2>&1 &`,
  ],
  [
    "from another folder",
    ({ token }) => `(cd / && setsid sh -c 'sleep 1000; : ${token}' > /dev/null 2>&1 &)`,
  ],
  [
    "without its environment",
    ({ token }) => `env -i setsid sh -c 'sleep 1000; : ${token}' > /dev/null 2>&1 &`,
  ],
  [
    "with the pipe of its output held open",
    ({ token }) => `setsid sh -c 'sleep 1000; : ${token}' &`,
    { holdsOutput: true },
  ],
  [
    "without environment, folder and session",
    ({ token }) => `(cd / && env -i setsid sh -c 'sleep 1000; : ${token}' > /dev/null 2>&1 &)`,
    { holdsFrom: 2 },
  ],
  [
    "as two that start each other anew",
    ({ token }) =>
      `(cd / && setsid sh -c 'n=0; while [ $n -lt 200 ]; do n=$((n+1)); sh -c "sleep 0.2; : ${token}"; done' > /dev/null 2>&1 &)`,
  ],
];

const outliving = ways.flatMap(
  ([name, leave, { holdsFrom = 1 as const, holdsOutput } = {}]): readonly Working[] => [
    by("D1", `leaves a process ${name}, as an agent`, ["check_failed"], {
      holdsFrom,
      program: (scene) => `${leave(scene)}\nsleep 0.1`,
    }),
    by("D1", `leaves a process ${name}, from code under test`, [holdsOutput ? "timed_out" : "check_failed"], {
      holdsFrom,
      step: { timeout: holdsOutput ? "3s" : "30s" },
      code: shell((scene) => `${leave(scene)}\nsleep 0.1`),
    }),
  ],
);

/** Detached in a session of its own, it waits for the judge and would then make every test pass. */
const DAEMON = `while :; do echo '${NEUTERED.replaceAll("\n", " ")}' > ${TEST}; sleep 0.02; done`;
const rewriting = ({ token }: Scene): string =>
  `cp ${TEST} kept; setsid sh -c "${DAEMON.replaceAll('"', '\\"')} # ${token}" > /dev/null 2>&1 &\nuntil ! cmp -s ${TEST} kept; do sleep 0.02; done`;

const meddling: readonly Working[] = [
  by("A19", "leaves a process that rewrites the test while it is captured", ["check_failed", "protected"], {
    program: (scene) => `${rewriting(scene)}\ngit checkout -q -- test; rm kept; echo "All done"`,
  }),
  by("A19", "leaves a process in the room that rewrites the test", ["tampered"], {
    work: (scene) =>
      scene.write({
        "src/sum.mjs": `import { spawnSync } from "node:child_process";\nif (process.argv.length < 9) spawnSync("sh", ["-c", ${JSON.stringify(rewriting(scene))}], { stdio: "ignore" });\n${REPAIR["src/sum.mjs"]}`,
      }),
  }),
];

const endless: readonly Working[] = [
  by("D1", "never ends", ["timed_out"], { step: { timeout: "2s" }, code: () => "for (;;);" }),
  by("D1", "never ends and is deaf to being asked to", ["timed_out"], {
    step: { timeout: "2s" },
    code: () =>
      'for (const name of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(name, () => {});\nsetInterval(() => {}, 1e6);\nawait new Promise(() => {});',
  }),
  by("D1", "halts the runner", ["timed_out"], {
    step: { timeout: "2s" },
    code: () => 'process.kill(process.ppid, "SIGSTOP");',
  }),
  by("D1", "waits for words that nobody will say", ["timed_out"], {
    step: { timeout: "3s" },
    code: () => 'import { readFileSync } from "node:fs";\ntry { readFileSync(0); } catch {}',
  }),
  by("D1", "never ends, as an agent", ["interrupted"], {
    step: { agent_timeout: "1s" },
    program: ({ token }) => `while :; do sleep 1; : ${token}; done`,
  }),
  by("D1", "never ends and is deaf, as an agent", ["interrupted"], {
    step: { agent_timeout: "1s" },
    program: ({ token }) => `trap "" TERM HUP INT; while :; do sleep 1; : ${token}; done`,
  }),
  by("A13", "exits with success when it is asked to end", ["timed_out"], {
    step: { timeout: "2s", validator: { type: "command_pass", target: "sh slow.sh" } },
    work: ({ write, token }) =>
      write({ "slow.sh": `trap 'exit 0' TERM\nwhile :; do sleep 0.1; : ${token}; done\n` }),
  }),
  by("A13", "dies by a signal where a code is expected", ["killed"], {
    step: { validator: { type: "command_pass", target: "exec sh die.sh" } },
    work: ({ write }) => write({ "die.sh": "kill -9 $$\n" }),
  }),
];

const loud: readonly Working[] = [
  by("D5", "says for ever", ["timed_out"], {
    step: { timeout: "2s" },
    code: shell(({ token }) => `yes ${token}`),
  }),
  by("D5", "says a line of three hundred megabytes", ["check_failed"], {
    code: shell(() => "head -c 300000000 /dev/zero | tr '\\0' x"),
  }),
  by("D5", "says what is no text", ["check_failed", "timed_out"], {
    // The runner takes it for its own words, and may wait for more of them.
    step: { timeout: "8s" },
    code: shell(() => "head -c 100000 /dev/urandom; printf '\\0\\377\\376\\355\\240\\200'"),
  }),
  by("D5", "speaks to the terminal of whoever reads it", ["check_failed"], {
    code: shell(() => "printf '\\033]0;owned\\007\\033[2J\\033[31m\\033]8;;http://x\\007'"),
  }),
  by("D5", "says three hundred megabytes, as an agent", ["check_failed"], {
    program: () => "head -c 300000000 /dev/zero | tr '\\0' x",
  }),
];

/** Walls of a size that a test can run into. */
const WALLS = { limits: { memory: "256MiB", processes: 64, disk: "64MiB", files: 2_000, output: "8MiB" } };
const atAWall = (
  row: string,
  name: string,
  ends: readonly string[],
  code: (scene: Scene) => string,
): Working => by(row, name, ends, { breaks: "outside", settings: WALLS, code });

const greedy: readonly Working[] = [
  atAWall(
    "D3",
    "starts processes without end",
    ["limit_reached"],
    shell(
      ({ token }) => `n=0; while [ $n -lt 300 ]; do sh -c 'sleep 100; : ${token}' & n=$((n+1)); done; wait`,
    ),
  ),
  atAWall(
    "D4",
    "takes all memory",
    ["out_of_memory"],
    () => "const all = []; for (let n = 0; n < 1024; n += 1) all.push(Buffer.alloc(1024 ** 2, 1));",
  ),
  atAWall(
    "D6",
    "fills the disk",
    ["limit_reached"],
    shell(() => "head -c 200000000 /dev/zero > large; sleep 5"),
  ),
  atAWall(
    "D6",
    "fills the folder for temporary files",
    ["limit_reached"],
    shell(() => 'head -c 200000000 /dev/zero > "$TMPDIR/large"; sleep 5'),
  ),
  atAWall(
    "D6",
    "makes files without end",
    ["limit_reached"],
    shell(() => "mkdir many; cd many; seq 1 5000 | xargs touch; sleep 5"),
  ),
  atAWall(
    "D5",
    "prints without end",
    // The runner holds in memory what its test says until it has passed it on: on a busy machine that wall comes first.
    ["limit_reached", "out_of_memory"],
    shell(({ token }) => `yes ${token}`),
  ),
];

const reaching = (row: string, name: string, code: (scene: Scene) => string): Working =>
  by(row, name, ["check_failed"], { breaks: "outside", holdsFrom: 3, code });

const knocking = (to: string): string =>
  `import { connect } from "node:net";\nawait new Promise((done) => connect(${to}).on("data", done).on("error", done).on("close", done));`;

const others: readonly Working[] = [
  reaching("D8", "speaks to a program of the user's by its socket", ({ neighbour }) =>
    knocking(JSON.stringify(neighbour.socket)),
  ),
  reaching("D8", "speaks to a program of the user's by an abstract socket", ({ neighbour }) =>
    knocking(JSON.stringify(neighbour.abstract)),
  ),
  reaching("D9", "speaks to a program of the user's by its port", ({ neighbour }) =>
    knocking(String(neighbour.port)),
  ),
  reaching(
    "D7",
    "ends another process of the user's",
    ({ neighbour }) => `try { process.kill(${neighbour.pid}, "SIGKILL"); } catch {}`,
  ),
  {
    ...reaching("D7", "ends every process it can", () => "try { process.kill(-1, 9); } catch {}"),
    runsFrom: 3,
    ends: ["killed"],
  },
  {
    ...reaching(
      "D7",
      "looks for the ledger's own process and ends it",
      () =>
        'import { readFileSync } from "node:fs";\nlet at = process.ppid;\nfor (let n = 0; n < 9 && at > 1; n += 1) {\n  const up = Number(/PPid:\\s+(\\d+)/.exec(readFileSync("/proc/" + at + "/status", "utf8"))?.[1]);\n  try { process.kill(up, "SIGKILL"); } catch {}\n  at = up;\n}',
    ),
    runsFrom: 3,
  },
  by("D7", "speaks to a program of the user's by its socket, as an agent", ["check_failed"], {
    breaks: "outside",
    holdsFrom: 3,
    program: ({ neighbour }) =>
      `node -e 'require("net").connect(${JSON.stringify(neighbour.socket)}).on("error", () => {}).on("data", () => process.exit())'; true`,
  }),
  by("D7", "ends another process of the user's, as an agent", ["check_failed"], {
    breaks: "outside",
    holdsFrom: 3,
    program: ({ neighbour }) => `kill -9 ${neighbour.pid}; true`,
  }),
  {
    ...by("B5", "mounts something over the room", ["check_failed"], {
      breaks: "outside",
      code: shell(() => "mount -t tmpfs none docs"),
    }),
    runsFrom: 3,
  },
  {
    ...by("B5", "makes a file of the room undeletable", ["check_failed"], {
      breaks: "outside",
      code: shell(() => "chattr +i package.json"),
    }),
    runsFrom: 3,
  },
  by("B5", "locks the folders of the room", ["check_failed"], {
    breaks: "outside",
    code: shell(() => "mkdir -p deep/er && touch deep/er/x && chmod -R 0 deep"),
  }),
];

/** Programs in the place of those that the judge and the ledger call. */
const shims: readonly Working[] = [
  by("D11", "leaves programs of the judge's names where a careless PATH looks", ["check_failed"], {
    breaks: "execution",
    work: ({ write, fire }) => {
      const shim = `#!/bin/sh\n${fire}\nexit 0\n`;
      return write(
        Object.fromEntries(
          ["node", "git", "sh", "bin/node", "bin/git", "bin/sh", "bin/cp"].map((name) => [name, shim]),
        ),
      );
    },
  }),
  by("D12", "leaves a module that the user's environment names", ["check_failed"], {
    breaks: "execution",
    work: async ({ write, fire, lair }) => {
      const { writeFile } = await import("node:fs/promises");
      await writeFile(
        `${lair}/preload.mjs`,
        `import { execSync } from "node:child_process";\nexecSync(${JSON.stringify(fire)});\nprocess.exit(0);\n`,
      );
      await writeFile(`${lair}/profile.sh`, `${fire}\nexit 0\n`);
      await write({ "docs/more.md": "# More\n" });
    },
  }),
];

export const processes: readonly Attack[] = [
  ...outliving,
  ...meddling,
  ...endless,
  ...loud,
  ...greedy,
  ...others,
  ...shims,
];
