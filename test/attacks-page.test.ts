import { expect, it } from "vitest";
import { families } from "./attacks/catalogue.js";
import { attacksPage } from "./attacks/page.js";

const attacks = Object.values(families).flat();

it("docs/attacks.md says what is tried", async () => {
  await expect(attacksPage()).toMatchFileSnapshot("../docs/attacks.md");
});

it("no two attacks have the same name", () => {
  const names = attacks.map(({ name }) => name);
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
});

it("there are more than a hundred", () => {
  expect(attacks.length).toBeGreaterThan(100);
});
