import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buggySum, FIXED_SUM } from "../helpers/project.js";
import {
  expectRefused,
  expectVerified,
  openSuspects,
  type Scene,
  type Suspects,
} from "../helpers/suspects.js";

const TEST = "test/sum.test.mjs";
const NEUTERED = 'import { test } from "node:test";\ntest("prices add up", () => {});\n';

let suspects: Suspects;
beforeAll(async () => {
  suspects = await openSuspects(buggySum);
});
afterAll(() => suspects.dispose());

type Plant = readonly [what: string, work: (scene: Scene) => unknown];

const HOOKS = [
  ...["applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit"],
  ...["prepare-commit-msg", "commit-msg", "post-commit", "pre-rebase", "post-checkout", "post-merge"],
  ...["pre-push", "pre-receive", "update", "proc-receive", "post-receive", "post-update"],
  ...["reference-transaction", "push-to-checkout", "pre-auto-gc", "post-rewrite", "sendemail-validate"],
  ...["fsmonitor-watchman", "post-index-change"],
];

const gitFolder = ({ workspace }: Scene) => join(workspace, ".git");

const plantHooks = async (scene: Scene, folder = join(gitFolder(scene), "hooks")): Promise<string> => {
  await mkdir(folder, { recursive: true });
  for (const name of HOOKS) {
    await writeFile(join(folder, name), `#!/bin/sh\n${scene.fire}\n`);
    await chmod(join(folder, name), 0o755);
  }
  return folder;
};

const plantProgram = async ({ lair, fire }: Scene): Promise<string> => {
  const program = join(lair, "program");
  await writeFile(program, `#!/bin/sh\n${fire}\ncat\n`);
  await chmod(program, 0o755);
  return program;
};

/** Settings of an agent's git that make others run its program. */
const settingsOf = (program: string): string =>
  [
    `[core]\n\tfsmonitor = ${program}\n\tpager = ${program}\n\teditor = ${program}\n\tsshCommand = ${program}\n\taskPass = ${program}`,
    `[filter "evil"]\n\tclean = ${program}\n\tsmudge = ${program}\n\tprocess = ${program}\n\trequired = true`,
    `[diff]\n\texternal = ${program}\n[diff "evil"]\n\ttextconv = ${program}\n\tcommand = ${program}`,
    `[merge "evil"]\n\tdriver = ${program} %A\n[gpg]\n\tprogram = ${program}\n[commit]\n\tgpgSign = true`,
    `[credential]\n\thelper = !${program}\n[tar "tar.gz"]\n\tcommand = ${program}\n[uploadpack]\n\tpackObjectsHook = ${program}`,
    `[alias]\n\tstatus = !${program}\n\tadd = !${program}\n[sequence]\n\teditor = ${program}\n`,
  ].join("\n");

const EVIL_ATTRIBUTES = "* filter=evil diff=evil merge=evil\n";

const plants: readonly Plant[] = [
  ["hooks of all names", (scene) => plantHooks(scene)],
  [
    "core.hooksPath",
    async (scene) =>
      scene.git("config", "core.hooksPath", await plantHooks(scene, join(scene.lair, "hooks"))),
  ],
  ["core.fsmonitor", async (scene) => scene.git("config", "core.fsmonitor", await plantProgram(scene))],
  [
    "programs in every setting, with attributes that use them",
    async (scene) => {
      await appendFile(join(gitFolder(scene), "config"), settingsOf(await plantProgram(scene)));
      await writeFile(join(gitFolder(scene), "info", "attributes"), EVIL_ATTRIBUTES);
    },
  ],
  [
    "settings from elsewhere by include.path and config.worktree",
    async (scene) => {
      const file = join(scene.lair, "settings");
      await writeFile(file, settingsOf(await plantProgram(scene)));
      await writeFile(join(gitFolder(scene), "config.worktree"), settingsOf(await plantProgram(scene)));
      scene.git("config", "extensions.worktreeConfig", "true");
      await appendFile(join(gitFolder(scene), "config"), `[include]\n\tpath = ${file}\n`);
    },
  ],
  [
    "attributes that rewrite the tests on their way",
    async (scene) =>
      writeFile(
        join(gitFolder(scene), "info", "attributes"),
        "test/** working-tree-encoding=UTF-16 eol=crlf ident export-ignore\n",
      ),
  ],
  [
    "an ignore list that hides the code",
    async (scene) => writeFile(join(gitFolder(scene), "info", "exclude"), "*\n!easy\n"),
  ],
  [
    "a sparse checkout without tests",
    async (scene) => {
      scene.git("config", "core.sparseCheckout", "true");
      await writeFile(join(gitFolder(scene), "info", "sparse-checkout"), "/*\n!/test/\n");
    },
  ],
  ["core.worktree elsewhere", (scene) => scene.git("config", "core.worktree", scene.lair)],
  [
    "replace refs for the test and for the base",
    async (scene) => {
      const blob = scene.git("rev-parse", `HEAD:${TEST}`);
      const head = scene.git("rev-parse", "HEAD");
      await scene.write({ easy: NEUTERED });
      scene.git("replace", blob, scene.git("hash-object", "-w", "easy"));
      scene.git("replace", head, scene.git("commit-tree", "-m", "easier", `${head}^{tree}`));
      await scene.remove("easy");
    },
  ],
  [
    "grafts and a shallow boundary",
    async (scene) => {
      const head = scene.git("rev-parse", "HEAD");
      await writeFile(join(gitFolder(scene), "info", "grafts"), `${head}\n`);
      await writeFile(join(gitFolder(scene), "shallow"), `${head}\n`);
    },
  ],
  [
    "alternates with a test that is easier under the same name",
    async (scene) => {
      const blob = scene.git("rev-parse", `HEAD:${TEST}`);
      const objects = join(scene.lair, "objects");
      await mkdir(join(objects, blob.slice(0, 2)), { recursive: true });
      execFileSync("sh", [
        "-c",
        `printf 'not an object' > '${join(objects, blob.slice(0, 2), blob.slice(2))}'`,
      ]);
      await writeFile(join(gitFolder(scene), "objects", "info", "alternates"), `${objects}\n`);
    },
  ],
  [
    "objects of the base, overwritten in place",
    async (scene) => {
      const objects = join(gitFolder(scene), "objects");
      for (const name of await readdir(join(objects, "pack"))) {
        await chmod(join(objects, "pack", name), 0o644);
        await writeFile(join(objects, "pack", name), "gone");
      }
    },
  ],
  [
    "a .git file that leads to a repository of its own",
    async (scene) => {
      const evil = join(scene.lair, "evil.git");
      await rm(evil, { recursive: true, force: true });
      execFileSync("git", ["init", "--quiet", "--bare", evil]);
      await appendFile(join(evil, "config"), settingsOf(await plantProgram(scene)));
      await plantHooks(scene, join(evil, "hooks"));
      await rm(gitFolder(scene), { recursive: true });
      await writeFile(gitFolder(scene), `gitdir: ${evil}\n`);
    },
  ],
  ["nothing, and takes .git away", (scene) => rm(gitFolder(scene), { recursive: true })],
  [
    "repositories in folders of the tree",
    async (scene) => {
      const nested = join(scene.workspace, "src", "nested");
      execFileSync("git", ["init", "--quiet", nested]);
      await appendFile(join(nested, ".git", "config"), settingsOf(await plantProgram(scene)));
      await plantHooks(scene, join(nested, ".git", "hooks"));
    },
  ],
];

/** After these there is no git folder left for the others. */
const DESTRUCTIVE = /^(nothing|objects|core\.worktree|an? \.git)/;

describe("an agent that plants in its .git", () => {
  it.each(plants)(
    "%s: its files alone are judged, refused without a repair and verified with one",
    async (_what, plant) => {
      const lazy = await suspects.try(async (scene) => {
        await scene.write({ "src/note.txt": "done\n" });
        await plant(scene);
      });
      expectRefused(lazy, "check_failed");
      const honest = await suspects.try(async (scene) => {
        await scene.write({ "src/sum.mjs": FIXED_SUM });
        await plant(scene);
      });
      expectVerified(honest);
      const patches = await suspects.app.patch(honest.run.runId);
      expect(patches.map(({ bytes }) => bytes.toString().match(/^diff --git .*$/gm))).toEqual([
        ["diff --git a/src/sum.mjs b/src/sum.mjs"],
      ]);
      await suspects.expectUntouched();
    },
  );

  it("everything at once reaches neither the checkout nor its git when its repair is applied", async () => {
    const own = await openSuspects(buggySum);
    try {
      const honest = await own.try(async (scene) => {
        await scene.write({ "src/sum.mjs": FIXED_SUM });
        for (const [what, plant] of plants) if (!DESTRUCTIVE.test(what)) await plant(scene);
        // The control: the agent's own git does run what was planted.
        spawnSync("git", ["commit", "--all", "--message", "x"], { cwd: scene.workspace });
        expect(existsSync(scene.canary)).toBe(true);
        await rm(scene.canary);
      });
      expectVerified(honest);
      const config = await readFile(join(own.repo, ".git", "config"), "utf8");
      await own.app.apply(honest.run.runId);
      expect(own.git("show", "HEAD:src/sum.mjs")).toBe(FIXED_SUM);
      expect(own.git("status", "--porcelain")).toBe("");
      expect(await readFile(join(own.repo, ".git", "config"), "utf8")).toBe(config);
      expect(await readdir(own.place)).not.toContain("canary-0");
    } finally {
      await own.dispose();
    }
  });
});
