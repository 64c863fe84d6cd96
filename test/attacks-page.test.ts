import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { families } from "./attacks/catalogue.js";
import { attacksPage } from "./attacks/page.js";
import { defects } from "./attacks/planted/defects.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const attacks = Object.values(families).flat();

it("docs/attacks.md says what is tried", async () => {
  await expect(attacksPage()).toMatchFileSnapshot("../docs/attacks.md");
});

it("no two attacks have the same name", () => {
  const names = attacks.map(({ name }) => name);
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
});

it("each defect that is planted stands for a text that is there once, and for attacks that there are", async () => {
  const names = new Set(attacks.map(({ name }) => name));
  const lost: string[] = [];
  for (const { name, file, find, caughtBy } of defects) {
    const parts = (await readFile(join(ROOT, file), "utf8")).split(find);
    if (parts.length !== 2 || !caughtBy.every((one) => names.has(one))) lost.push(`${name} (${file})`);
  }
  expect(lost).toEqual([]);
});

it("there are more than a hundred", () => {
  expect(attacks.length).toBeGreaterThan(100);
});
