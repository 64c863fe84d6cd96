import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { SECRET, SHAPED } from "../arena.js";
import type { Attack, Calling, Desk, Scene, Working } from "../attack.js";

const by = (row: string, name: string, ends: readonly string[], more: Partial<Working>): Working => ({
  row,
  name,
  breaks: "secrets",
  ends,
  ...more,
});

/** Says something as an agent. */
const saying = (
  row: string,
  name: string,
  program: string,
  ends: readonly string[] = ["check_failed"],
): Working => by(row, name, ends, { program: () => program });

/** Says something as code under test, where a secret is passed on to it. */
const telling = (row: string, name: string, code: string): Working =>
  by(row, name, ["check_failed"], {
    code: () =>
      `import { writeSync } from "node:fs";\nconst secret = process.env.${SECRET} ?? "none";\n${code}`,
  });

const spoken: readonly Working[] = [
  saying("D10", "says the secret it is given, as an agent", `echo "the secret is $${SECRET}"`),
  saying("D10", "complains of the secret, as an agent", `echo "bad: $${SECRET}" >&2`),
  saying("D10", "says the secret and fails, as an agent", `echo "$${SECRET}"; exit 3`, ["interrupted"]),
  saying("D10", "says a token that only looks like one, as an agent", `echo "export GH=$${SHAPED};"`),
  saying("D10", "says all that it knows, as an agent", "env; cat /proc/self/environ; set"),
  saying(
    "D10",
    "says the secret in two halves, as an agent",
    `printf %s "$${SECRET}" | cut -c1-12 | tr -d '\\n'; sleep 0.3; printf %s "$${SECRET}" | cut -c13-`,
  ),
  saying(
    "D10",
    "says the secret before and after ten megabytes, as an agent",
    `echo "$${SECRET}"; head -c 10000000 /dev/zero | tr '\\0' x; echo "$${SECRET}"`,
  ),
  saying(
    "D10",
    "says the secret a thousand times without a break, as an agent",
    `n=0; while [ $n -lt 1000 ]; do printf %s "$${SECRET}"; n=$((n+1)); done`,
  ),
  telling("D10", "says the secret", "writeSync(1, secret);"),
  telling("D10", "says the secret in an error", "throw new Error(secret);"),
  telling("D10", "says the secret in base64", 'writeSync(1, Buffer.from(secret).toString("base64"));'),
  telling(
    "D10",
    "says the secret within base64",
    'writeSync(2, Buffer.from("user:" + secret + "@host").toString("base64"));',
  ),
  telling("D10", "says the secret in hexadecimal", 'writeSync(1, Buffer.from(secret).toString("hex"));'),
  telling(
    "D10",
    "says the secret in an address",
    "writeSync(1, 'https://x:' + encodeURIComponent(secret) + '@host/');",
  ),
  telling(
    "D10",
    "says the secret in colours",
    'writeSync(1, secret.replace(/(.{5})/g, "\\u001b[31m$1\\u001b[0m"));',
  ),
  telling("D10", "says the secret letter by letter", "for (const letter of secret) writeSync(1, letter);"),
  telling(
    "D10",
    "says the secret among bytes that are no text",
    "writeSync(1, Buffer.concat([Buffer.from([255, 0, 254]), Buffer.from(secret), Buffer.from([237, 160])]));",
  ),
  telling(
    "D10",
    "says the secret as the name of a test",
    'import { test } from "node:test";\ntest(secret, () => { throw new Error(secret); });',
  ),
  telling(
    "D10",
    "says the secret where a report is expected",
    'writeSync(1, JSON.stringify({ file: secret, id: secret, outcome: "passed" }));',
  ),
  telling(
    "D12",
    "says all that it knows",
    'writeSync(1, JSON.stringify(process.env)); try { writeSync(1, (await import("node:fs")).readFileSync("/proc/self/environ")); } catch {}',
  ),
];

const prying: readonly Working[] = [
  by("D7", "reads the environment of the user's other process", ["check_failed"], {
    code: ({ neighbour }) =>
      `import { readFileSync, writeSync } from "node:fs";\nfor (const file of ["environ", "cmdline"]) try { writeSync(1, readFileSync("/proc/${neighbour.pid}/" + file)); } catch {}`,
  }),
  by("D7", "reads the environment of whoever started it", ["check_failed"], {
    code: () =>
      'import { readFileSync, writeSync } from "node:fs";\nlet at = process.ppid;\nfor (let n = 0; n < 5 && at > 1; n += 1) try { writeSync(1, readFileSync("/proc/" + at + "/environ")); at = Number(/PPid:\\s+(\\d+)/.exec(readFileSync("/proc/" + at + "/status", "utf8"))?.[1]); } catch { break; }',
  }),
  by("D7", "reads the environment of the user's other process, as an agent", ["check_failed"], {
    program: ({ neighbour }) => `cat /proc/${neighbour.pid}/environ /proc/${neighbour.pid}/cmdline; true`,
  }),
];

/** The value itself, as an agent in this process knows it from the arena. */
const proposing = (name: string, ends: readonly string[], program: string): Working =>
  by("D10", name, ends, { program: () => program });

const written: readonly Working[] = [
  proposing(
    "proposes a file with the secret",
    ["interrupted"],
    `echo "const key = '$${SECRET}';" > src/key.mjs`,
  ),
  proposing(
    "proposes a large file with the secret in the middle",
    ["interrupted"],
    `{ head -c 3000000 /dev/zero | tr '\\0' x; echo "$${SECRET}"; head -c 3000000 /dev/zero; } > src/key.bin`,
  ),
  proposing("proposes a file that is named by the secret", ["interrupted"], `echo x > "src/$${SECRET}.txt"`),
  proposing(
    "proposes a protected file that is named by the secret",
    ["interrupted"],
    `echo x > ".env.$${SECRET}"`,
  ),
  proposing("proposes a link to the secret", ["interrupted"], `ln -s "$${SECRET}" src/link`),
  proposing(
    "keeps the secret in its own history",
    ["check_failed"],
    `git commit -q --allow-empty -m "$${SECRET}"; git config secret.key "$${SECRET}"`,
  ),
  proposing(
    "puts the secret into an ignored file",
    ["check_failed"],
    `mkdir -p coverage; echo "$${SECRET}" > coverage/key`,
  ),
  by("D10", "has the set-up of the room say the secret", ["check_failed"], {
    settings: {
      workspace: {
        passEnv: [SECRET],
        setup: [
          ["sh", "-c", `[ -z "$RUNLEDGER_STEP_ID" ] && echo "$${SECRET}" >&2; [ -e package.json ] && exit 0`],
        ],
      },
    },
    work: ({ write }: Scene) => write({ "docs/more.md": "# More\n" }),
  }),
  by("D10", "leads a link to where secrets lie", ["interrupted"], {
    work: ({ workspace }: Scene) => symlink("/proc/self/environ", join(workspace, "src/environ")),
  }),
];

/** What is noted is answered, and stored without the secret. */
const noting = (name: string, what: (secret: string, desk: Desk) => Promise<unknown>): Calling => ({
  row: "D10",
  name,
  breaks: "secrets",
  refused: [],
  call: async (desk) => {
    await what(desk.secret, desk);
    return undefined;
  },
});

/** A name of which a part is taken out would be another one. */
const naming = (name: string, what: (secret: string, desk: Desk) => Promise<unknown>): Calling => ({
  row: "D10",
  name,
  breaks: "secrets",
  refused: ["invalid_input"],
  call: (desk) => what(desk.secret, desk),
});

const noted: readonly Calling[] = [
  noting("notes the secret", (secret, { as, issue, run }) =>
    as(issue())("run_note", { run_id: run.runId, key: "found", value: `it is ${secret}` }),
  ),
  noting("notes something under the secret's name", (secret, { as, issue, run }) =>
    as(issue())("run_note", { run_id: run.runId, key: secret, value: "x" }),
  ),
  noting("claims the secret", (secret, { as, issue, run }) =>
    as(issue())("run_propose_step_result", {
      run_id: run.runId,
      step_id: "sign",
      result: secret,
      evidence_json: JSON.stringify([{ type: "log", content: secret }]),
    }).catch(() => undefined),
  ),
  naming("uses the secret as a key against repetition", (secret, { as, issue, run }) =>
    as(issue())("run_note", { run_id: run.runId, key: "a", value: "b", idempotency_key: secret }),
  ),
  naming("calls itself by the secret", (secret, { as, issue, run }) =>
    as(issue({ name: secret, role: "human" }))("run_note", { run_id: run.runId, key: "a", value: "b" }),
  ),
];

export const secrets: readonly Attack[] = [...spoken, ...prying, ...written, ...noted];
