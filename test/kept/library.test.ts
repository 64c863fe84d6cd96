import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { buildPackage } from "../helpers/built.js";
import { type Desk, openDesk, shop } from "../helpers/cli.js";
import { flipped } from "../helpers/turns.js";

let built: ReturnType<typeof buildPackage>;
let desk: Desk;
let folder: string;
beforeAll(async () => {
  built = buildPackage();
  folder = join(built.library, "..");
  desk = await openDesk(shop);
});
afterAll(async () => {
  await desk.dispose();
  built.remove();
});

const kept = async (): Promise<readonly string[]> =>
  (await readdir(folder)).filter((name) => name.includes(".kept"));
beforeEach(async () => {
  for (const name of await kept()) await rm(join(folder, name), { recursive: true });
});

/** A host's program in the desk's project: what it prints, once it has ended well. */
const hosted = (lines: string): Promise<string> => {
  const text = `import { openRunLedger } from ${JSON.stringify(pathToFileURL(built.library).href)};\n${lines}`;
  const env = { ...desk.env, RUNLEDGER_SET_runLedger__workspaceIsolation: "false", FOLDER: folder };
  return new Promise((done, failed) =>
    execFile(
      process.execPath,
      ["--input-type=module", "-e", text],
      { cwd: desk.repo, env },
      (error, out, err) => (error === null ? done(out) : failed(new Error(err))),
    ),
  );
};

const OPENS = "await (await openRunLedger()).close(); console.log(process.uptime() > 0);";

/** Until a life is no brief one any more. */
const LIVES_ON = `
const { readdirSync } = await import("node:fs");
const app = await openRunLedger();
const isKept = () => readdirSync(process.env.FOLDER).some((name) => /(?<!brief)\\.kept$/.test(name));
const { setTimeout: wait } = await import("node:timers/promises");
for (let tries = 0; tries < 300 && !isKept(); tries += 1) await wait(50);
await app.close();`;

const onlyKept = async (): Promise<string> => {
  const [name = "", ...others] = await kept();
  expect(others).toEqual([]);
  return join(folder, name);
};

it("that opens no ledger leaves nothing", async () => {
  await hosted("console.log(openRunLedger.name);");
  expect(await kept()).toEqual([]);
});

it("that ends at once leaves what it compiled, for all that end as soon", async () => {
  await hosted(OPENS);
  const file = await onlyKept();
  expect(file).toMatch(/\.brief\.kept$/);
  const { ino, mtimeMs } = await stat(file);
  expect(await hosted(OPENS)).toBe("true\n");
  // Whoever cannot use it makes it anew.
  expect(await stat(file)).toMatchObject({ ino, mtimeMs });
});

it("that lives on leaves more, in the place of what a brief life left", async () => {
  await hosted(OPENS);
  const { size: brief } = await stat(await onlyKept());
  await hosted(LIVES_ON);
  const file = await onlyKept();
  expect(file).not.toContain("brief");
  const { ino, mtimeMs, size } = await stat(file);
  expect(size).toBeGreaterThanOrEqual(brief);
  await hosted(OPENS);
  await hosted(LIVES_ON);
  expect(await onlyKept()).toBe(file);
  expect(await stat(file)).toMatchObject({ ino, mtimeMs });
});

it("never runs what changed by a single byte, and makes it anew", async () => {
  await hosted(OPENS);
  const file = await onlyKept();
  await writeFile(file, flipped(await readFile(file)));
  const { ino } = await stat(file);
  expect(await hosted(OPENS)).toBe("true\n");
  expect((await stat(await onlyKept())).ino).not.toBe(ino);
});

it("does without where nothing can be kept", async () => {
  await hosted(OPENS);
  const file = await onlyKept();
  await rm(file);
  await mkdir(file);
  expect(await hosted(OPENS)).toBe("true\n");
  expect(await onlyKept()).toBe(file);
});
