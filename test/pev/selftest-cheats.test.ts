import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ValidatorSpec } from "../../src/core/spec.js";
import { gitAt } from "../../src/pev/git.js";
import { plant } from "../../src/pev/selftest/changes.js";
import { cheats } from "../../src/pev/selftest/cheats.js";
import { openScene } from "../../src/pev/selftest/scene.js";
import { git, userRepository } from "../helpers/repositories.js";
import { toolchainSamples } from "../helpers/toolchain-samples.js";

/** What each cheat would write into such a project, by name: paths, a "-" in front of those it removes, or why not. */
const planted = async (files: Readonly<Record<string, string>>, validator: ValidatorSpec) => {
  const repo = userRepository(files);
  const scene = await openScene(gitAt(join(repo, ".git")), git(repo, "rev-parse", "HEAD"), validator);
  return Object.fromEntries(
    cheats
      .filter(({ against }) => against.has(validator.type))
      .map(({ name, plant }) => {
        const changes = plant(scene);
        if ("notApplicable" in changes) return [name, changes.notApplicable];
        return [name, [...changes].map(([path, text]) => (text === null ? `-${path}` : path))];
      }),
  );
};

const testPass = { type: "test_pass", target: "", params: {} } as const;

describe("the list of cheats", () => {
  it("names each once", () => {
    expect(new Set(cheats.map(({ name }) => name)).size).toBe(cheats.length);
  });

  it.each(toolchainSamples)("is made for a project in $name", async ({ files }) => {
    expect(await planted(files, testPass)).toMatchSnapshot();
  });

  it("is made for vitest, for commands and for builds", async () => {
    const files = {
      "package.json": '{ "scripts": { "test": "vitest run", "build": "tsc" } }\n',
      Makefile: "check:\n\tsh scripts/check.sh\n",
      "scripts/check.sh": "node src/main.ts\n",
      "src/main.ts": 'import { sum } from "./sum.js";\nconsole.log(sum([1]));\n',
      "src/sum.ts": "export const sum = (all: number[]) => all.length;\n",
      "src/sum.test.ts":
        'import { expect, it } from "vitest";\nimport { sum } from "./sum";\nit("adds", () => expect(sum([2])).toBe(2));\n',
    };
    const command = (target: string) => ({ type: "command_pass", target, params: {} }) as const;
    expect({
      tests: await planted(files, testPass),
      script: await planted(files, command("sh scripts/check.sh && test -s out/report.txt")),
      program: await planted(files, command("node src/main.ts")),
      build: await planted(files, { type: "build_pass", target: "", params: {} }),
    }).toMatchSnapshot();
  });

  it("says why where it makes no sense", async () => {
    expect(await planted({ "notes.txt": "one\n" }, testPass)).toMatchSnapshot();
  });
});

describe("a submission", () => {
  it("is the base with the changes, whatever the names, modes kept", async () => {
    const repo = userRepository({ "a.txt": "a\n", "run.sh": "#!/bin/sh\n", 'odd "name"\n€': "1\n" });
    git(repo, "update-index", "--chmod=+x", "run.sh");
    git(repo, "commit", "--quiet", "--message", "mode");
    const base = git(repo, "rev-parse", "HEAD");
    const changes = new Map([
      ["a.txt", null],
      ["run.sh", "exit 0\n"],
      ["new/b\\ack", "2\n"],
      ["go.sh", "#!/bin/sh\n"],
      ['odd "name"\n€', "3\n"],
    ]);
    const modes = new Map([["run.sh", "100755"]]);
    const store = gitAt(join(repo, ".git"));
    const { tree, commit } = await plant({ store, runId: "run_1", base, modes, name: "c/x", changes });
    expect(git(repo, "rev-parse", `${commit}^`, `${commit}^{tree}`)).toBe(`${base}\n${tree}`);
    const listed = git(repo, "ls-tree", "-r", "-z", tree).split("\0").filter(Boolean);
    expect(listed.map((line) => line.replace(/ blob \w+/, ""))).toEqual([
      "100755\tgo.sh",
      "100644\tnew/b\\ack",
      '100644\todd "name"\n€',
      "100755\trun.sh",
    ]);
  });
});
