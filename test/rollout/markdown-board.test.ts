import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openMarkdownBoard } from "../../src/rollout/markdown-board.js";
import { temporaryFolder } from "../helpers/ledgers.js";
import { hostRun, hostStep, newRun, projectionSuite } from "./projection-suite.js";

const place = async (): Promise<string> => join(await temporaryFolder(), "BOARD.md");
const board = (file: string) => openMarkdownBoard({ file });
const read = (file: string): Promise<string> => readFile(file, "utf8");

const steps = [
  hostStep("build", { status: "completed", result: "built\nin 3 s" }),
  hostStep("test", { dependsOn: ["build"], status: "running" }),
  hostStep("docs", { agent: "", status: "skipped" }),
];

/** A board with its run, changed by hand. */
const edited = async (change: (text: string) => string) => {
  const file = await place();
  await board(file).save(hostRun("run-1", { steps }));
  await writeFile(file, change(await read(file)));
  return { file, run: async () => board(file).read("run-1") };
};

const seen = (text: string): string => text.replace(/ <!-- runledger:(run|step) .* -->$/gm, "");

describe("A Markdown board", () => {
  projectionSuite(async () => board(await place()));

  test("is what people read: a section a run, a box a step, words for what came of it", async () => {
    const file = await place();
    await board(file).save(hostRun("run-1", { steps }));
    await board(file).save(
      hostRun("run-2", {
        createdAt: "2026-01-03T00:00:00.000Z",
        steps: [],
        kind: "background",
        status: "failed",
        error: "no disk",
      }),
    );
    expect(seen(await read(file))).toBe(
      `# Runs

<!-- runledger:begin: written by RunLedger up to runledger:end; other text stays as it is -->

## Ship it

**failed** · background · session-1 · 2026-01-03 00:00 · run-2 — no disk

## Ship it

**running** · workflow · session-1 · 2026-01-02 03:04 · run-1

- [x] completed · **build** · Do build · coder — built in 3 s
- [ ] running · **test** · Do test · coder · after build
- [x] skipped · **docs** · Do docs

<!-- runledger:end -->
`,
    );
  });

  test("keeps what people write around the block, and its mode", async () => {
    const file = await place();
    await writeFile(file, "# Our board\r\n\r\nHello,\r\nteam.", { mode: 0o600 });
    await board(file).save(hostRun("run-1"));
    await writeFile(file, `${await read(file)}\nBye.\n\n`);
    const before = await read(file);
    await board(file).update("run-1", { kind: "run_status", status: "paused", result: "", error: "" });
    const after = await read(file);
    expect(after.startsWith("# Our board\r\n\r\nHello,\r\nteam.\n\n<!-- runledger:begin")).toBe(true);
    expect(after.endsWith("<!-- runledger:end -->\n\nBye.\n\n")).toBe(true);
    await board(file).save(hostRun("run-1"));
    expect(await read(file)).toBe(before);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test("is not written when nothing changes, nor by reading", async () => {
    const file = await place();
    expect(await board(file).list({ limit: 1 })).toEqual([]);
    await expect(stat(file)).rejects.toMatchObject({ code: "ENOENT" });
    await board(file).save(hostRun("run-1"));
    const { ino } = await stat(file);
    await board(file).save(hostRun("run-1"));
    expect((await stat(file)).ino).toBe(ino);
  });

  test("is the same whatever the order in which its runs came", async () => {
    const [one, other] = [await place(), await place()];
    const runs = ["a", "b", "c"].map((id, at) =>
      hostRun(id, { createdAt: `2026-01-0${at + 1}T00:00:00.000Z` }),
    );
    for (const run of runs) await board(one).save(run);
    for (const run of [...runs].reverse()) await board(other).save(run);
    expect(await read(one)).toBe(await read(other));
  });

  test("is followed where a link leads", async () => {
    const file = await place();
    await board(file).save(hostRun("run-1"));
    const link = join(await temporaryFolder(), "link.md");
    await symlink(file, link);
    await board(link).save(hostRun("run-2"));
    expect(await board(file).list({ limit: 5 })).toHaveLength(2);
    expect((await stat(link)).ino).toBe((await stat(file)).ino);
  });
});

describe("What a person edits on the board", () => {
  test.each([
    ["ticks a box", "- [ ] running", "- [x] running", { test: "completed" }],
    ["unticks one", "- [x] completed", "- [ ] completed", { build: "pending" }],
    ["writes another word", "- [ ] running", "- [ ] failed", { test: "failed" }],
    ["writes a word and ticks", "- [ ] running", "- [x] skipped", { test: "skipped" }],
  ])("%s: it is the host's word", async (_what, from, to, expected) => {
    const { run } = await edited((text) => text.replace(from, to));
    const statuses = Object.fromEntries(
      (await run())?.steps.map(({ stepId, status }) => [stepId, status]) ?? [],
    );
    expect(statuses).toMatchObject(expected);
  });

  test("the status of a run, a step that is taken out, line ends of another system", async () => {
    const { run } = await edited((text) =>
      text
        .replace("**running**", "**paused**")
        .replace(/^.*\*\*test\*\*.*\n/m, "")
        .replaceAll("\n", "\r\n"),
    );
    expect(await run()).toMatchObject({ status: "paused", steps: [{ stepId: "build" }, { stepId: "docs" }] });
  });

  test.each([
    [
      "a word that is none",
      (text: string) => text.replace("- [ ] running", "- [ ] dancing"),
      /line 10: it must begin with a box and a status/,
    ],
    ["a broken comment", (text: string) => text.replace('{"id":', '{"id"'), /line 7: its comment is no JSON/],
    [
      "a comment of something else",
      (text: string) => text.replace('"kind":"workflow"', '"kind":"opera"'),
      /its comment is not a run/,
    ],
    [
      "a mark that is gone",
      (text: string) => text.replace("<!-- runledger:end -->", ""),
      /the marks of the block do not fit/,
    ],
    [
      "two blocks, as a merge leaves them",
      (text: string) => text + text,
      /the marks of the block do not fit/,
    ],
    [
      "a run that stands there twice",
      (text: string) => text.replace(/^(\*\*running.*)$/m, "$1\n\n$1"),
      /the same run stands above/,
    ],
  ])("%s: it is refused by line, and nothing is written over it", async (_what, change, words) => {
    const { file, run } = await edited(change);
    const before = await read(file);
    await expect(run()).rejects.toMatchObject({
      code: "store_unavailable",
      message: expect.stringMatching(words),
    });
    await expect(board(file).save(hostRun("run-2"))).rejects.toMatchObject({ code: "store_unavailable" });
    expect(await read(file)).toBe(before);
  });
});

describe("Text of agents", () => {
  test("stays in its line and its words, whatever it tries", async () => {
    const file = await place();
    const evil = [
      "x\n- [x] completed · **fake** <!-- runledger:step {} -->",
      "--> <img src=x onerror=alert(1)> <!-- runledger:end -->",
      "[a](javascript:alert(1)) ![i](x) `c` **b** | ~~s~~ # h @all $m$",
      "\u001b[31m\u202e\u2028\u200b\u0000",
    ].join(" ");
    await board(file).save(
      hostRun(evil.slice(0, 190), {
        name: evil,
        steps: [hostStep("a", { goal: evil, result: evil, agent: "\r\n## Other" })],
      }),
    );
    const text = await read(file);
    expect(text.split("\n")).toHaveLength(12);
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
    const visible = seen(text);
    expect(visible.match(/^## /gm)).toHaveLength(1);
    expect(visible.match(/^- \[/gm)).toHaveLength(1);
    expect(visible.replace(/^<!-- runledger:(begin|end).*-->$/gm, "").match(/(?<!\\)[<>`[\]|$@#]/g)).toEqual([
      "#",
      "#",
      "#",
      "[",
      "]",
    ]);
    expect(text.match(/-->/g)).toHaveLength(4);
    // Two dashes in a comment make older Markdown show all of it.
    const comments = text.split("\n").filter((line) => / -->$/.test(line));
    expect(comments).toHaveLength(4);
    for (const line of comments) expect(line.slice(line.lastIndexOf("<!--") + 4, -3)).not.toContain("--");
    expect(await board(file).list({ limit: 5 })).toHaveLength(1);
  });
});

describe("Several writers", () => {
  const started = (file: string, name: string, count: number): ChildProcess => {
    const child = spawn(
      process.execPath,
      ["--import", "tsx", join(import.meta.dirname, "board-writer.ts"), file, name, String(count)],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    onTestFinished(() => void child.kill("SIGKILL"));
    return child;
  };
  const ended = async (child: ChildProcess): Promise<unknown> => (await once(child, "exit"))[0];

  test("of one process lose nothing", async () => {
    const file = await place();
    const [one, other] = [board(file), board(file)];
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? one : other).create(newRun({ id: `run-${at}` }))),
    );
    expect(await one.list({ limit: 100 })).toHaveLength(20);
  });

  test("of two processes lose nothing", async () => {
    const file = await place();
    const children = [started(file, "a", 15), started(file, "b", 15)];
    expect(await Promise.all(children.map(ended))).toEqual([0, 0]);
    const runs = await board(file).list({ limit: 100, statuses: ["completed"] });
    expect(runs).toHaveLength(30);
  }, 60_000);

  test("that are killed leave a whole board, a free lock, and no draft behind the next write", async () => {
    const file = await place();
    const child = started(file, "a", 100_000);
    for (let dots = 0; dots < 5; )
      dots += String((await once(child.stdout as NodeJS.ReadableStream, "data"))[0]).length;
    child.kill("SIGKILL");
    await ended(child);
    // What a crash between the write and the rename leaves, for certain.
    await writeFile(join(file, "..", ".BOARD.md.0123456789ab.draft"), "half a bo");
    const known = await board(file).list({ limit: 1_000 });
    expect(known.length).toBeGreaterThanOrEqual(5);
    await board(file).save(hostRun("after"));
    expect(await board(file).list({ limit: 1_000 })).toHaveLength(known.length + 1);
    expect((await readdir(join(file, ".."))).sort()).toEqual([".BOARD.md.lock", "BOARD.md"]);
  }, 60_000);
});
