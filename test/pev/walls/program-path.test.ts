import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { whyNoProgram } from "../../../src/pev/walls/program-path.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "program-"));
  await mkdir(join(folder, "bin"));
  await writeFile(join(folder, "plain.sh"), "#!/bin/sh\n");
  for (const [name, text] of [
    ["good.sh", "#!/bin/sh\n"],
    ["other.sh", "#!/no/such/shell -e\n"],
  ] as const) {
    await writeFile(join(folder, name), text);
    await chmod(join(folder, name), 0o700);
  }
});
afterAll(() => rm(folder, { recursive: true }));

it.each([
  ["./good.sh", ""],
  ["./none.sh", "it is not there"],
  ["./plain.sh/none", "it is not there"],
  ["./bin", "it is no file"],
  ["./plain.sh", "it is not executable (chmod +x)"],
  ["./other.sh", "its first line names /no/such/shell, which cannot be started"],
  ["no-such-program", "no folder of the PATH has it"],
])("says of %s why it cannot be started: %s", (program, why) => {
  expect(whyNoProgram(program, folder, join(folder, "bin"))).toBe(why);
});
