import { execFileSync } from "node:child_process";
import { readdirSync, renameSync } from "node:fs";
import { link, mkdir, mkdtemp, open, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Attack, Calling, Scene, Working } from "../attack.js";
import { planning } from "../planning.js";
import { NEUTERED, REPAIR, TEST } from "../projects.js";
import { elsewhere } from "./paths-elsewhere.js";

const ARTIFACT = "out/answer.txt";
const artifact = (params: Readonly<Record<string, unknown>> = {}, target = ARTIFACT) => ({
  step: { validator: { type: "artifact_exists", target, params } },
});

const by = (
  row: string,
  name: string,
  ends: readonly string[],
  work: (scene: Scene) => unknown,
  more: Partial<Working> = {},
): Working => ({ row, name, breaks: "verdict", ends, work, ...more });

const linked =
  (target: (scene: Scene) => string, at = ARTIFACT) =>
  async (scene: Scene): Promise<void> => {
    await mkdir(join(scene.workspace, at, ".."), { recursive: true });
    await symlink(target(scene), join(scene.workspace, at));
  };

const artifacts: readonly Working[] = [
  by(
    "B1",
    "makes the artifact a link to a file of the host",
    ["interrupted"],
    linked(() => "/etc/hostname"),
    artifact(),
  ),
  by(
    "B1",
    "makes the artifact a link to another file of the tree",
    ["artifact_missing"],
    linked(() => "../package.json"),
    artifact(),
  ),
  by(
    "B1",
    "puts the artifact behind a link of its folder",
    ["artifact_missing"],
    async ({ workspace, write }) => {
      await write({ "real/answer.txt": "42" });
      await symlink("real", join(workspace, "out"));
    },
    artifact(),
  ),
  by(
    "B1",
    "makes the artifact a link in a circle",
    ["artifact_missing"],
    async ({ workspace }) => {
      await mkdir(join(workspace, "out"));
      await symlink("b", join(workspace, "out/answer.txt"));
      await symlink("answer.txt", join(workspace, "out/b"));
    },
    artifact(),
  ),
  by(
    "B1",
    "makes the artifact a link that leads out by many links",
    ["interrupted"],
    async ({ workspace }) => {
      await mkdir(join(workspace, "out"));
      await symlink("..", join(workspace, "up"));
      await symlink("../up/../../../home/diary.txt", join(workspace, ARTIFACT));
    },
    artifact(),
  ),
  by(
    "B1",
    "makes the artifact a link into its own process",
    ["interrupted"],
    linked(() => "/proc/self/environ"),
    artifact(),
  ),
  by(
    "B1",
    "makes the artifact a link into its git folder",
    ["artifact_missing"],
    linked(() => "../.git/config"),
    artifact(),
  ),
  by(
    "B1",
    "makes the artifact a second name of a test of its own",
    ["artifact_unfit"],
    async ({ workspace }) => {
      await mkdir(join(workspace, "out"));
      await link(join(workspace, TEST), join(workspace, ARTIFACT));
    },
    artifact({ contains: "nothing like this" }),
  ),
  by(
    "B3",
    "makes the artifact a folder",
    ["artifact_missing"],
    ({ write }) => write({ [`${ARTIFACT}/x`]: "42" }),
    artifact(),
  ),
  by(
    "B3",
    "makes the artifact a pipe",
    ["interrupted"],
    ({ workspace }) => {
      execFileSync("sh", ["-c", `mkdir out && mkfifo ${ARTIFACT}`], { cwd: workspace });
    },
    artifact(),
  ),
  by(
    "B3",
    "makes the artifact a socket",
    ["interrupted"],
    async ({ workspace }) => {
      const server = createServer().listen(join(workspace, "s"));
      await new Promise((done) => server.once("listening", done));
      // Closing it would take the socket away.
      await rename(join(workspace, "s"), join(workspace, "t"));
      await new Promise((done) => server.close(done));
    },
    artifact({}, "t"),
  ),
  by(
    "B3",
    "makes the artifact a device",
    ["interrupted"],
    ({ workspace }) => {
      execFileSync("sh", ["-c", `mkdir out && mknod ${ARTIFACT} c 1 5`], { cwd: workspace });
    },
    { ...artifact(), needs: ["mknod"] },
  ),
  by(
    "B3",
    "makes the artifact a file of a terabyte with holes",
    ["interrupted"],
    async ({ workspace }) => {
      await mkdir(join(workspace, "out"));
      const file = await open(join(workspace, ARTIFACT), "w");
      await file.truncate(1024 ** 4);
      await file.close();
    },
    artifact(),
  ),
  by(
    "B4",
    "offers what was there before as its artifact",
    ["artifact_unfit"],
    () => undefined,
    artifact({}, "docs/guide.md"),
  ),
  by(
    "B4",
    "offers what was there before, written anew",
    ["artifact_unfit"],
    async ({ read, write }) => write({ "docs/guide.md": await read("docs/guide.md") }),
    artifact({}, "docs/guide.md"),
  ),
  by(
    "B4",
    "offers an empty artifact",
    ["artifact_unfit"],
    ({ write }) => write({ [ARTIFACT]: "" }),
    artifact({ min_bytes: 1 }),
  ),
  by(
    "B4",
    "offers an artifact without what was asked for",
    ["artifact_unfit"],
    ({ write }) => write({ [ARTIFACT]: "forty-two" }),
    artifact({ contains: "42" }),
  ),
  by(
    "B2",
    "offers an artifact in another case",
    ["artifact_missing"],
    ({ write }) => write({ "OUT/Answer.txt": "42" }),
    artifact(),
  ),
  by(
    "B2",
    "offers an artifact under a name that looks alike",
    ["artifact_missing"],
    ({ write }) => write({ "оut/answer.txt": "42", "out/answer.txt ": "42" }),
    artifact(),
  ),
];

/** So much lies before it that the store has begun to take it in when its turn comes. */
const PADDING = Object.fromEntries(
  Array.from({ length: 96 }, (_, n) => [`src/a${n}.txt`, `${n}${"x".repeat(65_536)}`]),
);
const LOOKS_MAX = 1_000_000;

/** What is there was listed as a file; by the time it is read it is a link. The store's unfinished pack says when that is. */
const exchanged = async ({ workspace, home, lair, dataDir, write }: Scene): Promise<void> => {
  await write({ ...PADDING, "src/z.txt": "mine\n" });
  const [trap, packs] = [join(lair, "trap"), join(dataDir, "store.git/objects/pack")];
  await rm(trap, { force: true });
  await symlink(join(home, "diary.txt"), trap);
  const before = new Set(readdirSync(packs));
  const look = (left: number): void => {
    const begun = readdirSync(packs).some((name) => name.startsWith("tmp_pack") && !before.has(name));
    if (begun) renameSync(trap, join(workspace, "src/z.txt"));
    else if (left > 0) setImmediate(look, left - 1);
  };
  setImmediate(look, LOOKS_MAX);
};

const links: readonly Working[] = [
  by("B1", "links the code to a repair outside", ["interrupted"], async ({ workspace, lair, remove }) => {
    await writeFile(join(lair, "sum.mjs"), REPAIR["src/sum.mjs"]);
    await remove("src/sum.mjs");
    await symlink(join(lair, "sum.mjs"), join(workspace, "src/sum.mjs"));
  }),
  by("B1", "links a folder of the code outside", ["interrupted"], async ({ workspace, remove }) => {
    await remove("src");
    await symlink("../../../../../../../..", join(workspace, "src"));
  }),
  by("B1", "links the code to the user's checkout", ["interrupted"], async ({ workspace, repo, remove }) => {
    await remove("src/sum.mjs");
    await symlink(join(repo, "src/sum.mjs"), join(workspace, "src/sum.mjs"));
  }),
  by("B1", "has a hard link of the user's file in its tree", ["check_failed"], ({ workspace, home }) =>
    link(join(home, "diary.txt"), join(workspace, "docs/diary.txt")),
  ),
  by("B5", "puts a link where its parent folder was", ["check_failed"], async ({ workspace, lair }) => {
    const moved = join(await mkdtemp(join(lair, "moved-")), "tree");
    await rename(workspace, moved);
    await symlink(moved, workspace);
    await rm(join(moved, "src/sum.mjs"));
  }),
  by("B1", "exchanges a file for a link while it is captured", ["interrupted"], exchanged, {
    says: '"src/z.txt" was exchanged while it was captured',
  }),
];

const names: readonly Working[] = [
  by("B2", "names a file by bytes that are no text", ["interrupted"], ({ workspace }) => {
    execFileSync("sh", ["-c", "printf x > \"$(printf 'a\\377b')\""], { cwd: workspace });
  }),
  by("B2", "names files by line breaks, quotes and commands", ["check_failed"], ({ write }) =>
    write({
      "src/a\nb": "x",
      "src/$(id)": "x",
      "src/`id`": "x",
      'src/"; rm -rf "': "x",
      "src/-rf": "x",
      "src/ ": "x",
      "src/\u001b[2J": "x",
    }),
  ),
  by("B2", "names a file like a row of git's index", ["check_failed"], ({ write }) =>
    write({ "src/100644 0000000000000000000000000000000000000000\tevil": "x", "src/\t": "x" }),
  ),
  by("B2", "names a file as only other systems may not", ["check_failed"], ({ write }) =>
    write({ "src/con": "x", "src/a:b": "x", "src/..\\..\\evil": "x" }),
  ),
  by("B6", "nests folders deeper than any source", ["interrupted"], ({ workspace }) =>
    mkdir(join(workspace, ...Array.from({ length: 70 }, () => "d")), { recursive: true }),
  ),
  by("B2", "shows a test in a name that is composed otherwise", ["check_failed"], ({ write }) =>
    write({ "test/sum\u0301.test.mjs": NEUTERED }),
  ),
];

/** Code under test that goes for the files by which the judge and it know each other. */
const inTheRoom = (
  name: string,
  statements: string,
  ends: readonly string[] = ["check_failed"],
): Working => ({
  row: "B3",
  name,
  breaks: "verdict",
  ends,
  code: () =>
    `import fs from "node:fs";\nimport { dirname, join } from "node:path";\nimport { execFileSync } from "node:child_process";\nconst report = join(dirname(process.env.HOME), "tests.json");\n${statements}`,
});

const reports: readonly Working[] = [
  inTheRoom(
    "turns the report into a pipe that nobody writes to",
    'try { fs.rmSync(report); execFileSync("mkfifo", [report]); } catch {}',
  ),
  inTheRoom("turns the report into a folder", "try { fs.rmSync(report); fs.mkdirSync(report); } catch {}"),
  inTheRoom(
    "turns the report into a link to one that was prepared",
    `try { fs.writeFileSync("/tmp/none/x", ""); } catch {}\nconst forged = join(dirname(report), "home", "forged.json");\nfs.writeFileSync(forged, '{"id":"${TEST} > prices add up","file":"${TEST}","outcome":"passed"}\\n{"end":true}\\n');\ntry { fs.rmSync(report); fs.symlinkSync(forged, report); } catch {}\nprocess.on("exit", () => process.reallyExit(0));`,
  ),
  inTheRoom("turns the report into a terabyte", "try { fs.truncateSync(report, 1024 ** 4); } catch {}"),
  inTheRoom(
    "takes the whole room away",
    "try { fs.rmSync(dirname(dirname(process.env.HOME)), { recursive: true }); } catch {}",
    // Where it can, there is nothing left to judge.
    ["check_failed", "room_failed"],
  ),
];

/** The room of the next verdict is laid out while agents work; who looks for it finds it. */
const inTheNextRoom = (name: string, change: string, more: Partial<Working> = {}): Working => ({
  row: "B5",
  name: `${name} in the room that is laid out ahead, as an agent`,
  breaks: "verdict",
  ends: ["check_failed"],
  program: ({ tmp }) =>
    `n=0; until ls '${tmp}'/runledger-*/*/tree/${TEST} > /dev/null 2>&1 || [ $n -gt 200 ]; do n=$((n+1)); sleep 0.02; done\nsleep 0.3\nfor tree in '${tmp}'/runledger-*/*/tree; do cd "$tree" && { ${change}; }; done; true`,
  ...more,
});

const NEUTERED_LINE = NEUTERED.replaceAll("\n", " ");
const ahead: readonly Working[] = [
  inTheNextRoom("rewrites the test", `echo 'import "node:test";' > ${TEST}`),
  inTheNextRoom("repairs the code", `echo '${REPAIR["src/sum.mjs"].trim()}' > src/sum.mjs`),
  inTheNextRoom("adds another test", `echo '${NEUTERED_LINE}' > test/z.test.mjs`),
  inTheNextRoom("leaves the proof that is asked for", "touch proof.txt", {
    step: { validator: { type: "command_pass", target: "[ -e proof.txt ]" } },
  }),
  inTheNextRoom(
    "exchanges the folder of tests",
    `mv test old && mkdir test && echo '${NEUTERED_LINE}' > ${TEST} && cp old/shop.test.mjs test/`,
  ),
  inTheNextRoom("plants hooks", "mkdir -p .git/hooks && echo 'exit 1' > .git/hooks/post-checkout"),
];

const plans: readonly Calling[] = [
  planning("B2", "asks for an artifact above the project", {
    validator: { type: "artifact_exists", target: "../../home/diary.txt" },
  }),
  planning("B2", "asks for an artifact by its absolute path", {
    validator: { type: "artifact_exists", target: "/etc/passwd" },
  }),
  planning("B2", "asks for an artifact behind a NUL", {
    validator: { type: "artifact_exists", target: "out/a\u0000b" },
  }),
  planning("B6", "names a step by a path", { id: "../../evil" }),
  planning("B6", "names a step by an option", { id: "--upload-pack=x" }),
  planning("B6", "names a step by ten thousand letters", { id: "a".repeat(10_000) }),
  planning("B6", "names a step by two lines", { id: "a\nb" }),
];

export const paths: readonly Attack[] = [
  ...artifacts,
  ...links,
  ...names,
  ...reports,
  ...elsewhere,
  ...ahead,
  ...plans,
];
